"""Plans of the egfr paper's tables that need no training: 1, 2, 4 and the cost model. They answer in seconds.

In: options; out: a :class:`~reproduce._command.Job`. What fills the cells is ``computed.py``.
"""

from dataclasses import replace

from reproduce._command import Job, Options
from reproduce._egfr.parts import CLASSES, KEY, NETWORKS, rows
from reproduce._egfr.protocol import Recipe, assumptions, cells, preparation
from reproduce._spec import Column, RowSpec, TableSpec

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
