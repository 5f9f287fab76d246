"""Declare the cellline paper's tables, figures and tuning studies: cells, columns, claims."""

from collections.abc import Sequence
from typing import Any, Literal

from medrepro.reproduce.papers.cellline import baselines
from medrepro.reproduce.papers.cellline.bases import derive
from medrepro.reproduce.papers.cellline.paper import (
    EMBEDDED,
    LINES,
    STRATEGIES,
    Recipe,
    Start,
    assumptions,
    cell,
    cells,
    folds,
    seeds,
)
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.table import ClaimSpec, Column, Level, RowSpec, TableSpec
from medrepro.reproduce.printed.load import load_paper

KEY = "cellline"
LEVELS = (Level("image"), Level("flask", "patient_id"))
NEEDS_WEIGHTS = "needs --weights PATH"
COLUMNS = (
    Column("image/f1", "F1", paper="f1", ci=True, digits=2),
    Column("image/auc", "AUC", ci=True, digits=2),
    Column("confidence/right", "sure, right", digits=2),
    Column("confidence/wrong", "sure, wrong", digits=2),
    Column("calibration/ece", "ECE", digits=2),
    Column("calibration/ece-scaled", "ECE, scaled", digits=2),
)
"""Of every table that trains: F1 with its interval over flasks, AUC, mean confidence, calibration error."""


def best_start(weights: str) -> Start:
    """Return where strategy V's transfer comes from: ImageNet if its weights are here, else the source task."""
    return "imagenet" if weights else "source"


def strategy_five(weights: str, row: str, label: str, **data: Any) -> Recipe:
    """Return the paper's best strategy (RGB, nearest, transfer) under another row's name and data."""
    return Recipe(row, label, best_start(weights), data={"augment": "nearest", **data})


def printed(table: str, row: str, *columns: str) -> dict[str, str]:
    """Return the paper's values of a row, mean and standard deviation in one where both are printed."""
    found = load_paper(KEY).table(table)
    values = {name: found.cell(row, name).printed for name in columns or ("f1",)}
    if "sd" in found.columns and found.value(row, "sd") is not None:
        values["f1"] = f"{values['f1']} ± {found.cell(row, 'sd').printed}"
    return values


def job(
    options: Options,
    number: str,
    title: str,
    rows: Sequence[RowSpec],
    planned: Sequence[Cell],
    columns: Sequence[Column] = COLUMNS,
    claims: Sequence[ClaimSpec] = (),
    classes: Sequence[str] = (),
    ranked: bool = True,
    kind: Literal["Table", "Figure", "Study"] = "Table",
) -> Job:
    """Return a job whose table has these rows, filled by these cells."""
    spec = TableSpec(
        key=KEY,
        number=number,
        title=title,
        columns=tuple(columns),
        rows=tuple(rows),
        claims=tuple(claims),
        levels=LEVELS,
        classes=tuple(classes) if options.data == EMBEDDED else (),
        ranked=ranked,
        kind=kind,
    )
    return Job(spec, tuple(planned), assumptions(options))


def trained_job(
    options: Options,
    weights: str,
    number: str,
    title: str,
    recipes: Sequence[Recipe],
    paper: dict[str, dict[str, str]] | None = None,
    **rest: Any,
) -> Job:
    """Return a job of trained rows; those that start from ImageNet stay blank without its weights."""
    rows = [
        RowSpec(
            recipe.row,
            recipe.label,
            (paper or {}).get(recipe.row, {}),
            reason=NEEDS_WEIGHTS if recipe.start == "imagenet" and not weights else "",
        )
        for recipe in recipes
    ]
    able = [recipe for recipe in recipes if recipe.start != "imagenet" or weights]
    below, trivial = baselines.planned(options, number, recipes)
    planned = (*cells(options, number, able, weights), *trivial)
    return job(options, number, title, [*rows, *below], planned, **rest)


AUGMENTED = {"none": "no augmentation", "nearest": "width shift, nearest", "constant": "width shift, constant"}
STARTS: dict[Start, str] = {"source": "transfer, other rendered lines", "frozen": "scratch, head only"}


