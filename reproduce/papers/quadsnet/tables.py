"""Plan the quadsnet paper's tables: which cells fill them, what stands beside them, which claim they test."""

from collections.abc import Mapping
from pathlib import Path

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers.quadsnet.protocol import (
    ASSUMPTIONS,
    CANDIDATES,
    COMPUTE,
    KEY,
    NETWORKS,
    PROTOCOL,
    QUICK_NETWORKS,
    THETA_OF,
    THETAS,
    preparation,
)
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import EMBEDDED, Variant
from medrepro.reproduce.plan.table import WITHOUT_NETWORK, BaselineSpec, Column, RowSpec, TableSpec
from medrepro.reproduce.printed.load import load_paper

UNTRAINED = 0.55  # balanced accuracy of two classes at or below which a network has not learnt in its budget
BASELINES = (
    BaselineSpec("brightness", "brightness alone"),
    BaselineSpec("kind", "kind of image alone"),
    BaselineSpec("majority", "majority"),
)
CLASSES = {
    EMBEDDED: ("even or benign", "odd or malignant"),
    "covid-ct": ("not COVID-19", "COVID-19"),
    "skin": ("benign", "malignant"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "mnist": tuple("0123456789"),
}
PAPER_COLUMNS = ("se", "sp", "acc", "f1")
NOT_PRINTED: dict[str, str] = {}
TABLE_4 = {"sensitivity": "se", "specificity": "sp", "accuracy": "acc"}
TABLE_3 = {**TABLE_4, "f1": "f1", "ppv": "se", "npv": "sp"}  # both readings of its first two columns
NOT_IN_QUICK = "in `--preset paper` only: too large for two CPU cores"
DEFINITIONS = (
    "SE = TP/(TP+FN), SP = TN/(TN+FP), PPV = TP/(TP+FP), NPV = TN/(TN+FN), F1 = 2TP/(2TP+FP+FN), balanced accuracy = "
    "mean of the classes' SE; class 1 is positive at a probability of 0.5. With more classes each is the mean over "
    "one-against-rest."
)
READINGS = (
    "PPV and NPV stand beside the paper's 'sensitivity' and 'specificity' too: see the card for why that reading fits."
)


def metric_columns(printed: Mapping[str, str]) -> tuple[Column, ...]:
    """Return SE, SP, PPV, NPV, ACC, F1, balanced accuracy and AUC; ``printed``: statistic -> the paper's column."""
    return (
        Column("image/sensitivity", "SE", paper=printed.get("sensitivity")),
        Column("image/specificity", "SP", paper=printed.get("specificity")),
        Column("image/ppv", "PPV", paper=printed.get("ppv")),
        Column("image/npv", "NPV", paper=printed.get("npv")),
        Column("image/accuracy", "ACC", paper=printed.get("accuracy")),
        Column("image/f1", "F1", paper=printed.get("f1")),
        Column("image/balanced_accuracy", "balanced ACC", ci=True),
        Column("image/auc", "AUC", ci=True),
    )


def table3(options: Options) -> Job:
    """Plan Table III: QuadSNet and its baselines on one data set."""
    if options.data == THETAS:
        raise InputError(f"--table 3 is of one data set: --data {', '.join(THETA_OF)}; Table IV takes --data {THETAS}")
    return _table3_embedded(options) if options.data == EMBEDDED else _table3_real(options)


def _table3_embedded(options: Options) -> Job:
    """Plan the default: two baselines, cross-entropy, and balanced training data, on the embedded images."""
    variants = [
        Variant("qn", "QuadSNet/4, margin loss"),
        Variant("qn-ce", "QuadSNet/4, cross-entropy", {"loss": "ce"}),
        Variant("mn", "MobileNet, margin loss", {"network": "mobilenetv1_100"}),
        Variant("rn", "ResNet50, margin loss", {"network": "resnet50"}),
        Variant("qn-balanced", "QuadSNet/4, margin loss, trained 1:1", data={"imbalance": 1}),
    ]
    spec = TableSpec(
        key=KEY,
        number="3",
        title="QuadSNet and pre-trained networks' architectures, from scratch, trained at 1:10",
        columns=metric_columns(NOT_PRINTED),
        rows=tuple(RowSpec(variant.row, variant.label) for variant in variants),
        baselines=BASELINES,
        classes=CLASSES[EMBEDDED],
        notes=(DEFINITIONS,),
    )
    return Job(
        spec, PROTOCOL.cells(options, "3", variants), PROTOCOL.assumptions(options), prepare=preparation(options)
    )


def _table3_real(options: Options) -> Job:
    theta = THETA_OF.get(options.data, "user")
    chosen = tuple(NETWORKS) if options.preset == "paper" else QUICK_NETWORKS
    names = {short: f"{theta}-{short}" for short in NETWORKS}
    weights = {"weights": "imagenet"} if options.preset == "paper" else {}
    variants = [
        Variant(names[short], NETWORKS[short][1], {"network": NETWORKS[short][0], **(weights if short != "qn" else {})})
        for short in chosen
    ]
    printed = load_paper(KEY).table("3")
    rows = tuple(
        RowSpec(
            names[short],
            NETWORKS[short][1],
            _printed(names[short], "3") if names[short] in printed.rows else {},
            short,
            reason="" if short in chosen else NOT_IN_QUICK,
        )
        for short in NETWORKS
    )
    spec = TableSpec(
        key=KEY,
        number="3",
        title=f"QuadSNet and other networks on {options.data}",
        columns=metric_columns(TABLE_3 if theta in ("theta1", "theta2", "theta3") else NOT_PRINTED),
        rows=rows,
        baselines=(BASELINES[-1],),
        classes=CLASSES.get(options.data, ()),
        notes=(DEFINITIONS, READINGS),
    )
    return Job(spec, PROTOCOL.cells(options, "3", variants), PROTOCOL.assumptions(options))


def _printed(row: str, table: str) -> dict[str, float | str]:
    """Return a printed row: column -> digits as printed."""
    found = load_paper(KEY).table(table)
    values = {name: found.cell(row, name) for name in PAPER_COLUMNS if name in found.columns}
    return {name: cell.printed for name, cell in values.items() if cell.printed not in ("", "—")}


def here(options: Options) -> dict[str, str]:
    """Return theta -> data name for every data set of Table I that lies below the data root, or is chosen."""
    if options.data in THETA_OF:
        return {THETA_OF[options.data]: options.data}
    if options.data != THETAS:
        return {}
    from medrepro.datamodules.images.public import SOURCES

    root = Path(options.data_root or ".").expanduser()
    found = {
        theta: next((name for name in names if (root / SOURCES[name].folder).is_dir()), None)
        for theta, names in CANDIDATES.items()
    }
    return {theta: name for theta, name in found.items() if name is not None}


def _absent(theta: str) -> str:
    names = " or ".join(CANDIDATES[theta])
    return f"not here: needs {names} below --data-root, and --data {THETAS}"


def table1(options: Options) -> Job:
    """Plan Table I: the data sets found, counted beside the paper's."""
    printed, found = load_paper(KEY).table("1"), here(options)
    variants = [
        Variant(theta, name, data={"data": name, "data_root": options.data_root}, function=f"{COMPUTE}:count_images")
        for theta, name in found.items()
    ]
    rows = tuple(
        RowSpec(
            theta,
            row.label + (f" · {found[theta]}" if theta in found else ""),
            {"samples": printed.cell(theta, "samples").printed},
            reason=_absent(theta),
        )
        for theta, row in printed.rows.items()
    )
    columns = (
        Column("images/all", "#Samples", paper="samples", digits=0),
        Column("images/train", "training", digits=0),
        Column("images/val", "validation", digits=0),
        Column("images/test", "test", digits=0),
        Column("images/classes", "classes", digits=0),
        Column("images/ratio", "largest : smallest class", digits=2),
        Column("images/copies", "pictures in two parts", digits=0),
    )
    notes = (
        "Parts are the source's own where it has them; a picture in two parts is found by the hash of its pixels.",
    )
    spec = TableSpec(
        KEY, "1", "Brief description of datasets", columns, rows, notes=notes, mixed_data=True, ranked=False
    )
    return Job(spec, PROTOCOL.counted(options, "1", variants), PROTOCOL.assumptions(options)[-2:])


def table2(options: Options) -> Job:
    """Plan Table II: parameters, the paper's, Keras's way of counting, timm's own, and as built here."""
    printed = load_paper(KEY).table("2")
    variants = [
        Variant(short, label, {"network": name}, function=f"{COMPUTE}:count_parameters")
        for short, (name, label) in NETWORKS.items()
    ]
    rows = tuple(
        RowSpec(short, label, {"parameters": printed.cell(short, "parameters").printed})
        for short, (_, label) in NETWORKS.items()
    )
    columns = (
        Column("parameters/keras-total", "with BatchNorm statistics", paper="parameters", digits=0),
        Column("parameters/own", "trainable, as published", digits=0),
        Column("parameters/here", "trainable, our head, 2 classes", digits=0),
        Column("macs/here", "GMAC at 224 px", digits=2),
    )
    notes = (
        "The paper's column says 'trainable' but counts the running statistics of BatchNorm as well (Keras's total) "
        "for every pre-trained network; ResNet50 differs by its convolutions' biases in Keras, InceptionV3 by the "
        "scale of its BatchNorm.",
    )
    spec = TableSpec(KEY, "2", "Trainable parameters", columns, rows, notes=notes, ranked=False)
    return Job(spec, PROTOCOL.counted(options, "2", variants), (ASSUMPTIONS["layers"].text,))


def table4(options: Options) -> Job:
    """Plan Table IV: QuadSNet on every data set there is, beside the paper's and the works it cites."""
    printed, found = load_paper(KEY).table("4"), here(options)
    variants = [
        Variant(f"{theta}-qn", f"{theta} · {name}", {"network": "quadsnet"}, {"data": name})
        for theta, name in found.items()
    ]
    rows = []
    for row_id, row in printed.rows.items():
        theta = row_id.partition("-")[0]
        cited = not row_id.endswith("-qn")
        label = row.label if cited or theta not in found else f"{row.label} · {found[theta]}"
        reason = "cited by the paper, not run" if cited else _absent(theta)
        rows.append(RowSpec(row_id, label, _printed(row_id, "4"), "" if cited else "qn", reason=reason))
    below = [
        Variant(
            f"{theta}-{name}",
            f"{theta.replace('theta', 'Θ')} · {text}",
            data={"data": source},
            function=f"{COMPUTE}:{name}",
            computed=True,
        )
        for theta, source in (found or dict.fromkeys(CANDIDATES, "")).items()  # of a render, which has no data root
        for name, text in WITHOUT_NETWORK.items()
    ]
    rows += [
        RowSpec(variant.row, variant.label, below=True, reason="" if found else _absent(variant.row.partition("-")[0]))
        for variant in below
    ]
    spec = TableSpec(
        KEY, "4", "QuadSNet and the latest methods", metric_columns(TABLE_4), tuple(rows),
        notes=(DEFINITIONS,), mixed_data=True, ranked=False,
    )  # fmt: skip
    return Job(spec, PROTOCOL.cells(options, "4", [*variants, *below] if found else []), PROTOCOL.assumptions(options))


def figure2(options: Options) -> Job:
    """Plan Figure 2: the learning curves of Table III's cells, which it shares."""
    return table3(options.sharing("table 3"))
