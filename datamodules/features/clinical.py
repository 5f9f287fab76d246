"""Read the clinical table of NSCLC Radiogenomics, one row per patient, every used column checked."""

from pathlib import Path

import pandas as pd

from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.tables import line_of, read_table

PATIENT = "Patient ID"
AGE = "Age at Histological Diagnosis"
SEX = "Gender"
SMOKING = "Smoking status"
HISTOLOGY = "Histology"
EGFR = "EGFR mutation status"
CT_TO_SURGERY = "Days between CT and surgery"

ALLOWED = {
    SEX: ("Female", "Male"),
    SMOKING: ("Nonsmoker", "Former", "Current"),
    HISTOLOGY: ("Adenocarcinoma", "Squamous cell carcinoma", "NSCLC NOS (not otherwise specified)"),
    EGFR: ("Wildtype", "Mutant", "Unknown", "Not collected"),
}
NUMBERS = {AGE: (0.0, 120.0), CT_TO_SURGERY: (-3650.0, 3650.0)}  # years; days


def read_clinical(path: Path) -> pd.DataFrame:
    """Read and check the table.

    Returns:
        One row a patient: the columns named in this module; ages and days as numbers, NaN where not collected.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not a CSV, a missing column, a patient twice, or a value that is not allowed, with its line.
    """
    needed = [PATIENT, *ALLOWED, *NUMBERS]
    table = read_table(path, needed, "--clinical-csv takes the NSCLC Radiogenomics clinical table")[needed]
    twice = table[PATIENT][table[PATIENT].duplicated()]
    if len(twice):
        raise InputError(f"{path} line {line_of(twice.index[0])}: patient {twice.iloc[0]!r} occurs twice")
    for name, allowed in ALLOWED.items():
        _check(path, name, table[name], table[name].isin(allowed), f"allowed: {', '.join(allowed)}")
    for name, (low, high) in NUMBERS.items():
        values = pd.to_numeric(table[name].where(table[name] != "Not Collected"), errors="coerce")
        fine = (table[name] == "Not Collected") | values.between(low, high)
        _check(path, name, table[name], fine, f"allowed: {low:g} to {high:g}, or Not Collected")
        table[name] = values
    return table


def _check(path: Path, column: str, values: "pd.Series[str]", fine: "pd.Series[bool]", allowed: str) -> None:
    if not fine.all():
        first = values.index[~fine][0]
        raise InputError(f"{path} line {line_of(first)}, column {column!r}: {values[first]!r}; {allowed}")


def known_status(table: pd.DataFrame) -> pd.DataFrame:
    """Return the patients whose EGFR status is wild type or mutant."""
    return table[table[EGFR].isin(("Wildtype", "Mutant"))]


def ct_within(table: pd.DataFrame, days: int) -> pd.DataFrame:
    """Return the patients whose CT was taken 0 to ``days`` days before surgery."""
    return table[table[CT_TO_SURGERY].between(0, days)]
