"""Plan segradcam's tables, figures and study: which cells fill them, which claims they decide.

The paper's tables were lost in conversion, so their columns stay blank; the counts of its prose and of its ancestors
are the only printed numbers here.
"""

from dataclasses import replace
from typing import Literal

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers.segradcam import figures
from medrepro.reproduce.papers.segradcam.protocol import (
    EXPLAINED,
    HERE,
    KEY,
    LAYERS,
    NETWORK,
    OURS,
    PROTOCOL,
    WITH_DIAMETER,
    compared_folds,
    network_settings,
    preparation,
    resting,
    same,
)
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import Variant
from medrepro.reproduce.plan.table import BaselineSpec, Column, Level, RowSpec, Subset, TableSpec

CLASSES = ("benign", "malignant")
LEVELS = (Level("nodule"), Level("patient", "patient_id", "max"))
LOST = "The paper's own cells were lost when its page became text: its column stays blank."
PUBLISHED = {"all": "1186", "malignant": "450", "benign": "554", "undecided": "182"}
COMPARATORS = {
    "three-plane": "2-D ResNet, 3 planes [30]",
    "dual-path": "3-D dual path [31]",
    "autoencoder": "autoencoder, pre-trained [32]",
    "multi-crop": "multi-crop CNN [33]",
    "binary-tree": "dense binary tree [34]",
}
RELU = Variant("se-relu", "SE-ResNeXt (ReLU)", {"activation": "relu"})
PLAIN = Variant("no-se", "without SE", {"squeeze_excitation": False})
FAMILIES = ("intensity", "shape", "texture", "morphology", "size", "random", "wavelet", "all")
CLASSIFIERS = {"forest": "random forest", "svm": "SVM"}
METHODS = {
    "gaussian-centre": "Gaussian at the centre",
    "grad-cam": "Grad-CAM",
    "grad-cam-plus-plus": "Grad-CAM++",
    "grad-cam-plus-plus-malignant": "Grad-CAM++, of the malignant class",
    "grad-cam-plus-plus-fine": "Grad-CAM++, finer layer",
    "guided-backprop": "guided backpropagation",
    "deconvolution": "deconvolution",
    "guided-grad-cam-plus-plus": "guided Grad-CAM++",
    "occlusion": "occlusion",
}
CEILING = ("ceiling", "the best map of the coarse layer")
SIZES = ("0-4", "4-6", "6-8", "8-10", "10-15", "15-20", "20-30", "30-100")
PARTS = ("stem", "stage1", "stage2", "stage3", "stage4", "classifier")


def classical(family: str, classifier: str, label: str) -> Variant:
    """Return the row of a classifier on a family of handcrafted features."""
    choice = {"family": family, "classifier": classifier}
    return Variant(f"{family}-{classifier}", label, choice, function=f"{HERE}.compute:classical", computed=True)


SHAPE = classical("shape", "forest", "shape features, random forest")


def network_columns(options: Options) -> tuple[Column, ...]:
    """Return Eqs. 11-14 and the AUC, with its lead over the diameter where that is known."""
    rates = {"ACC": "accuracy", "SE": "sensitivity", "SP": "specificity", "PPV": "precision"}
    found = [Column(f"nodule/{name}", label, scale=100) for label, name in rates.items()]
    found.append(Column("nodule/auc", "AUC", ci=True))
    if options.data in WITH_DIAMETER:
        within = Subset("diameter_mm", 8, 15)
        found.append(Column("nodule/auc", "- diameter", minus="diameter"))
        found.append(Column("nodule/auc", "- diameter, 8-15 mm", minus="diameter", within=within))
    return tuple(found)


def classified(
    options: Options,
    number: str,
    title: str,
    rows: tuple[RowSpec, ...],
    kind: Literal["Table", "Figure", "Study"] = "Table",
) -> TableSpec:
    """Return the declaration of a table of classifiers."""
    diameter = (BaselineSpec("diameter", "diameter alone"),) if options.data in WITH_DIAMETER else ()
    return TableSpec(
        key=KEY,
        number=number,
        title=title,
        columns=network_columns(options),
        rows=rows,
        baselines=(*diameter, BaselineSpec("majority", "majority")),
        levels=LEVELS,
        classes=CLASSES,
        notes=(LOST,),
        kind=kind,
    )


