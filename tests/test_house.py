"""The house: one key, one name in every folder; each printed table listed; documents current; packages shipped."""

import importlib
import re
from pathlib import Path

import pytest
import yaml

from medrepro.reproduce.plan.cell import KEYS
from medrepro.reproduce.plan.identity import ROOT
from medrepro.reproduce.printed.load import load_paper
from medrepro.reproduce.report import documents as _render

FOLDERS = (
    "lightning_modules/{}.py", "datamodules/{}.py", "reproduce/{}.py", "reproduce/{}.md",
    "reproduce/papers/{}/printed.yaml",
    "tests/lightning_modules/test_{}.py", "tests/datamodules/test_{}.py", "tests/reproduce/test_{}.py",
    "notebooks/{}.py", "notebooks/{}.ipynb",
)  # fmt: skip


@pytest.fixture(scope="module")
def index() -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    loaded: dict[str, dict[str, dict[str, dict[str, str]]]] = yaml.safe_load(
        (ROOT / "reproduce" / "papers" / "index.yaml").read_text()
    )
    return loaded


@pytest.mark.parametrize("key", KEYS)
def test_one_key_one_name_in_every_folder(key: str) -> None:
    assert len(KEYS) == 5
    missing = [path.format(key) for path in FOLDERS if not (ROOT / path.format(key)).is_file()]
    assert missing == []


@pytest.mark.parametrize("key", KEYS)
def test_every_printed_table_has_a_command_or_a_reason(
    key: str, index: dict[str, dict[str, dict[str, dict[str, str]]]]
) -> None:
    assert len(KEYS) == 5
    listed = index[key]["tables"]
    assert set(load_paper(key).tables) <= set(listed), "a printed table is not in reproduce/papers/index.yaml"
    targets = importlib.import_module(f"medrepro.reproduce.{key}").COMMAND.targets
    for entry in [*listed.values(), *index[key]["figures"].values()]:
        assert set(entry) in ({"command"}, {"reason"})
        if "command" in entry:
            match = re.search(rf"reproduce/{key}\.py --(table|figure|study) (\S+)", entry["command"])
            assert match is not None, entry
            assert f"{match[1]} {match[2]}" in targets, entry


def test_documents_are_rendered_from_the_committed_results() -> None:
    texts = {path.name: path.read_text() for path in _render.documents()}
    assert len(texts) == 6
    filled = _render.tables(texts.values())
    for name, text in texts.items():
        assert _render.rendered(text, filled) == text, (
            f"{name} is out of date: python -m medrepro.reproduce.report.documents"
        )


def test_every_folder_of_code_is_a_package() -> None:
    """setup.py lists the packages by their __init__ files: a folder without one would be missing from the wheel."""
    tops = ("datamodules", "lightning_modules", "reproduce", "sweeps")
    folders = {path.parent for top in tops for path in (ROOT / top).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_sizes_of_files() -> None:
    tops = ("datamodules", "lightning_modules", "reproduce", "sweeps")
    long = [str(p) for top in tops for p in (ROOT / top).rglob("*.py") if len(p.read_text().splitlines()) > 300]
    assert long == []


def test_nothing_names_a_private_place() -> None:
    words = ("/wo" + "rk/", "farm-" + "studio", ".lib" + "rary", "pypi" + ".org")
    kinds = (".py", ".md", ".toml", ".yaml", ".cff", ".html", ".ipynb", "")
    tracked = [p for p in ROOT.rglob("*") if p.is_file() and p.suffix in kinds and not _hidden(p)]
    assert len(tracked) > 100
    bad = [str(p) for p in tracked for word in words if word in p.read_text(errors="ignore")]
    assert bad == []


def _hidden(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(
        (part.startswith(".") and part != ".ci") or part in ("runs", "build") or part.endswith(".egg-info")
        for part in parts
    )
