"""Say how multiscale is trained: presets of classifiers and segmenters, and the numbered assumptions of the card."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from medrepro.datamodules.lidc import RENDERED
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import Assumption, Preset, Protocol, Values, Variant

KEY = "multiscale"
HERE = "medrepro.reproduce.papers.multiscale"
SCALES = (32, 48, 64)
LIDC_DATA = (*RENDERED, "lidc")  # real patients and diameters
NOT_FOR = {**dict.fromkeys(RENDERED, ()), "lidc": ("limit_patients",), "nodulemnist3d": ("limit_patients", "voxel_mm")}

CLASSIFIER = {
    "paper": Preset(seeds=(0,), folds=5, epochs=120),
    "quick": Preset(
        seeds=(0, 1, 2),
        epochs=4,
        module={"width": 0.5, "schedule": "cosine"},
        data={"voxel_mm": 2.0, "limit_patients": 300, "batch_size": 16},
    ),
    "judge": Preset(
        seeds=tuple(range(10)),
        epochs=12,
        select="best",
        patience=4,
        rates=(3e-4, 1e-3, 3e-3),
        module={"width": 0.5},
        data={"voxel_mm": 2.0, "batch_size": 16},
    ),
    "smoke": Preset(
        seeds=(0,),
        epochs=3,
        module={"width": 0.25, "schedule": "cosine"},
        data={"voxel_mm": 4.0, "limit_patients": 40, "batch_size": 8},
    ),
}
SEGMENTER = {
    "paper": Preset(seeds=(0,), folds=5, epochs=120),
    "quick": Preset(
        seeds=(0, 1, 2),
        epochs=5,
        module={"width": 0.5, "schedule": "cosine"},
        data={"scale": 32, "voxel_mm": 2.0, "limit_patients": 300, "batch_size": 8},  # the classifiers' cubes
    ),
    "judge": Preset(
        seeds=tuple(range(10)),
        epochs=20,
        select="best",
        patience=5,
        rates=(3e-4, 1e-3, 3e-3),
        module={"width": 0.5},
        data={"scale": 32, "voxel_mm": 2.0, "batch_size": 8},
    ),
    "smoke": Preset(
        seeds=(0,),
        epochs=3,
        module={"width": 0.25, "schedule": "cosine"},
        data={"scale": 32, "cube_mm": 32, "voxel_mm": 2.0, "limit_patients": 20, "batch_size": 8},
    ),
}
ASSUMPTIONS = {
    "labels": Assumption(
        "1. Labels: the median of the readers' ratings, halves to the even level; level 3 is dropped.", data=LIDC_DATA
    ),
    "split": Assumption(
        "2. Split: five folds by patient; 20 % of the other patients choose the ensemble's weights.", data=LIDC_DATA
    ),
    "power": Assumption("3. lambda of Eq. 12 is not printed: 2 (study: 1, 2, 3).", named=True),
    "epochs": Assumption("4. Epochs: 120 with lr x 0.1 every 30 (Sec. 4.5), not Table 3's 30; the last epoch counts."),
    "networks": Assumption(
        "5. No width is printed: 16-32-64-128 for Light10 and the residual blocks, 8 for a channel.", named=True
    ),
    "ifm": Assumption(
        "6. IFM: a stem a channel, RAM's softmax over the three channels, strides 2-2-2-1 (Figs. 2 and 3 are lost).",
        named=True,
    ),
    "level": Assumption(
        "7. Over- and under-complete channels have one x2 level: three would make maps of 256^3.", named=True
    ),
    "rows": Assumption(
        "8. KiU and DAS are rebuilt around one idea each; OL and SD2023 are cited numbers, not runs.", named=True
    ),
    "voxels": Assumption("9. Voxels of 1 mm; the paper crops the scanner's own.", data=LIDC_DATA),
    "shift": Assumption("10. Translations reach 2 voxels; the paper names no distance."),
    "grid": Assumption(
        "11. Weights: steps of 0.05 on the simplex; of equal AUCs the one nearest to equal weights.", named=True
    ),
    "decoder": Assumption(
        "12. Ablation: U-Net decoders, Dice and cross-entropy; CEL is IFM with cross-entropy alone.", named=True
    ),
    "quick": Assumption(
        "13. quick: 300 patients, voxels of 2 mm, half the widths, batches of 16, 4 epochs with cosine decay.",
        presets=("quick",),
        named=True,
    ),
    "quick-masks": Assumption(
        "13. quick: 300 patients, 32 mm in voxels of 2 mm, half the widths, batches of 8, 5 epochs.",
        presets=("quick",),
        named=True,
    ),
    "quick-3": Assumption(
        "14. quick: Table 3 trains the 32 mm scale alone, so its rows are no ensembles.",
        presets=("quick",),
        named=True,
    ),
    "judge": Assumption(
        "13. judge: all patients, voxels of 2 mm, half the widths; each row's learning rate is the best of 3e-4, 1e-3 "
        "and 3e-3 on validation patients; up to 12 epochs (masks 20), ended by 4 (5) without a better validation AUC "
        "(masks: loss), the best counts.",
        presets=("judge",),
        named=True,
    ),
    "smoke": Assumption(
        "13. smoke: few patients, coarse voxels, quarter widths, 3 epochs: proves the code, measures nothing.",
        presets=("smoke",),
        named=True,
    ),
}


def preset_for(preset: Preset, options: Options, variant: Variant) -> Preset:
    """Return the preset without the settings that the data do not have."""
    del variant
    kept = {name: value for name, value in preset.data.items() if name not in NOT_FOR[options.data]}
    return replace(preset, data=kept)


PROTOCOL = Protocol(KEY, CLASSIFIER, f"{HERE}.compute:train", ASSUMPTIONS, preset_for, own_split=("nodulemnist3d",))
MASKS = replace(PROTOCOL, presets=SEGMENTER, train=f"{HERE}.compute:train_segmenter")


def ensemble(row: str, label: str, module: Values, members: Sequence[Variant]) -> Variant:
    """Return the row that combines its members' predictions, whose weights are chosen on validation."""
    rows = tuple(member.row for member in members)
    return Variant(row, label, module, function=f"{HERE}.compute:ensemble", computed=True, needs=rows)


def preparation(options: Options, found: Sequence[Cell]) -> Callable[[], object]:
    """Return what fills the data cache before the cells run: every different rendering once."""

    def prepare() -> None:
        from medrepro.datamodules.multiscale import MultiScaleDataModule

        seen: set[tuple[object, ...]] = set()
        for cell in found:
            data = cell.config["data"]
            rendering = tuple(data.get(name) for name in ("voxel_mm", "cube_mm", "limit_patients"))
            if cell.epochs and rendering not in seen:
                seen.add(rendering)
                MultiScaleDataModule(**data, cache_dir=options.cache_dir).prepare_data()

    return prepare
