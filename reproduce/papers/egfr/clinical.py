"""Table 3 of the egfr paper: the cohort from the clinical table beside the printed one, p-values recomputed.

In: options (``--clinical-csv``, or the table below ``--data-root``); out: a job and, cell by cell, its numbers. Without
a clinical table the recomputed p-values stand alone: they need only the paper's own counts.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from medrepro.datamodules.features import clinical
from medrepro.reproduce.papers.egfr.paper import KEY, Recipe, cells
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.table import Column, RowSpec, TableSpec
from medrepro.reproduce.printed.load import load_paper
from medrepro.reproduce.run.outcome import Outcome

DEFAULT_CSV = "nsclc/NSCLCR01Radiogenomic_DATA_LABELS_2018-05-22_1500-shifted.csv"
MONTHS = (30, 31)
ROWS: dict[str, Callable[[pd.DataFrame], float]] = {
    "patients": lambda table: float(len(table)),
    "age": lambda table: float(table[clinical.AGE].mean()),
    "sex-female": lambda table: _count(table, clinical.SEX, "Female"),
    "sex-male": lambda table: _count(table, clinical.SEX, "Male"),
    "smoking-never": lambda table: _count(table, clinical.SMOKING, "Nonsmoker"),
    "smoking-former": lambda table: _count(table, clinical.SMOKING, "Former"),
    "smoking-current": lambda table: _count(table, clinical.SMOKING, "Current"),
    "histology-adenocarcinoma": lambda table: _count(table, clinical.HISTOLOGY, "Adenocarcinoma"),
    "histology-squamous": lambda table: _count(table, clinical.HISTOLOGY, "Squamous cell carcinoma"),
    "histology-nos": lambda table: _count(table, clinical.HISTOLOGY, "NSCLC NOS (not otherwise specified)"),
    "egfr-wild": lambda table: _count(table, clinical.EGFR, "Wildtype"),
    "egfr-mutant": lambda table: _count(table, clinical.EGFR, "Mutant"),
}


def _count(table: pd.DataFrame, column: str, value: str) -> float:
    return float((table[column] == value).sum())


def table3(options: Options) -> Job:
    """Plan Table 3."""
    given = options.flags.get("clinical-csv")
    found = Path(options.data_root, DEFAULT_CSV) if options.data_root else None
    path = given or (str(found) if found and found.is_file() else None)
    if path:
        clinical.read_clinical(Path(path).expanduser())  # a bad table is refused before anything is written
    printed = load_paper(KEY).table("3")
    recipes = [Recipe(row, printed.rows[row].label, {"clinical_csv": path}, {}) for row in ROWS]
    rows = tuple(
        RowSpec(
            recipe.row,
            recipe.label,
            {name: cell.printed for name in printed.columns if (cell := printed.cell(recipe.row, name)) is not None},
        )
        for recipe in recipes
    )
    columns = [
        Column("cohort/known", "EGFR status known", paper="training", digits=0),
        *(Column(f"cohort/within{days}", f"CT within {days} days", digits=0) for days in MONTHS),
        Column("p/chi2", "p, chi-square", paper="p", digits=4),
        Column("p/fisher", "p, Fisher", digits=4),
    ]
    spec = TableSpec(
        key=KEY,
        number="3",
        title="The clinical characteristics of patients",
        columns=tuple(columns),
        rows=rows,
        ranked=False,
        notes=(
            "p-values compare the paper's own counts of training and validation patients; age has no counts.",
            *_cohort_notes(path),
        ),
    )
    single = replace(options, data="embedded", data_root=None, preset="paper", seeds=(0,), epochs=None)
    planned = cells(single, "3", recipes)
    train = {"epochs": 0, "select": "last"}
    # What is counted is the clinical table: it, and not a folder of images, identifies the cell.
    data = {"data_root": str(Path(path).expanduser().parent) if path else None}
    return Job(spec, tuple(replace(cell, config={**cell.config, "data": data, "train": train}) for cell in planned))


def _cohort_notes(path: str | None) -> tuple[str, ...]:
    if path is None:
        return ("The cohort's columns are counted in the clinical table of NSCLC Radiogenomics: --clinical-csv FILE.",)
    table = clinical.known_status(clinical.read_clinical(Path(path).expanduser()))
    left = [len(clinical.ct_within(table, days)) for days in MONTHS]
    return (
        f"{len(table)} patients have a known EGFR status. The paper's exclusion 'exceeding 1 month from CT' "
        f"leaves {left[0]} to {left[1]} of them, not the 155 that it trains on.",
    )


def compute(cell: Cell) -> Outcome:
    """Count one attribute in the clinical table, and test the paper's counts of its group."""
    path = cell.config["module"].get("clinical_csv")
    metrics: dict[str, float | str] = dict(p_values(cell.row))
    if path:
        table = clinical.known_status(clinical.read_clinical(Path(path).expanduser()))
        metrics["cohort/known"] = ROWS[cell.row](table)
        metrics |= {f"cohort/within{days}": ROWS[cell.row](clinical.ct_within(table, days)) for days in MONTHS}
    name = "NSCLC Radiogenomics clinical table" if path else "the paper's own counts"
    data = {"name": name, "kind": "clinical records, no images", "task": "cohort description", "tier": "original"}
    return Outcome(data=data, metrics=metrics)


def p_values(row: str) -> dict[str, float]:
    """Return chi-square and Fisher p-values of the paper's counts, for the first row of each attribute."""
    printed = load_paper(KEY).table("3")
    if printed.value(row, "p") is None or not printed.rows[row].group:
        return {}
    group = [name for name, other in printed.rows.items() if other.group == printed.rows[row].group]
    counts = np.array([[printed.value(name, side) or 0.0 for side in ("training", "validation")] for name in group])
    counts = counts[counts.sum(axis=1) > 0]
    chi2 = stats.chi2_contingency(counts, correction=False).pvalue
    fisher = stats.fisher_exact(counts.astype(int)).pvalue
    return {name: float(p) for name, p in (("p/chi2", chi2), ("p/fisher", fisher)) if math.isfinite(p)}
