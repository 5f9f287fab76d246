"""The egfr protocol: what each preset trains, and the numbered assumptions that a run rests on.

In: options and a row's choice of network, loss and batches; out: cells with their whole configuration.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.table import BaselineSpec, Column, Level, RowSpec, Subset
from medrepro.reproduce.printed.load import load_paper

NOTHING: Mapping[str, Any] = {}
EMBEDDED = "embedded"
FOLDS = 5  # of data without cohorts of their own

# What each preset changes of the defaults of module, datamodule and training, which are the paper's.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {"module": {}, "data": {}, "train": {"epochs": 50, "select": "best"}},
    "quick": {
        "module": {"scale": "quick", "lr": 1e-3, "schedule": "cosine"},
        "data": {"slices_per_nodule": 4},
        "train": {"epochs": 5, "select": "last"},
    },
    "smoke": {
        "module": {"scale": "quick", "lr": 1e-3, "schedule": "cosine"},
        "data": {"limit_patients": 16, "val_fraction": 0.25},
        "train": {"epochs": 3, "select": "last"},
    },
}
SEEDS = {"paper": (0, 1, 2, 3, 4), "quick": (0, 1, 2), "smoke": (0,)}

ASSUMPTIONS = {
    "task": "1. Labels: malignancy (mean rating above or below 3) stands in for EGFR status, which is not embedded.",
    "margin": "2. Margin q of Eq. 8 is not printed: 0.5.",
    "rows": "3. Eq. 8 is undefined for a sample without positives or negatives in its batch: such rows are left out.",
    "epochs": "4. Epochs are not printed: 50 in `paper`, the best of them chosen on held-out training patients.",
    "clusters": "5. The clustering is not described: K-means, 3 groups a class, on 50 principal components.",
    "allocation": "6. Table 1 asks for proportional selection, Sec. 3.2 for 'the same proportion': proportional here.",
    "window": "7. No intensity window is printed: [-1000, 400] HU.",
    "split": "8. Patients are never split; the paper's image counts (80.05 and 80.01 % a class) suggest its were.",
    "quick": "9. quick: narrow networks, at most 4 training slices a nodule, lr 1e-3 with cosine decay, 5 epochs.",
    "smoke": "9. smoke: 16 patients a cohort, width 16, 3 epochs: proves that the code runs, measures nothing.",
}


def preparation(options: Options) -> Callable[[], object]:
    """Return what fills the cache, or looks whether the files are there, before any worker starts."""
    if options.data != EMBEDDED:
        return lambda: _look(options)
    limit = PRESETS[options.preset]["data"].get("limit_patients", 0)

    def render() -> object:
        from medrepro.datamodules.lidc.cohorts import embedded_slices

        return embedded_slices(options.cache_dir, limit, progress=not options.quiet)

    return render


def _look(options: Options) -> object:
    """Find the archive and read it through: damage is told here, once, and not by every worker."""
    if options.data == "nsclc":
        from medrepro.datamodules.prepare.format import open_prepared

        return open_prepared(options.data_root or ".", "nsclc")
    from medrepro.datamodules.ct import published_slices as ct_slices
    from medrepro.datamodules.images.entry import check_header
    from medrepro.datamodules.support.archives import check_archive

    name = ct_slices.LIDC_FILE if options.data == "lidc-nodules" else ct_slices.NSCLC_FILE
    path = ct_slices.existing(Path(options.data_root or ".").expanduser(), name, "see reproduce/egfr.md, Data")
    if name == ct_slices.LIDC_FILE:
        return check_archive(path)
    if not check_archive(path, lambda member, stream: check_header(stream) if not member.endswith(".csv") else None):
        raise InputError(f"{path} holds no files; get it again")
    return path


def assumptions(options: Options) -> tuple[str, ...]:
    """Return the card's numbered deviations that touch this run."""
    skipped = {"quick", "smoke"} - {options.preset}
    if options.data not in (EMBEDDED, "nsclc"):
        skipped |= {"window"}
    if options.data in ("nsclc", "nsclc-slices"):
        skipped |= {"task"}
    return tuple(text for name, text in ASSUMPTIONS.items() if name not in skipped)


@dataclass(frozen=True)
class Recipe:
    """One row's choices: an id and label, and what it sets in module and datamodule."""

    row: str
    label: str
    module: dict[str, Any]
    data: dict[str, Any]


def cells(
    options: Options,
    table: str,
    recipes: Sequence[Recipe],
    epochs: int | None = None,
    seeds: Sequence[int] | None = None,
    train: Mapping[str, Any] = NOTHING,
) -> tuple[Cell, ...]:
    """Return one cell for each recipe, seed and fold, seeds outermost so that early results are whole tables.

    Args:
        options: what the user asked for.
        table: which table the cells belong to.
        recipes: its rows.
        epochs: instead of the preset's; the user's ``--epochs`` still wins.
        seeds: instead of the preset's; the user's ``--seeds`` still win.
        train: further settings of the training.
    """
    chosen = options.seeds or seeds or SEEDS[options.preset]
    folds = 1 if options.data == EMBEDDED else (options.folds or FOLDS)
    length = options.epochs or epochs or PRESETS[options.preset]["train"]["epochs"]
    return tuple(
        _cell(options, table, recipe, (seed, fold), {**train, "epochs": length})
        for seed in chosen
        for fold in range(folds)
        for recipe in recipes
    )