def population(options: Options) -> Job:
    """Plan the population: our counts beside those that LUNA16 and the paper's ancestor publish."""
    listed = "luna16" in options.flags
    function = f"{HERE}.counts:count_population"
    rows = [
        Variant("luna16-rule", "LIDC by LUNA16's rule", function=function),
        Variant("luna16-scans", "the same, in LUNA16's 888 scans", options.flags, function=function),
    ]
    reason = {} if listed else {"luna16-scans": "needs LUNA16's list of scans: --luna16 DIR"}
    spec = TableSpec(
        key=KEY,
        number="population",
        title="Nodules of at least three readers in scans of at most 2.5 mm",
        columns=tuple(Column(f"nodules/{name}", name, paper=name, digits=0) for name in PUBLISHED),
        rows=tuple(RowSpec(row.row, row.label, PUBLISHED, reason=reason.get(row.row, "")) for row in rows),
        notes=(
            "1186 is LUNA16's count; 450 and 554 are those of the ancestor [17], 182 what remains. The abstract's 1230 "
            "(600 and 630) fits neither.",
        ),
        ranked=False,
        mixed_data=True,
    )
    cells = PROTOCOL.counted(options, "population", rows[: 1 + listed])
    return Job(spec, cells, PROTOCOL.assumptions(options)[:1])


def table1(options: Options) -> Job:
    """Plan Table 1: how many nodules of which size."""
    function = f"{HERE}.counts:count_size"
    rows = [Variant(f"mm-{size}", size.replace("-", " to ") + " mm", function=function) for size in SIZES]
    names = ("all", "malignant", "benign", "undecided")
    spec = TableSpec(
        key=KEY,
        number="1",
        title="Nodules by diameter (equal or above the first, below the second number)",
        columns=tuple(Column(f"nodules/{name}", name, digits=0) for name in names),
        rows=tuple(RowSpec(row.row, row.label) for row in rows),
        notes=(
            LOST,
            "Diameters are those of the readers' contours, the largest in-plane extent averaged over readers.",
        ),
        ranked=False,
    )
    return Job(spec, PROTOCOL.counted(options, "1", rows), PROTOCOL.assumptions(options)[:1])


def table2(options: Options) -> Job:
    """Plan Table 2: shapes and sizes of the activations."""
    settings = network_settings(options.preset)
    rows = [
        Variant(part, part.replace("stage", "stage "), settings, function=f"{HERE}.compute:activation")
        for part in PARTS
    ]
    heads = {"channels": "channels", "side": "side", "size": "activation size", "parameters": "parameters"}
    spec = TableSpec(
        key=KEY,
        number="2",
        title="Parts of the network for a cube of 32^3 voxels",
        columns=tuple(Column(f"activation/{name}", head, digits=0) for name, head in heads.items()),
        rows=tuple(RowSpec(row.row, row.label) for row in rows),
        notes=(LOST, "Average pooling halves the side after stages 1 to 3; --preset paper shows the full network."),
        ranked=False,
    )
    return Job(spec, PROTOCOL.counted(options, "2", rows))


def network(options: Options) -> Job:
    """Plan the paper's network over all folds, beside shape features and the diameter alone."""
    rows = [RowSpec(OURS.row, OURS.label)]
    cells = PROTOCOL.cells(options, NETWORK, [OURS])
    if options.embedded:
        rows.append(RowSpec(SHAPE.row, SHAPE.label, below=True))
        cells += PROTOCOL.cells(options, NETWORK, [SHAPE])
    spec = classified(options, NETWORK, "The network on every nodule's own test fold", tuple(rows))
    return Job(spec, cells, PROTOCOL.assumptions(options), prepare=preparation(options))


def trust(options: Options) -> Job:
    """Plan the explanations, measured on true masks and on the network itself.

    Raises:
        InputError: the data carry no masks.
    """
    if not options.embedded:
        raise InputError(f"--data {options.data} carries no nodule masks: explanations are measured on embedded data")
    heads = {
        "pointing": "pointing game",
        "energy": "energy in mask",
        "iou": "best IoU",
        "deletion": "deletion (low)",
        "insertion": "insertion (high)",
        "insertion-blur": "insertion into blur (high)",
        "randomised": "randomised (0)",
    }
    spec = TableSpec(
        key=KEY,
        number="trust",
        title="How far each explanation can be trusted",
        columns=(
            *(Column(f"nodule/{name}", head, ci=True) for name, head in heads.items()),
            Column("explain/seconds", "s a volume"),
        ),
        rows=(
            *(RowSpec(row, label, below=row == "gaussian-centre") for row, label in METHODS.items()),
            RowSpec(*CEILING, below=True),
        ),
        levels=LEVELS,
        notes=(
            "Nodules lie at the centre of their cubes, so a Gaussian there is hard to beat; it is shown for that.",
            "pointing: the hottest voxel may miss the mask by 2 voxels. Coarse maps have one value per cell of their "
            "layer and are enlarged: the row of the best such map is their ceiling on these nodules.",
            "randomised: absolute rank correlation with the map of a network with random weights; near 1 means that "
            "the map shows the image, not what was learnt.",
            "The paper's ratings by nine persons (Sec. 3.1.5) are those of the original Grad-CAM study and stay out.",
        ),
        ranked=False,
    )
    settings = {"nodules": EXPLAINED[options.preset], "layers": list(LAYERS[options.preset])}
    methods = [Variant(row, label, settings, function=f"{HERE}.explained:explain") for row, label in METHODS.items()]
    methods.append(Variant(*CEILING, settings, function=f"{HERE}.explained:ceiling"))
    named = PROTOCOL.assumptions(options, "trust", "explained")
    cells = resting(options, "trust", methods)
    return Job(spec, cells, named, figures.explanations(cells), preparation(options))


