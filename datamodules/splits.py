"""Divide samples into training, validation and test so that all samples of a patient are in one part.

Every split is a pure function of its arguments; a datamodule checks it again by :func:`check_disjoint`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from medrepro.datamodules.support.errors import InputError

Indices = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
Groups = npt.NDArray[np.str_]
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Sample indices of the three parts; ``leaky`` marks a split that ignored patients on purpose."""

    train: Indices
    val: Indices
    test: Indices
    leaky: bool = False


def group_kfold(labels: Labels, groups: Groups, folds: int, seed: int) -> list[Indices]:
    """Divide samples into ``folds`` parts: no group in two parts, class shares as equal as the groups allow.

    Args:
        labels: ``(N,)`` class of each sample.
        groups: ``(N,)`` patient of each sample.
        folds: number of parts, at least 2.
        seed: the same seed gives the same parts.

    Returns:
        ``folds`` sorted index arrays that together hold each sample once.

    Raises:
        InputError: a class has fewer groups than there are folds.
    """
    for value in np.unique(labels):
        found = len(np.unique(groups[labels == value]))
        if found < folds:
            raise InputError(
                f"class {value} has {found} patients, too few for {folds} folds; use at most {found} folds or more data"
            )
    samples = np.zeros(len(labels))
    if len(np.unique(groups)) == len(groups):  # one sample a group: the same task, 100 x faster at 60,000 samples
        alone = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
        return [np.sort(test) for _, test in alone.split(samples, labels)]
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    return [np.sort(test) for _, test in splitter.split(samples, labels, groups)]


def holdout(labels: Labels, groups: Groups, fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Hold out about ``fraction`` of the samples, by whole groups: returns ``(kept, held out)``.

    The held-out part is one fold of ``round(1 / fraction)``; ``fraction`` 0 holds nothing out.

    Raises:
        InputError: ``fraction`` outside [0, 0.5], or too few groups.
    """
    if not 0.0 <= fraction <= 0.5:
        raise InputError(f"cannot hold out a fraction of {fraction}; allowed: 0 to 0.5")
    if fraction == 0.0:
        return np.arange(len(labels)), np.empty(0, dtype=np.int64)
    held = group_kfold(labels, groups, round(1 / fraction), seed)[0]
    return np.setdiff1d(np.arange(len(labels)), held), held


def fold_split(labels: Labels, groups: Groups, folds: int, fold: int, val_fraction: float, seed: int) -> Split:
    """Test on part ``fold`` of ``folds``, validate on ``val_fraction`` of the rest, train on what remains.

    The partition into folds depends on ``seed`` alone, so all folds of one seed fit together.

    Raises:
        InputError: ``fold`` is not one of the folds.
    """
    if not 0 <= fold < folds:
        raise InputError(f"fold {fold} does not exist; allowed: 0 to {folds - 1}")
    test = group_kfold(labels, groups, folds, seed)[fold]
    rest = np.setdiff1d(np.arange(len(labels)), test)
    kept, held = holdout(labels[rest], groups[rest], val_fraction, seed)
    return Split(rest[kept], rest[held], test)


def cohort_split(
    labels: Labels, groups: Groups, is_test: npt.NDArray[np.bool_], val_fraction: float, seed: int
) -> Split:
    """Test on a given cohort, validate on ``val_fraction`` of the others' patients, train on the rest."""
    rest = np.flatnonzero(~is_test)
    kept, held = holdout(labels[rest], groups[rest], val_fraction, seed)
    return Split(rest[kept], rest[held], np.flatnonzero(is_test))


def official_split(
    given: npt.ArrayLike, labels: Labels, groups: Groups, val_fraction: float | None = None, seed: int = 0
) -> Split | None:
    """Return the parts that the source itself names; None if it does not.

    Args:
        given: ``(N,)`` ``train``, ``val`` or ``test``; samples of any other name are in no part.
        labels: ``(N,)`` class of each sample.
        groups: ``(N,)`` patient of each sample.
        val_fraction: share of the training part that is held out where the source has no validation part; None
            accepts only a source that puts every sample into one of three non-empty parts.
        seed: of holding out.

    Example:
        >>> parts = official_split(["test", "train", "val", "train"], np.zeros(4, np.int64), np.array(list("abcd")))
        >>> parts.train.tolist(), parts.val.tolist(), parts.test.tolist()
        ([1, 3], [2], [0])
    """
    names = np.asarray(given)
    if val_fraction is None and set(names.tolist()) != set(PARTS):
        return None
    train, val, test = (np.flatnonzero(names == part) for part in PARTS)
    if len(test) == 0:
        return None
    if len(val) == 0 and val_fraction is not None:
        kept, held = holdout(labels[train], groups[train], val_fraction, seed)
        train, val = train[kept], train[held]
    return Split(train, val, test)


def image_split(split: Split, seed: int) -> Split:
    """Shuffle the samples of ``split`` over parts of the same sizes, patients ignored. For measuring leakage only."""
    order = np.random.default_rng([seed, 7]).permutation(np.concatenate([split.train, split.val, split.test]))
    first, second = len(split.train), len(split.train) + len(split.val)
    return Split(np.sort(order[:first]), np.sort(order[first:second]), np.sort(order[second:]), leaky=True)


def check_disjoint(groups: Groups, train: Indices, val: Indices, test: Indices) -> None:
    """Refuse a split in which a patient is on two sides.

    Raises:
        InputError: names the two sides, the count and the first three patients.
    """
    sides = {"train": train, "val": val, "test": test}
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        shared = np.intersect1d(groups[sides[first]], groups[sides[second]])
        if len(shared):
            count = f"{len(shared)} patient{'s are' if len(shared) > 1 else ' is'}"
            raise InputError(
                f"{count} in both {first} and {second}, such as {', '.join(shared[:3])}; "
                "split by patient, or correct patient_id in the data"
            )


def check_classes(labels: Labels, split: Split, classes: tuple[str, ...]) -> None:
    """Refuse a training or test part that lacks a class: no loss, AUC or sensitivity would mean anything.

    Raises:
        InputError: names the part and the missing class.
    """
    for side, index in (("training", split.train), ("test", split.test)):
        for value, name in enumerate(classes):
            if not (labels[index] == value).any():
                raise InputError(
                    f"the {side} part has no sample of class {value} ({name}) among {len(index)}; "
                    "use another seed or fold, fewer folds, or more data"
                )
