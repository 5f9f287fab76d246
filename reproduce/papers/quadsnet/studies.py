"""Plan the studies behind the paper's claims: which streams, which loss, and how much imbalance it bears."""

from medrepro.reproduce.papers.quadsnet.protocol import KEY, PROTOCOL, preparation
from medrepro.reproduce.papers.quadsnet.tables import BASELINES, CLASSES, DEFINITIONS, NOT_PRINTED, metric_columns
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import EMBEDDED, Variant
from medrepro.reproduce.plan.table import BaselineSpec, Column, RowSpec, TableSpec

STREAMS = (
    ("cs1",), ("cs2",), ("ss1",), ("ss2",),
    ("cs1", "cs2"), ("ss1", "ss2"), ("cs1", "ss1"), ("cs2", "ss2"),
    ("cs1", "cs2", "ss1", "ss2"),
)  # fmt: skip
LOSSES = {"margin": "margin (Eq. 2)", "margin-capsule": "margin, capsule form", "ce": "cross-entropy"}
WEIGHTS = {"balanced": "weighted", "none": "unweighted"}
RATIOS = (1, 10, 100)
QUICK_IMBALANCE_SEEDS = (0, 1, 2, 3, 4)


def streams(options: Options) -> Job:
    """Plan the streams: each alone, pairs of one kind, pairs of one kernel, all four."""
    variants = [
        Variant("-".join(chosen), " + ".join(name.upper() for name in chosen), {"streams": list(chosen)})
        for chosen in STREAMS
    ]
    return _study(options, "streams", "Which streams are needed", variants, metric_columns(NOT_PRINTED))


def losses(options: Options) -> Job:
    """Plan the losses: Eq. 2 as printed, its capsule form, cross-entropy; each weighted and not; Eq. 2 on a softmax."""
    variants = [
        Variant(f"{loss}-{how}", f"{LOSSES[loss]}, {WEIGHTS[how]}", {"loss": loss, "class_weights": how})
        for loss in LOSSES
        for how in WEIGHTS
    ]
    variants += [
        Variant(
            f"softmax-{how}",
            f"margin (Eq. 2) of a softmax, {WEIGHTS[how]}",
            {"squash": "softmax", "class_weights": how},
        )
        for how in WEIGHTS
    ]
    return _study(options, "loss", "Which loss", variants, metric_columns(NOT_PRINTED))


def imbalance(options: Options) -> Job:
    """Plan the imbalance: margin and cross-entropy, weighted and not, trained at 1:1, 1:10 and 1:100."""
    variants = [
        Variant(
            f"{loss}-{how}-{ratio}",
            f"1:{ratio} {LOSSES[loss]}, {WEIGHTS[how]}",
            {"loss": loss, "class_weights": how},
            {"imbalance": ratio},
        )
        for ratio in RATIOS
        for loss in ("margin", "ce")
        for how in WEIGHTS
    ]
    columns = (
        Column("image/sensitivity", "SE"),
        Column("image/specificity", "SP"),
        Column("image/balanced_accuracy", "balanced ACC", ci=True),
        Column("image/auc", "AUC", ci=True),
    )
    seeds = QUICK_IMBALANCE_SEEDS if options.preset == "quick" else None
    return _study(options, "imbalance", "How much imbalance the losses bear", variants, columns, seeds)


def _study(
    options: Options,
    name: str,
    title: str,
    variants: list[Variant],
    columns: tuple[Column, ...],
    seeds: tuple[int, ...] | None = None,
) -> Job:
    embedded = options.data == EMBEDDED
    baselines: tuple[BaselineSpec, ...] = BASELINES if embedded else BASELINES[-1:]
    spec = TableSpec(
        key=KEY,
        number=name,
        title=title,
        columns=columns,
        rows=tuple(RowSpec(variant.row, variant.label) for variant in variants),
        baselines=baselines,
        classes=CLASSES.get(options.data, ()),
        notes=(DEFINITIONS,),
        kind="Study",
    )
    return Job(
        spec,
        PROTOCOL.cells(options, name, variants, seeds),
        PROTOCOL.assumptions(options),
        prepare=preparation(options),
    )
