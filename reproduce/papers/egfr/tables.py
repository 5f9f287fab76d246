"""The egfr paper's trained tables, 5 and 6: which cells fill them, what stands beside them, which claim they decide.

In: options; out: a :class:`~medrepro.reproduce.plan.paper.Job`. The paper's numbers come from
``reproduce/papers/egfr/printed.yaml``.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from medrepro.reproduce.papers.egfr.paper import (
    BATCHES,
    CLASSES,
    KEY,
    LOSSES,
    NETWORKS,
    Recipe,
    assumptions,
    baselines,
    cells,
    columns,
    levels,
    narrow_note,
    network_label,
    preparation,
    rows,
)
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.table import ClaimSpec, Column, RowSpec, TableSpec

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
        from medrepro.reproduce.papers.egfr.figures import Gallery

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


GROUPS_A_CLASS = 3  # Sec. 3.2
PAPER_TRAINING_IMAGES = 12_835  # Table 2
PAPER_BATCH = 36  # Sec. 3.1.2
COSTS = {
    "ml-printed": "mixed loss, as printed (Eq. 14)",
    "ml-counted": "mixed loss, 2 l - 1 operations a dot product",
    "bt": "batch training without the clustering (Eq. 13)",
    "total": "both, as printed (Eq. 12)",
    "network": "for scale: ResNet34, forward and backward",
}


def _plan(options: Options, spec: TableSpec, recipes: list[Recipe], data: bool = True) -> Job:
    """Return a job of computed cells: one seed, one fold, no epoch."""
    table = spec.number
    planned = cells(replace(options, seeds=(options.seeds or (0,))[:1], folds=1, epochs=None), table, recipes)
    computed = tuple(
        replace(cell, config={**cell.config, "train": {"epochs": 0, "select": "last"}}) for cell in planned
    )
    notes = assumptions(options) if data else ()
    return Job(spec, computed, notes, prepare=preparation(options) if data else None)


def table1(options: Options) -> Job:
    """Plan Table 1: the groups that the batch sampler draws from, and how many of each a batch holds."""
    recipes = [
        Recipe(f"{label}-{rank}", f"{name}, group {rank + 1}", {}, {"batches": "bt"})
        for label, name in enumerate(CLASSES[options.data])
        for rank in range(GROUPS_A_CLASS)
    ]
    spec = TableSpec(
        key=KEY,
        number="1",
        title="The construction procedure of the batch samples, carried out",
        columns=(
            Column("group/images", "training images", digits=0),
            Column("group/share", "share, %", scale=100),
            Column("group/expected", "seats in a batch, by proportion", digits=2),
            Column("group/least", "fewest in a full batch", digits=0),
            Column("group/most", "most in a full batch", digits=0),
        ),
        rows=tuple(RowSpec(recipe.row, recipe.label) for recipe in recipes),
        notes=("The paper's Table 1 is a procedure of four steps and prints no numbers.",),
        ranked=False,
    )
    return _plan(options, spec, recipes)


def table2(options: Options) -> Job:
    """Plan Table 2: image counts of the cohorts, ours and the paper's."""
    recipes = [
        Recipe(row, label, {}, {})
        for row, label in (("training", "training"), ("validation", "validation (our test)"), ("number", "images"))
    ]
    recipes.append(Recipe("total", "total of images", {}, {}))
    negative, positive = CLASSES[options.data]
    spec = TableSpec(
        key=KEY,
        number="2",
        title="The construction of the dataset",
        columns=(
            Column("images/positive", f"class 1 ({positive})", paper="mutant", digits=0),
            Column("images/negative", f"class 0 ({negative})", paper="wild", digits=0),
            Column("images/share", "class 1, %", scale=100),
            Column("images/patients", "patients", digits=0),
        ),
        rows=rows("2", recipes),
        notes=(
            "Class 1 is EGFR-mutant in the paper.",
            "The paper's shares of training images are 80.05 % of the mutant and 80.01 % of the wild-type ones, in "
            "cohorts of 155 and 56 patients from two hospitals: what a random split of all images would give.",
        ),
        ranked=False,
    )
    return _plan(options, spec, recipes)


def table4(options: Options) -> Job:
    """Plan Table 4: parameters and operations of the five networks at the paper's scale, whatever the preset."""
    recipes = [Recipe(name, label, {"backbone": name, "scale": "paper"}, {}) for name, label in NETWORKS.items()]
    spec = TableSpec(
        key=KEY,
        number="4",
        title="The parameters and computational complexity of the compared networks",
        columns=(
            Column("network/parameters", "parameters, M", paper="parameters", digits=3),
            Column("network/difference", "off by, %", digits=2),
            Column("network/macs", "multiply-adds, M", paper="flops", digits=1),
            Column("network/flops", "2 x multiply-adds, M", digits=1),
        ),
        rows=rows("4", recipes),
        notes=(
            "The paper prints no widths; ours fit its parameters, BatchNorm counted 4 a channel as Keras does.",
            "No family of widths fits its FLOPs as well: ResNet34 and ResNet18 of one family differ in parameters by a "
            "factor of at least 1.66, the table's differ by 1.29.",
        ),
        ranked=False,
    )
    return _plan(replace(options, preset="paper"), spec, recipes, data=False)


def complexity(options: Options) -> Job:
    """Plan the cost model of Sec. 2.4 at the paper's sizes."""
    sizes = {"batch_size": PAPER_BATCH, "images": PAPER_TRAINING_IMAGES}
    recipes = [Recipe(row, label, sizes, {}) for row, label in COSTS.items()]
    spec = TableSpec(
        key=KEY,
        number="complexity",
        title="Cost of batch training and the mixed loss, Eqs. 12-14",
        columns=(
            Column("cost/flops", "operations an iteration, M", digits=2),
            Column("cost/share", "of the network's own, %", scale=100, digits=3),
        ),
        rows=tuple(RowSpec(recipe.row, recipe.label) for recipe in recipes),
        notes=(
            "n_b = 36, l = 512, C = 2, 12,835 training images. Eq. 14 charges l^2 + l - 1 operations for a dot product "
            "of length l, which takes 2 l - 1.",
        ),
        ranked=False,
    )
    return _plan(replace(options, preset="paper"), spec, recipes, data=False)
