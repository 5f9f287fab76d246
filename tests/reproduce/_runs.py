"""Folders of runs in the real layout, without training: two papers, two presets, an unknown table, a broken file.

In: a folder. Out: it, filled; what the dashboard's tests look at.
"""

from pathlib import Path
from typing import Any

from medrepro.reproduce.plan.identity import code_sha256
from tests.reproduce._fakes import DATA, SKILLS, content, predictions, slices, write

EVIL = '<script>alert("row")</script> & sons'
EGFR_ROWS = {"resnet34-ce-rs": "ce-rs", "resnet34-ce-bt": "ce-bt", "resnet34-ml-rs": "ml-rs", "resnet34-ml-bt": "ml-bt"}
ORIGINAL = {**DATA, "name": "nsclc-slices", "tier": "original", "surrogate_for": None}
PATIENTS = 40


def make_runs(folder: Path) -> Path:
    """Fill ``folder`` with runs."""
    fresh: dict[str, Any] = {"code_sha256": code_sha256("egfr")}
    for seed in (0, 1):
        for row, skill in EGFR_ROWS.items():
            _write(folder / "egfr-quick", row, skill, seed, **fresh)
    for row, skill in list(EGFR_ROWS.items())[:2]:
        _write(folder / "egfr-paper", row, skill, 0, preset="paper", data=ORIGINAL, **fresh)
    _write(folder / "quadsnet-quick", "qn", "ml-bt", 0, key="quadsnet", table="3")  # of other code: stale
    stated = {"metrics": {"patient/auc": 0.8}, "ci": {"patient/auc": [0.7, 0.9, "bootstrap-patient", 50]}}
    own: dict[str, Any] = {"table": "own", "row_label": EVIL, "predictions": None, **stated}
    place = folder / "own-study" / "results" / "egfr" / "own"
    write(place, content("odd", 0, **own, **fresh), None)
    broken = folder / "broken" / "results" / "egfr" / "5"
    broken.mkdir(parents=True)
    (broken / "broken__0__0.json").write_text("{")
    (folder / "egfr-quick" / "report.html").write_text("a report")
    (folder / "egfr-quick" / "options.json").write_text("{}")  # no result: must not be read as one
    return folder


def _write(run: Path, row: str, skill: str, seed: int, **changes: Any) -> None:
    key, table = str(changes.get("key", "egfr")), str(changes.get("table", "5"))
    frame = predictions(SKILLS[skill], seed, slices(patients=PATIENTS))
    write(run / "results" / key / table, content(row, seed, **changes), frame)
