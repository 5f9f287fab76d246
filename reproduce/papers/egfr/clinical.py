"""Compute Table 3 of the egfr paper: the cohort in the clinical table, and p-values of the paper's own counts."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from medrepro.datamodules.features import clinical
from medrepro.reproduce.papers.egfr.protocol import KEY
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.printed.load import load_paper
from medrepro.reproduce.run.outcome import Context, Outcome

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


def compute(cell: Cell, context: Context) -> Outcome:
    """Count one attribute in the clinical table, and test the paper's counts of its group."""
    del context
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