def table5_recipes() -> list[Recipe]:
    """Return the rows of Table 5: where the weights come from, and the augmentation."""
    imagenet = f"transfer from ImageNet · {AUGMENTED['nearest']}"
    trained = f"scratch, everything trained · {AUGMENTED['none']}"
    return [
        Recipe("imagenet-nearest", imagenet, "imagenet", data={"augment": "nearest"}),
        *(
            Recipe(f"{start}-{name}", f"{shown} · {text}", start, data={"augment": name})
            for start, shown in STARTS.items()
            for name, text in AUGMENTED.items()
        ),
        Recipe("trained-none", trained, "trained", data={"augment": "none"}),
    ]


def table5(options: Options, weights: str) -> Job:
    """Plan the eight-class task: transfer against scratch, without and with augmentation."""
    transfer, scratch = (tuple(f"{start}-{name}" for name in AUGMENTED) for start in STARTS)
    claims = (
        ClaimSpec("transfer learning beats training from scratch", transfer, scratch, "image/f1", 0.01),
        ClaimSpec("augmentation improves transfer learning", "source-nearest", "source-none", "image/f1", 0.01),
        ClaimSpec("nearest fill beats constant fill", "source-nearest", "source-constant", "image/f1", 0.01),
    )
    paper = {"imagenet-nearest": printed("5", "combined")}
    title = "Eight-class authentication"
    classes = list(LINES.values())
    return trained_job(options, weights, "5", title, table5_recipes(), paper, claims=claims, classes=classes)


def table2(options: Options, weights: str) -> Job:
    """Plan the nine strategies I-IX on the eight-class task; the paper shows their results in figures only."""
    recipes = []
    for strategy in STRATEGIES:
        start: Start = best_start(weights) if strategy.transfer else "frozen"
        colour = "grey" if strategy.grey else "RGB"
        origin = "transfer" if strategy.transfer else "scratch"
        label = f"{strategy.number} · {colour}, {origin}, augmentation {strategy.augment}"
        data = {"grey": strategy.grey, "augment": strategy.augment}
        recipes.append(Recipe(strategy.number.lower(), label, start, data=data))
    claim = ClaimSpec("strategy V is the best of the nine: better than IX", "v", "ix", "image/f1", 0.01)
    return trained_job(
        options, weights, "2", "Training strategies I-IX", recipes, claims=(claim,), classes=list(LINES.values())
    )


def table3(options: Options, weights: str) -> Job:
    """Plan the two backbones on one protocol; without ImageNet weights both are random and frozen."""
    names = {"inception-resnet-v2": "inception_resnet_v2", "mobilenet": "mobilenetv1_100"}
    smoke = {"inception-resnet-v2": "mobilenetv3_small_075", "mobilenet": "mobilenetv3_small_050"}
    start: Start = "imagenet" if weights == "imagenet" else "frozen"  # one file cannot serve two backbones
    recipes = []
    for row, label in (("inception-resnet-v2", "InceptionResNet V2"), ("mobilenet", "MobileNet")):
        data: dict[str, Any] = {"augment": "nearest"}
        if options.preset != "smoke":
            data["image_size"] = _input_size(options, row)
        module = {"backbone": (smoke if options.preset == "smoke" else names)[row]}
        shown = f"{label}, {'ImageNet' if start == 'imagenet' else 'random, head only'}"
        recipes.append(Recipe(row, shown, start, module=module, data=data))
    paper = {row: printed("3", row) for row in names}
    claim = ClaimSpec("InceptionResNet V2 beats MobileNet", "inception-resnet-v2", "mobilenet", "image/f1", 0.01)
    return trained_job(options, weights, "3", "Model comparison", recipes, paper, claims=(claim,))


def _input_size(options: Options, row: str) -> int:
    """Return a backbone's input: the paper's, or the smallest that both take in quick (75 px, Inception's)."""
    return {"inception-resnet-v2": 299, "mobilenet": 224}[row] if options.preset == "paper" else 80


def table4(options: Options, weights: str) -> Job:
    """Plan the two four-class tasks."""
    recipes = [
        strategy_five(weights, "parental", "Parental cancer cell lines", task="parental"),
        strategy_five(weights, "adapted", "Drug treated cancer cell lines", task="adapted"),
    ]
    paper = {recipe.row: printed("4", recipe.row) for recipe in recipes}
    return trained_job(options, weights, "4", "Four-class authentication", recipes, paper, ranked=False)


