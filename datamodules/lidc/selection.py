"""Draw a cohort from the labelled nodules: pairs of one size, a share of malignant ones, so many patients.

Size decides most nodules: diameter alone reaches an AUC of 0.91. A size-matched cohort takes it away, so that a network
must read more than size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from medrepro.datamodules.support.errors import InputError

MATCH_MM = 0.5  # diameters of a pair; of the LUNA16 cohort 175 pairs, diameter's AUC 0.506


def size_matched(table: pd.DataFrame, within_mm: float = MATCH_MM) -> pd.DataFrame:
    """Return pairs of a malignant and a benign nodule whose diameters differ by at most ``within_mm``.

    As many pairs as there can be, and of these the ones with the smallest differences in all; a pair never spans two
    cohorts. Rows keep their order; the nodules of a pair may be of one patient.

    Args:
        table: nodules with ``label`` 0 or 1, ``diameter_mm`` and, where there are several, ``cohort``.
        within_mm: largest difference of a pair's diameters, in mm.

    Raises:
        InputError: no two nodules match.

    Example:
        >>> table = pd.DataFrame({"label": [0, 1, 1], "diameter_mm": [9.0, 9.4, 20.0]})
        >>> size_matched(table)["diameter_mm"].tolist()
        [9.0, 9.4]
    """
    kept = np.sort(np.concatenate([_pairs(table, rows, within_mm) for rows in _groups(table)]))
    if len(kept) == 0:
        raise InputError(
            f"no malignant and benign nodule of {len(table)} have diameters within {within_mm} mm; allow a larger one"
        )
    return table.iloc[kept].reset_index(drop=True)


def _pairs(table: pd.DataFrame, rows: npt.NDArray[np.int64], within_mm: float) -> npt.NDArray[np.int64]:
    """Return the positions in ``table`` of the paired nodules among ``rows``."""
    labels, diameters = table["label"].to_numpy()[rows], table["diameter_mm"].to_numpy()[rows]
    malignant, benign = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    gaps = np.abs(diameters[malignant, None] - diameters[None, benign])
    # a forbidden pair costs more than all allowed ones together: the number of pairs comes first
    left, right = linear_sum_assignment(np.where(gaps <= within_mm, gaps, within_mm * (len(rows) + 1) + 1))
    allowed = gaps[left, right] <= within_mm
    paired: npt.NDArray[np.int64] = rows[np.concatenate([malignant[left[allowed]], benign[right[allowed]]])]
    return paired


def with_prevalence(table: pd.DataFrame, share: float, seed: int = 0) -> pd.DataFrame:
    """Return nodules of which a ``share`` is malignant, in each cohort: the class with too many loses some by the seed.

    Args:
        table: nodules with ``label`` 0 or 1 and, where there are several, ``cohort``; rows keep their order.
        share: of malignant nodules, between 0 and 1.
        seed: of the draw.

    Raises:
        InputError: the share is not between 0 and 1, or leaves no nodule of a class.

    Example:
        >>> table = pd.DataFrame({"label": [0, 1, 1, 0, 0, 1, 1]})
        >>> with_prevalence(table, 0.25)["label"].mean()
        np.float64(0.25)
    """
    if not 0 < share < 1:
        raise InputError(f"prevalence {share}: must lie between 0 and 1; it is the share of malignant nodules")
    draw, kept = np.random.default_rng(seed), []
    for rows in _groups(table):
        malignant, benign = (rows[table["label"].to_numpy()[rows] == label] for label in (1, 0))
        most = min(len(malignant), round(len(benign) * share / (1 - share)))
        whole = most < len(malignant)  # then the benign nodules all stay
        rest = len(benign) if whole else min(len(benign), round(most * (1 - share) / share))
        if most == 0 or rest == 0:
            raise InputError(f"prevalence {share} leaves no {'benign' if most else 'malignant'} nodule of {len(rows)}")
        kept += [draw.choice(malignant, most, replace=False), draw.choice(benign, rest, replace=False)]
    return table.iloc[np.sort(np.concatenate(kept))].reset_index(drop=True)


def _groups(table: pd.DataFrame) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of each cohort; all together where there is one."""
    yield from (np.asarray(rows) for rows in table.groupby(_cohorts(table)).indices.values())


def _cohorts(table: pd.DataFrame) -> npt.NDArray[np.str_]:
    return table["cohort"].to_numpy(np.str_) if "cohort" in table.columns else np.zeros(len(table), np.str_)


@dataclass(frozen=True)
class Cohort:
    """Which of a paper's nodules take part; the default is all of them.

    Attributes:
        matched: only pairs of a malignant and a benign nodule of one size (:func:`size_matched`).
        prevalence: share of malignant nodules (:func:`with_prevalence`); 0 for what there is.
        limit_patients: only the first so many patients, of each cohort where there are two; 0 for all.
    """

    matched: bool = False
    prevalence: float = 0.0
    limit_patients: int = 0

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the nodules of ``table`` that take part, in their order."""
        table = size_matched(table) if self.matched else table
        table = with_prevalence(table, self.prevalence) if self.prevalence else table
        if self.limit_patients:
            order = table["patient_id"].groupby(_cohorts(table)).transform(lambda ids: pd.factorize(ids, sort=True)[0])
            table = table[order < self.limit_patients]
        return table.reset_index(drop=True)


ALL = Cohort()