def summary(options: Options) -> Job:
    """Plan the default: population, network, and, where the data have masks, explanations with their figures."""
    if not options.embedded:  # no masks to measure explanations on
        return replace(network(options), before=(population(options),) if options.data == "lidc" else ())
    found, ours = trust(options), network(options)
    return replace(found, before=(population(options), ours), figures=figures.summary(ours, found))


def table3(options: Options) -> Job:
    """Plan Table 3: seven families of handcrafted features, with two classifiers, beside the network."""
    rows = [classical(family, name, f"{family}, {label}") for family in FAMILIES for name, label in CLASSIFIERS.items()]
    shown = tuple(RowSpec(row.row, row.label, below=row.row.startswith("all-")) for row in rows)
    spec = classified(options, "3", "Handcrafted features", (RowSpec(OURS.row, OURS.label), *shown))
    cells = (*same(options, "3"), *PROTOCOL.cells(options, "3", rows))
    return Job(spec, cells, PROTOCOL.assumptions(options, "classical"), prepare=preparation(options))


def table4(options: Options) -> Job:
    """Plan Table 4: six comparators at a matched budget."""
    variants = [Variant(name, label, {"network": name}) for name, label in COMPARATORS.items()] + [RELU]
    reason = "the paper's own earlier work: a 3-D CNN that is not described here"
    rows = (
        RowSpec("joshua", "3-D CNN [29]", reason=reason),
        *(RowSpec(variant.row, variant.label) for variant in variants),
        RowSpec(OURS.row, OURS.label),
    )
    spec = classified(options, "4", "Comparators at one budget of parameters", rows)
    folds = compared_folds(options)
    cells = (*same(options, "4", folds), *PROTOCOL.cells(options, "4", variants, folds=folds))
    return Job(spec, cells, PROTOCOL.assumptions(options, "comparators"), prepare=preparation(options))


def study_se(options: Options) -> Job:
    """Plan the ablation: no SE, SE with ReLU, SE with Mish (the activation lies inside the gate)."""
    rows = (RowSpec(PLAIN.row, PLAIN.label), RowSpec(RELU.row, "SE, ReLU"), RowSpec(OURS.row, "SE, Mish"))
    spec = classified(options, "se", "Squeeze-and-excitation on or off, Mish or ReLU", rows, kind="Study")
    cells = (*same(options, "se"), *PROTOCOL.cells(options, "se", [PLAIN, RELU]))
    return Job(spec, cells, PROTOCOL.assumptions(options), prepare=preparation(options))


def figure9(options: Options) -> Job:
    """Plan Figure 9: accuracies of the network and of all features with two classifiers."""
    rows = [classical("all", name, f"all features, {label}") for name, label in CLASSIFIERS.items()]
    shown = (RowSpec(OURS.row, OURS.label), *(RowSpec(row.row, row.label) for row in rows))
    spec = classified(options, "9", "Accuracies of different frameworks", shown, kind="Figure")
    cells = (*same(options, "9"), *PROTOCOL.cells(options, "9", rows))
    return Job(spec, cells, PROTOCOL.assumptions(options, "classical"), prepare=preparation(options))


def figure10(options: Options) -> Job:
    """Plan Figure 10: the ROC with its band (the report's first figure)."""
    spec = classified(options, "10", "ROC of the network", (RowSpec(OURS.row, OURS.label),), kind="Figure")
    return Job(spec, same(options, "10"), PROTOCOL.assumptions(options), prepare=preparation(options))


def figure11(options: Options) -> Job:
    """Plan Figure 11: nodules with their probability, readers' ratings and diameter."""
    spec = classified(
        options, "11", "Cases with their readers' ratings", (RowSpec(OURS.row, OURS.label),), kind="Figure"
    )
    cells = same(options, "11")
    return Job(spec, cells, PROTOCOL.assumptions(options), figures.cases(options, cells), preparation(options))
