"""The cellline paper: what its command offers."""

from collections.abc import Callable

from medrepro.reproduce.papers.cellline import figures, studies, tables
from medrepro.reproduce.papers.cellline.protocol import KEY, PRESETS, weights_of
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job, Paper, Reason, Target


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.cellline import CellLineDataModule
    from medrepro.lightning_modules.cellline import CellLineModule

    return CellLineModule, CellLineDataModule


def _target(plan: Callable[[Options], Job], text: str) -> Target:
    """Return a target that loads the user's weights once before anything is trained: missing ones are said at once."""

    def checked(options: Options) -> Job:
        if weights := weights_of(options):
            from medrepro.lightning_modules.networks.weights import build_backbone

            usual = PRESETS[options.preset].module.get("backbone", "inception_resnet_v2")
            build_backbone(str(options.module.get("backbone", usual)), weights)
        return plan(options)

    return Target(checked, text)


PAPER = Paper(
    key=KEY,
    title="Cancer cell line authentication by transfer learning (Mzurikwao et al. 2020).",
    targets={
        "table 5": _target(tables.table5, "eight lines, transfer against scratch, with and without augmentation"),
        "table 1": _target(tables.table1, "images per line"),
        "table 2": _target(tables.table2, "the nine strategies I-IX"),
        "table 3": _target(tables.table3, "InceptionResNet V2 against MobileNet"),
        "table 4": _target(tables.table4, "four parental lines, four adapted lines"),
        "table 6": _target(tables.table6, "each parent against its subline"),
        "table 7": _target(tables.table7, "training with 100 to 20 % of the images"),
        "table 8": _target(tables.table8, "F1 of each line"),
        "table 9": _target(tables.table9, "confidence of right and wrong answers"),
        "table 10": _target(tables.table10, "EFO-21 against EFO-27"),
        "figure 1": _target(figures.figure1, "sample images"),
        "figure 2": Reason("a drawing of the pilot classification; Table 2 lists its strategies"),
        "figure 3": _target(figures.figure3, "learning curves of the two networks"),
        "study resize": _target(studies.resize, "squash or crop"),
        "study head": _target(studies.head, "fully connected layers"),
        "study batch": _target(studies.batch, "batch size"),
        "study stages": _target(studies.stages, "one or two stages of pretraining"),
        "study samplesize": _target(studies.samplesize, "sample size with and without transfer"),
        "study leakage": _target(studies.leakage, "folds of flasks against folds of images"),
        "study transfer": _target(studies.transfer, "pretrained, random frozen, random trained at equal budget"),
    },
    data={
        "embedded": "eight rendered lines, synthetic (offline)",
        "folder": "your images: <class>/<flask>__*.png, or one CSV, tar or npz",
        "livecell": "LIVECell, eight other lines (public)",
        "breakhis": "BreaKHis, breast tumours (public)",
    },
    classes=classes,
    commands={"authenticate": "medrepro.reproduce.papers.cellline.authenticate:main"},
    citations=(
        (
            "paper",
            "Mzurikwao D. et al. Towards image-based cancer cell lines authentication using deep neural networks. "
            "Sci Rep 10, 19857 (2020).",
            "CC BY 4.0",
        ),
        ("data", "Rendered cell lines, made here: synthetic.", "MIT"),
    ),
    flags={
        "weights": "ImageNet weights for the rows that need them: a file, imagenet (download) or none",
        "breakhis": "folder of BreaKHis, for --study stages with --weights",
        "authenticate": "name the cell line in this image, or in every image of this folder",
        "run": "the run whose model --authenticate uses; default: runs/cellline-table5-quick",
    },
)
