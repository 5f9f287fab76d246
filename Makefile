# Set-up is the first command you type: every target makes .venv when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
LINKS := build/typing/medrepro

# One target per paper, found by its folder, and one per command; ARGS are passed on: make egfr ARGS="--table 6".
PAPERS := $(patsubst reproduce/papers/%/printed.yaml,%,$(wildcard reproduce/papers/*/printed.yaml))
COMMANDS := $(PAPERS) audit claims dashboard everything

.PHONY: $(COMMANDS) test lint format clean

$(COMMANDS): $(STAMP)
	$(BIN)/python reproduce/$@.py $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

lint: $(STAMP) $(LINKS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# mypy and editors find the import name medrepro.<folder> through these links.
$(LINKS):
	mkdir -p $@
	for folder in datamodules lightning_modules reproduce sweeps; do ln -sfn ../../../$$folder $@/$$folder; done

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(STAMP): pyproject.toml setup.py constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --editable ".[dev]" --constraint constraints.txt
	touch $(STAMP)
