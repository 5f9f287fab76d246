"""The house: one key, one name in every folder; each printed table a target; documents current; packages shipped."""

from pathlib import Path

import pytest

from medrepro.reproduce.papers import KEYS
from medrepro.reproduce.plan.identity import ROOT
from medrepro.reproduce.plan.paper import Reason, load
from medrepro.reproduce.printed.load import load_paper
from medrepro.reproduce.report import documents as _render

FOLDERS = (
    "lightning_modules/{}.py", "datamodules/{}.py", "reproduce/{}.py", "reproduce/{}.md",
    "reproduce/papers/{}/printed.yaml",
    "tests/lightning_modules/test_{}.py", "tests/datamodules/test_{}.py", "tests/reproduce/test_{}.py",
    "notebooks/{}.py", "notebooks/{}.ipynb",
)  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_one_key_one_name_in_every_folder(key: str) -> None:
    missing = [path.format(key) for path in FOLDERS if not (ROOT / path.format(key)).is_file()]
    assert missing == []


@pytest.mark.parametrize("key", KEYS)
def test_every_printed_table_has_a_target_or_a_reason(key: str) -> None:
    targets = load(key).targets
    assert {f"table {name}" for name in load_paper(key).tables} <= set(targets), "a printed table has no target"
    for name, target in targets.items():
        assert name.split(" ")[0] in ("table", "figure", "study")
        assert target.text if isinstance(target, Reason) else target.help


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