def _cell(options: Options, table: str, recipe: Recipe, run: tuple[int, int], train: Mapping[str, Any]) -> Cell:
    preset, (seed, fold) = PRESETS[options.preset], run
    module = {**preset["module"], **recipe.module, "epochs": train["epochs"], "seed": seed, **options.module}
    data = {
        **preset["data"],
        "data": options.data,
        "data_root": options.data_root,
        "seed": seed,
        "fold": fold,
        "leaky_split": options.split == "image",
        **recipe.data,
        **options.datamodule,
    }
    return Cell(
        key="egfr",
        table=table,
        row=recipe.row,
        label=recipe.label,
        seed=seed,
        fold=fold,
        preset=options.preset,
        config={"module": module, "data": data, "train": {**preset["train"], **train, "precision": options.precision}},
        out=options.out,
        command=options.command,
        runtime=options.runtime,
    )


KEY = "egfr"
NETWORKS = {
    "vgg16": "VGG16Net",
    "resnet18": "ResNet18",
    "resnet34": "ResNet34",
    "resnet50": "ResNet50",
    "densenet": "DenseNet",
}
LOSSES = {"ce": "CE", "ctl": "CTL", "cil": "CIL", "ml": "ML"}
BATCHES = {"rs": "random", "bt": "batch training"}
CLASSES = {
    EMBEDDED: ("benign", "malignant"),
    "lidc-nodules": ("benign", "malignant"),
    "nsclc-slices": ("wild type", "mutant"),
    "nsclc": ("wild type", "mutant"),
}
LEVELS = (Level("image"), Level("nodule", "nodule_id"), Level("patient", "patient_id", "max", of="nodule"))
LEVELS_WITHOUT_NODULES = (Level("image"), Level("patient", "patient_id"))
BASELINES = {
    EMBEDDED: ("diameter", "pixel-count", "majority"),
    "lidc-nodules": ("pixel-count", "majority"),
    "nsclc-slices": ("majority",),
    "nsclc": ("diameter", "pixel-count", "majority"),
}
BASELINE_LABELS = {"diameter": "diameter alone", "pixel-count": "pixel count alone", "majority": "majority"}
PAPER_COLUMNS = {"image/sensitivity": "se", "image/specificity": "sp", "image/accuracy": "acc", "image/auc": "auc"}
SHORT = {"image/sensitivity": "SE", "image/specificity": "SP", "image/accuracy": "ACC", "image/auc": "AUC"}


def levels(options: Options) -> tuple[Level, ...]:
    """Return image, nodule and patient; without nodules a patient's score is the mean of the images."""
    return LEVELS_WITHOUT_NODULES if options.data == "nsclc-slices" else LEVELS


def baselines(options: Options) -> tuple[BaselineSpec, ...]:
    """Return the trivial baselines that the data allow."""
    return tuple(BaselineSpec(name, BASELINE_LABELS[name]) for name in BASELINES[options.data])


def columns(options: Options, printed: Sequence[str] = ("image/accuracy",)) -> tuple[Column, ...]:
    """Return a trained table's columns: the paper's metrics, AUC over patients, the lead over the baseline."""
    found = [
        Column(
            metric, f"{SHORT[metric]}, images", paper=PAPER_COLUMNS[metric], scale=1 if metric == "image/auc" else 100
        )
        for metric in printed
    ]
    found.append(Column("patient/auc", "AUC, patients", ci=True))
    first = BASELINES[options.data][0]
    if first != "majority":
        found.append(Column("patient/auc", f"- {first}", minus=first))
    if first == "diameter":
        within = Subset("diameter_mm", 8, 15)
        found.append(Column("nodule/auc", "- diameter, nodules of 8-15 mm", minus=first, within=within))
    return tuple(found)


def rows(table: str, recipes: Sequence[Recipe]) -> tuple[RowSpec, ...]:
    """Return the recipes as rows, each with what the paper prints for that row of ``table``."""
    printed = load_paper(KEY).table(table)
    found = []
    for recipe in recipes:
        cells = {name: printed.cell(recipe.row, name) for name in printed.columns}
        values = {name: cell.printed for name, cell in cells.items() if cell is not None and cell.printed}
        found.append(RowSpec(recipe.row, recipe.label, paper=values, method=recipe.row.partition("-")[2]))
    return tuple(found)


def network_label(backbone: str, options: Options) -> str:
    """Return a network's name, with a star where the preset makes it narrow."""
    return NETWORKS[backbone] + ("" if options.preset == "paper" else "*")


def narrow_note(options: Options) -> tuple[str, ...]:
    """Return what the star means, where there is one."""
    return (
        ()
        if options.preset == "paper"
        else ("* a narrow network of that design, not the paper's width (assumption 9)",)
    )