def table6(options: Options, weights: str) -> Job:
    """Plan the four pairs of a parent and its subline, and their average."""
    pairs = [strategy_five(weights, row, f"{LINES[row]} / subline", task=row) for row in PAIRS]
    planned = cells(options, "6", pairs, weights)
    averages = [
        derive(
            tuple(cell(options, "6", pair, seed, fold, weights) for pair in pairs),
            "6",
            "average",
            "Average",
            "average",
            options.out,
        )
        for seed in seeds(options)
        for fold in range(folds(options))
    ]
    rows = [RowSpec(pair.row, pair.label, printed("6", pair.row)) for pair in pairs]
    rows.append(RowSpec("average", "Average", printed("6", "average")))
    below, trivial = baselines.planned(options, "6", pairs)
    done = [*planned, *averages, *trivial]
    return job(options, "6", "Two-class authentication", [*rows, *below], done, ranked=False)


PAIRS = ("colo-704", "efo-21", "efo-27", "ukf-nb-3")


def table7(options: Options, weights: str) -> Job:
    """Plan the training fractions."""
    recipes = [
        strategy_five(weights, f"p{percent}", f"{percent} % of the training images", train_fraction=percent / 100)
        for percent in (100, 80, 60, 40, 20)
    ]
    paper = {recipe.row: printed("7", recipe.row) for recipe in recipes}
    claim = ClaimSpec("more training images are better: 100 % against 20 %", "p100", "p20", "image/f1", 0.01)
    return trained_job(options, weights, "7", "Effect of the sample size", recipes, paper, claims=(claim,))


def _per_class(options: Options, weights: str, number: str, kind: str) -> list[Cell]:
    """Return the cells of a table whose rows are classes: each follows from Table 5's cell of strategy V."""
    there = options.sharing("table 5")
    (base,) = (recipe for recipe in table5_recipes() if recipe.row == f"{best_start(weights)}-nearest")
    return [
        derive((cell(there, "5", base, seed, fold, weights),), number, row, label, kind, options.out, of_class)
        for seed in seeds(options)
        for fold in range(folds(options))
        for of_class, (row, label) in _class_rows(number)
    ]


def _class_rows(number: str) -> list[tuple[int | None, tuple[str, str]]]:
    """Return (class, (row, label)); Table 9 has an average over all images."""
    rows: list[tuple[int | None, tuple[str, str]]] = list(enumerate(LINES.items()))
    return [*rows, (None, ("average", "average"))] if number == "9" else rows


def table8(options: Options, weights: str) -> Job:
    """Plan F1 of each class, from the eight-class task."""
    rows = [RowSpec(row, label, printed("8", row)) for row, label in LINES.items()]
    columns = (Column("class/f1", "F1, images", paper="f1", digits=2),)
    return job(options, "8", "Performance per class", rows, _per_class(options, weights, "8", "per-class"), columns)


def table9(options: Options, weights: str) -> Job:
    """Plan the confidence of right and wrong answers on test images."""
    rows = [RowSpec(row, label, printed("9", row, "right", "wrong")) for _, (row, label) in _class_rows("9")]
    columns = (
        Column("confidence/right", "confidence, right", paper="right", digits=2),
        Column("confidence/wrong", "confidence, wrong", paper="wrong", digits=2),
    )
    return job(options, "9", "Model confidence", rows, _per_class(options, weights, "9", "confidence"), columns)


def table10(options: Options, weights: str) -> Job:
    """Plan EFO-21 against EFO-27, parental and adapted to cisplatin."""
    recipes = [
        strategy_five(weights, "parental", "EFO-21 / EFO-27, parental", task="efo-parental"),
        strategy_five(weights, "adapted", "EFO-21 / EFO-27, drug treated", task="efo-adapted"),
    ]
    paper = {recipe.row: printed("10", recipe.row) for recipe in recipes}
    title = "Investigation of EFO-21 and EFO-27"
    return trained_job(options, weights, "10", title, recipes, paper, ranked=False)  # other images: nothing to pair


def table1(options: Options, weights: str) -> Job:
    """Plan the counts of images; nothing is trained."""
    rows = [RowSpec(row, label, printed("1", row, "images")) for row, label in LINES.items()]
    planned = [
        derive(
            (cell(options, "1", Recipe(row, label, "frozen"), 0, 0, weights),),
            "1",
            row,
            label,
            "counts",
            options.out,
            number,
        )
        for number, (row, label) in enumerate(LINES.items())
    ]
    columns = (
        Column("count/images", "images", paper="images", digits=0),
        Column("count/flasks", "flasks", digits=0),
    )
    return job(options, "1", "Number of images per cell line", rows, planned, columns)
