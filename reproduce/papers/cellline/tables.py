"""Declare the cellline paper's tables, figures and tuning studies: cells, columns, claims."""

from collections.abc import Sequence
from typing import Any, Literal

from medrepro.reproduce.papers.cellline import baselines
from medrepro.reproduce.papers.cellline.protocol import (
    HERE,
    KEY,
    LINES,
    PROTOCOL,
    STRATEGIES,
    Start,
    best_start,
    cells,
    is_possible,
    line,
    runs,
    weights_of,
)
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import EMBEDDED, Variant
from medrepro.reproduce.plan.table import Column, Level, RowSpec, TableSpec
from medrepro.reproduce.printed.load import load_paper

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


def strategy_five(options: Options, row: str, label: str, **data: Any) -> Variant:
    """Return the paper's best strategy (RGB, nearest, transfer) under another row's name and data."""
    return line(options, row, label, best_start(options), data={"augment": "nearest", **data})


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
        levels=LEVELS,
        classes=tuple(classes) if options.data == EMBEDDED else (),
        ranked=ranked,
        kind=kind,
    )
    imagenet = weights_of(options) and options.target != "table 5"  # transfer is ImageNet's there
    return Job(spec, tuple(planned), PROTOCOL.assumptions(options, *(() if imagenet else ("source",))))


def trained_job(
    options: Options,
    number: str,
    title: str,
    variants: Sequence[Variant],
    paper: dict[str, dict[str, str]] | None = None,
    **rest: Any,
) -> Job:
    """Return a job of trained rows; those that start from ImageNet stay blank without its weights."""
    printed_rows = paper or {}
    rows = [
        RowSpec(one.row, one.label, printed_rows.get(one.row, {}), reason="" if is_possible(one) else NEEDS_WEIGHTS)
        for one in variants
    ]
    below, trivial = baselines.planned([one for one in variants if not one.needs])
    planned = cells(options, number, [*filter(is_possible, variants), *trivial])
    return job(options, number, title, [*rows, *below], planned, **rest)


AUGMENTED = {"none": "no augmentation", "nearest": "width shift, nearest", "constant": "width shift, constant"}
STARTS: dict[Start, str] = {"source": "transfer, other rendered lines", "frozen": "scratch, head only"}


def table5_variants(options: Options) -> list[Variant]:
    """Return the rows of Table 5: where the weights come from, and the augmentation."""
    imagenet = f"transfer from ImageNet · {AUGMENTED['nearest']}"
    trained = f"scratch, everything trained · {AUGMENTED['none']}"
    return [
        line(options, "imagenet-nearest", imagenet, "imagenet", data={"augment": "nearest"}),
        *(
            line(options, f"{start}-{name}", f"{shown} · {text}", start, data={"augment": name})
            for start, shown in STARTS.items()
            for name, text in AUGMENTED.items()
        ),
        line(options, "trained-none", trained, "trained", data={"augment": "none"}),
    ]


def table5(options: Options) -> Job:
    """Plan the eight-class task: transfer against scratch, without and with augmentation."""
    paper = {"imagenet-nearest": printed("5", "combined")}
    title = "Eight-class authentication"
    classes = list(LINES.values())
    return trained_job(options, "5", title, table5_variants(options), paper, classes=classes)


def table2(options: Options) -> Job:
    """Plan the nine strategies I-IX on the eight-class task; the paper shows their results in figures only."""
    variants = []
    for strategy in STRATEGIES:
        start: Start = best_start(options) if strategy.transfer else "frozen"
        colour = "grey" if strategy.grey else "RGB"
        origin = "transfer" if strategy.transfer else "scratch"
        label = f"{strategy.number} · {colour}, {origin}, augmentation {strategy.augment}"
        data = {"grey": strategy.grey, "augment": strategy.augment}
        variants.append(line(options, strategy.number.lower(), label, start, data=data))
    return trained_job(options, "2", "Training strategies I-IX", variants, classes=list(LINES.values()))


def table3(options: Options) -> Job:
    """Plan the two backbones on one protocol; without ImageNet weights both are random and frozen."""
    names = {"inception-resnet-v2": "inception_resnet_v2", "mobilenet": "mobilenetv1_100"}
    smoke = {"inception-resnet-v2": "mobilenetv3_small_075", "mobilenet": "mobilenetv3_small_050"}
    start: Start = "imagenet" if weights_of(options) == "imagenet" else "frozen"  # one file cannot serve two backbones
    variants = []
    for row, label in (("inception-resnet-v2", "InceptionResNet V2"), ("mobilenet", "MobileNet")):
        data: dict[str, Any] = {"augment": "nearest"}
        if options.preset != "smoke":
            data["image_size"] = _input_size(options, row)
        module = {"backbone": (smoke if options.preset == "smoke" else names)[row]}
        shown = f"{label}, {'ImageNet' if start == 'imagenet' else 'random, head only'}"
        variants.append(line(options, row, shown, start, module=module, data=data))
    paper = {row: printed("3", row) for row in names}
    return trained_job(options, "3", "Model comparison", variants, paper)


