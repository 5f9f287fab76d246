"""Does a split by patients look like one? Shares of images against shares of patients.

In: a paper's ``splits``: the image and patient cohorts of the training and the other part. Out: splits
in which every class is divided in one round ratio of images although its patients are divided otherwise,
which is what shuffling images does and what keeping patients (or hospitals) apart hardly ever does.
"""

from medrepro.reproduce.checks.findings import Finding, Result
from medrepro.reproduce.printed.model import Paper, Split

ROUND_RATIO = 0.05  # ratios people choose: multiples of 5 %
CLOSE = 0.001  # within 0.1 points of such a ratio
APART = 0.03  # patients divided by at least 3 points otherwise


def split_plausibility(paper: Paper, split: Split) -> Result:
    """Equal round shares of images in every class, unequal shares of patients."""
    classes = list(paper.cohorts[split.training_images].classes)
    images = [_share(paper, split.training_images, split.other_images, name) for name in classes]
    patients = [_share(paper, split.training_patients, split.other_patients, name) for name in classes]
    ratio = round(images[0] / ROUND_RATIO) * ROUND_RATIO
    round_shares = all(abs(share - ratio) <= CLOSE for share in images)
    apart = any(abs(p - i) >= APART for p, i in zip(patients, images, strict=True))
    if not (round_shares and apart and 0 < ratio < 1):
        return Result("split_plausibility", 1)
    return Result("split_plausibility", 1, (_finding(paper, split, classes, ratio),))


def _share(paper: Paper, training: str, other: str, name: str) -> float:
    first, second = paper.cohorts[training].classes[name], paper.cohorts[other].classes[name]
    return first / (first + second) if first + second else 0.0


def _finding(paper: Paper, split: Split, classes: list[str], ratio: float) -> Finding:
    lines = [line for name in classes for line in _class_lines(paper, split, name)]
    odds = 1.0
    for name in classes:
        odds *= min(1.0, 2 * CLOSE * _patients(paper, split, name))
    return Finding(
        check="split_plausibility",
        severity="unclear",
        where=split.where,
        summary=f"Every class is divided {100 * ratio:.0f} : {100 * (1 - ratio):.0f} by images to within "
        f"{100 * CLOSE:g} points, but not by patients: this is how images are shuffled, not how patients or "
        "hospitals are kept apart.",
        arithmetic=(
            *lines,
            f"moving one average patient moves a class's share by 1/(its patients); all classes within "
            f"{100 * CLOSE:g} points of {100 * ratio:.0f} % by accident: about {odds:.3f}",
        ),
        tolerance=f"{100 * CLOSE:g} points",
        caveat="A split by patients can give these shares by accident, or images may have been chosen to.",
        line=split.line,
    )


def _patients(paper: Paper, split: Split, name: str) -> int:
    return sum(paper.cohorts[part].classes[name] for part in (split.training_patients, split.other_patients))


def _class_lines(paper: Paper, split: Split, name: str) -> list[str]:
    lines = []
    for unit, training, other in (
        ("images", split.training_images, split.other_images),
        ("patients", split.training_patients, split.other_patients),
    ):
        first, second = paper.cohorts[training].classes[name], paper.cohorts[other].classes[name]
        lines.append(f"{name}, {unit}: {first}/({first} + {second}) = {100 * first / (first + second):.2f} %")
    return lines
