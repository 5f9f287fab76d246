"""The egfr paper's trained tables, 5 and 6: which cells fill them, what stands beside them, which claim they decide.

In: options; out: a :class:`~reproduce._command.Job`. The paper's numbers come from ``reproduce/papers/egfr.yaml``.
"""

from collections.abc import Callable, Sequence
from typing import Any

from reproduce._command import Job, Options
from reproduce._egfr.parts import (
    BATCHES,
    CLASSES,
    KEY,
    LOSSES,
    NETWORKS,
    baselines,
    columns,
    levels,
    narrow_note,
    network_label,
    rows,
)
from reproduce._egfr.protocol import Recipe, assumptions, cells, preparation
from reproduce._spec import ClaimSpec, TableSpec

GAIN = 0.01  # of AUC: what counts as an improvement, fixed before anything was run


def table5_recipes(options: Options) -> list[Recipe]:
    """Return cross-entropy or mixed loss, random or batch training, on ResNet34 (a narrow ResNet18 in quick)."""
    backbone = "resnet34" if options.preset == "paper" else "resnet18"
    shown = network_label(backbone, options)
    return [
        Recipe(
            f"resnet34-{loss}-{batches}",
            f"{shown} {LOSSES[loss]}  {BATCHES[batches]}",
            {"backbone": backbone, "loss": loss},
            {"batches": batches},
        )
        for loss in ("ce", "ml")
        for batches in ("rs", "bt")
    ]


def table5(options: Options) -> Job:
    """Plan Table 5: four training strategies."""
    recipes = table5_recipes(options)
    spec = TableSpec(
        key=KEY,
        number="5",
        title="Accuracy of training strategies for ResNet34",
        columns=columns(options),
        rows=rows("5", recipes),
        baselines=baselines(options),
        claims=(
            _claim("batch training beats random selection", "resnet34-{}-bt", "resnet34-{}-rs", ("ce", "ml")),
            _claim("the mixed loss beats cross-entropy", "resnet34-ml-{}", "resnet34-ce-{}", ("rs", "bt")),
        ),
        levels=levels(options),
        classes=CLASSES[options.data],
        notes=narrow_note(options),
    )
    return Job(spec, cells(options, "5", recipes), assumptions(options), drawn(options), preparation(options))


def table6_recipes(options: Options) -> list[Recipe]:
    """Return five networks x four losses, all with batch training."""
    return [
        Recipe(
            f"{backbone}-{loss}",
            f"{network_label(backbone, options)} {LOSSES[loss]}",
            {"backbone": backbone, "loss": loss},
            {"batches": "bt"},
        )
        for backbone in NETWORKS
        for loss in LOSSES
    ]


def table6(options: Options) -> Job:
    """Plan Table 6: five networks x four losses."""
    recipes = table6_recipes(options)
    printed = ("image/sensitivity", "image/specificity", "image/accuracy", "image/auc")
    spec = TableSpec(
        key=KEY,
        number="6",
        title="Metrics for the compared networks based on each loss",
        columns=columns(options, printed),
        rows=rows("6", recipes),
        baselines=baselines(options),
        claims=tuple(
            _claim(f"the mixed loss beats {text}, over all networks", "{}-ml", f"{{}}-{loss}", tuple(NETWORKS))
            for loss, text in (("ce", "cross-entropy"), ("ctl", "the triplet loss"), ("cil", "the lifted loss"))
        ),
        levels=levels(options),
        classes=CLASSES[options.data],
        notes=narrow_note(options),
    )
    return Job(spec, cells(options, "6", recipes), assumptions(options), drawn(options), preparation(options))


def drawn(options: Options) -> Callable[[Any], Sequence[Any]]:
    """Return what draws a trained table's examples; matplotlib is imported when it is called."""

    def draw(view: Any) -> Sequence[Any]:
        from reproduce._egfr.figures import Gallery

        return Gallery(options)(view)

    return draw


def _claim(text: str, better: str, worse: str, over: tuple[str, ...]) -> ClaimSpec:
    """Return a claim on the patients' AUC between pairs of rows, one pair for each name in ``over``."""
    return ClaimSpec(
        text,
        better=tuple(better.format(name) for name in over),
        worse=tuple(worse.format(name) for name in over),
        metric="patient/auc",
        tolerance=GAIN,
    )