def _input_size(options: Options, row: str) -> int:
    """Return a backbone's input: the paper's, or the smallest that both take in quick (75 px, Inception's)."""
    return {"inception-resnet-v2": 299, "mobilenet": 224}[row] if options.preset == "paper" else 80


def table4(options: Options) -> Job:
    """Plan the two four-class tasks."""
    variants = [
        strategy_five(options, "parental", "Parental cancer cell lines", task="parental"),
        strategy_five(options, "adapted", "Drug treated cancer cell lines", task="adapted"),
    ]
    paper = {variant.row: printed("4", variant.row) for variant in variants}
    return trained_job(options, "4", "Four-class authentication", variants, paper, ranked=False)


def table6(options: Options) -> Job:
    """Plan the four pairs of a parent and its subline, and their average."""
    pairs = [strategy_five(options, row, f"{LINES[row]} / subline", task=row) for row in PAIRS]
    average = Variant("average", "Average", function=f"{HERE}.derived:average", computed=True, needs=PAIRS)
    paper = {row: printed("6", row) for row in (*PAIRS, average.row)}
    return trained_job(options, "6", "Two-class authentication", [*pairs, average], paper, ranked=False)


PAIRS = ("colo-704", "efo-21", "efo-27", "ukf-nb-3")


def table7(options: Options) -> Job:
    """Plan the training fractions."""
    variants = [
        strategy_five(options, f"p{percent}", f"{percent} % of the training images", train_fraction=percent / 100)
        for percent in (100, 80, 60, 40, 20)
    ]
    paper = {variant.row: printed("7", variant.row) for variant in variants}
    return trained_job(options, "7", "Effect of the sample size", variants, paper)


def _per_class(options: Options, number: str, function: str) -> list[Cell]:
    """Return the cells of a table whose rows are classes: each follows from Table 5's cell of strategy V."""
    there = options.sharing("table 5")
    (base,) = (one for one in table5_variants(options) if one.row == f"{best_start(options)}-nearest")
    found = []
    for seed, fold in runs(options):
        needs = (PROTOCOL.cell(there, "5", base, seed, fold),)
        for of_class, (row, label) in _class_rows(number):
            one = Variant(row, label, {"of_class": of_class}, function=f"{HERE}.derived:{function}", computed=True)
            found.append(PROTOCOL.cell(options, number, one, seed, fold, needs))
    return found


def _class_rows(number: str) -> list[tuple[int | None, tuple[str, str]]]:
    """Return (class, (row, label)); Table 9 has an average over all images."""
    rows: list[tuple[int | None, tuple[str, str]]] = list(enumerate(LINES.items()))
    return [*rows, (None, ("average", "average"))] if number == "9" else rows


def table8(options: Options) -> Job:
    """Plan F1 of each class, from the eight-class task."""
    rows = [RowSpec(row, label, printed("8", row)) for row, label in LINES.items()]
    columns = (Column("class/f1", "F1, images", paper="f1", digits=2),)
    return job(options, "8", "Performance per class", rows, _per_class(options, "8", "per_class"), columns)


def table9(options: Options) -> Job:
    """Plan the confidence of right and wrong answers on test images."""
    rows = [RowSpec(row, label, printed("9", row, "right", "wrong")) for _, (row, label) in _class_rows("9")]
    columns = (
        Column("confidence/right", "confidence, right", paper="right", digits=2),
        Column("confidence/wrong", "confidence, wrong", paper="wrong", digits=2),
    )
    return job(options, "9", "Model confidence", rows, _per_class(options, "9", "class_confidence"), columns)


def table10(options: Options) -> Job:
    """Plan EFO-21 against EFO-27, parental and adapted to cisplatin."""
    variants = [
        strategy_five(options, "parental", "EFO-21 / EFO-27, parental", task="efo-parental"),
        strategy_five(options, "adapted", "EFO-21 / EFO-27, drug treated", task="efo-adapted"),
    ]
    paper = {variant.row: printed("10", variant.row) for variant in variants}
    title = "Investigation of EFO-21 and EFO-27"
    return trained_job(options, "10", title, variants, paper, ranked=False)  # other images: nothing to pair


def table1(options: Options) -> Job:
    """Plan the counts of images; nothing is trained."""
    rows = [RowSpec(row, label, printed("1", row, "images")) for row, label in LINES.items()]
    function = f"{HERE}.derived:count_images"
    planned = [
        PROTOCOL.cell(options, "1", Variant(row, label, {"of_class": number}, function=function, computed=True))
        for number, (row, label) in enumerate(LINES.items())
    ]
    columns = (
        Column("count/images", "images", paper="images", digits=0),
        Column("count/flasks", "flasks", digits=0),
    )
    return job(options, "1", "Number of images per cell line", rows, planned, columns)
