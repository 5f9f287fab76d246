"""Say how segradcam is trained: presets, comparators at one budget, and the numbered assumptions of the card."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from medrepro.datamodules.lidc import RENDERED
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import Assumption, Preset, Protocol, Variant

KEY = "segradcam"
HERE = "medrepro.reproduce.papers.segradcam"
COMPARED_FOLDS = {"quick": 1}  # how many folds Table 4 runs, where not all: its comparators are slow
NETWORK = "network"  # the table of the paper's own network; other tables, figures and explanations rest on it
DEFAULT = "table summary"
WITH_DIAMETER = (*RENDERED, "lidc")

NARROW = {"design": "bottleneck", "early_pool": True, "schedule": "cosine"}
PRESETS = {
    "paper": Preset(seeds=(0,), folds=10, epochs=150),  # Sec. 5: ten folds
    "quick": Preset(seeds=(0,), folds=3, epochs=6, module={**NARROW, "widths": [8, 32, 64, 128], "lr": 0.01}),
    "judge": Preset(
        seeds=tuple(range(10)),  # each draws its own folds; one of them is tested
        folds=1,
        epochs=12,
        select="best",
        patience=4,
        rates=(0.003, 0.01, 0.03),
        module={"design": "bottleneck", "early_pool": True, "widths": [8, 32, 64, 128]},
        data={"val_fraction": 0.15},
    ),
    "smoke": Preset(
        seeds=(0,), folds=2, epochs=3, module={**NARROW, "widths": [4, 4, 8, 8]}, data={"limit_patients": 40}
    ),
}
FOLDED = {"judge": 5}  # parts of the cross-validation, where fewer of them are run
# The comparators' widths: in each preset their parameters are within 5 % of the network's.
WIDTHS: dict[str, dict[str, int | None]] = {
    "paper": {},
    "quick": {"three-plane": 15, "dual-path": 42, "autoencoder": 28, "multi-crop": 25, "binary-tree": 16},
    "judge": {"three-plane": 15, "dual-path": 42, "autoencoder": 28, "multi-crop": 25, "binary-tree": 16},
    "smoke": {"three-plane": 4, "dual-path": 8, "autoencoder": 4, "multi-crop": 4, "binary-tree": 4},
}
PRETRAIN = {"paper": 50, "quick": 2, "judge": 2, "smoke": 1}  # assumed: a third of the epochs, or half
EXPLAINED = {
    "paper": 100,
    "quick": 12,
    "judge": 40,
    "smoke": 4,
}  # nodules a fold; occlusion hides each hundreds of times
# Layers for a coarse and a fine heat map; with early_pool a stage's map is half as wide as the paper's.
LAYERS = {
    "paper": ("stage4", "stage3"),
    "quick": ("stage3", "stage2"),
    "judge": ("stage3", "stage2"),
    "smoke": ("stage3", "stage2"),
}

ASSUMPTIONS = {
    "population": Assumption(
        "1. Slices of at most 2.5 mm (the text says 3), three readers or more, a mean of 3 dropped (not '>= 3'): only "
        "so the published 450 and 554 come out.",
        data=WITH_DIAMETER,
    ),
    "split": Assumption(
        "2. Ten folds by patient; the paper's are by nodule, which puts 67 % of them beside a training nodule.",
        data=(*WITH_DIAMETER, "folder"),
    ),
    "window": Assumption(
        "3. [-1200, 600] HU, clipped first, then scaled: the paper prints [1200, 600] and the reverse order."
    ),
    "network": Assumption("4. Table 2 is lost: widths and inner design are SE-ResNeXt's (1,789,934 parameters)."),
    "lr": Assumption(
        "5. lr 1e-3, x 0.1 at 60 and 120 (the printed third value repeats the second; Sec. 4's 0.30 contradicts).",
        presets=("paper",),
    ),
    "decay": Assumption("6. Weight decay 1e-3: the sentence is garbled."),
    "trust": Assumption(
        "7. Trust is measured on true masks instead of asked of nine raters, whose printed numbers are those of the "
        "original Grad-CAM study; Eqs. 1-9 are Grad-CAM's, ours is Grad-CAM++'s Eq. 19.",
        named=True,
    ),
    "explained": Assumption(
        "8. Explained: nodules of the test folds, as many of each class, for the predicted class.", named=True
    ),
    "classical": Assumption(
        "9. Table 3: each family is a textbook set (datamodules/features/handcrafted.py); nested folds by patient.",
        named=True,
    ),
    "comparators": Assumption(
        "10. Table 4: small networks with one mechanism each, within 5 % of ours in parameters, 32^3 input; quick runs "
        "the first of its three folds, at the learning rate chosen for ours.",
        named=True,
    ),
    "quick": Assumption(
        "11. quick: 3 folds, widths 8-128, pooling before stage 1, 6 epochs, lr 0.01 with cosine decay, chosen on "
        "validation nodules.",
        presets=("quick",),
    ),
    "judge": Assumption(
        "11. judge: quick's networks; one fold of five per seed, 15 % of the other patients for validation; each row's "
        "learning rate is the best of 0.003, 0.01 and 0.03 there; up to 12 epochs, ended by 4 without a better "
        "validation AUC, the best counts.",
        presets=("judge",),
    ),
    "smoke": Assumption(
        "11. smoke: 40 patients, 2 folds, tiny widths, 3 epochs: proves that the code runs, measures nothing.",
        presets=("smoke",),
    ),
}

OURS = Variant("senet", "SE network (Mish)")


def preset_for(preset: Preset, options: Options, variant: Variant) -> Preset:
    """Return the preset with the number of folds, the embedded data's size, and a comparator's width."""
    limits = preset.data if options.embedded else {}
    return replace(
        preset,
        module=network_settings(options.preset, variant.module.get("network")),
        data={**limits, "folds": FOLDED.get(options.preset) or max(PROTOCOL.folds(options), 2)},
    )


def network_settings(preset: str, network: str | None = None) -> dict[str, Any]:
    """Return the preset's settings of the paper's network, or of a comparator at the same number of parameters."""
    settings = dict(PRESETS[preset].module)
    if network is None:
        return settings
    shared: dict[str, Any] = {name: settings[name] for name in ("schedule", "lr") if name in settings}
    pretrain = {"pretrain_epochs": PRETRAIN[preset]} if network == "autoencoder" else {}
    return {**shared, "width": WIDTHS[preset].get(network), **pretrain}


PROTOCOL = Protocol(KEY, PRESETS, f"{HERE}.compute:train", ASSUMPTIONS, preset_for, own_split=("nodulemnist3d",))


def compared_folds(options: Options) -> int:
    """Return how many folds Table 4 runs: the preset's, unless the user names a number of folds."""
    folds = PROTOCOL.folds(options)
    return folds if options.folds else COMPARED_FOLDS.get(options.preset, folds)


def resting(options: Options, table: str, variants: Sequence[Variant], folds: int | None = None) -> tuple[Cell, ...]:
    """Return one computed cell per fold and variant, each with the network's cell of that fold as its need.

    Args:
        options: what the user asked for.
        table: which table the cells belong to.
        variants: its rows.
        folds: only the first so many.
    """
    networks = PROTOCOL.cells(options, NETWORK, [OURS], folds=folds)
    return tuple(
        PROTOCOL.cell(options, table, replace(variant, computed=True), network.seed, network.fold, (network,))
        for network in networks
        for variant in variants
    )


def same(options: Options, table: str, folds: int | None = None) -> tuple[Cell, ...]:
    """Return the network's results as a row of another table: nothing is trained twice."""
    return resting(options, table, [replace(OURS, function=f"{HERE}.compute:repeat")], folds)


def preparation(options: Options) -> Callable[[], object]:
    """Return what fills the cache before the cells run."""

    def prepare() -> None:
        from medrepro.datamodules.segradcam import SEGradCAMDataModule

        config = PROTOCOL.cell(options, NETWORK, OURS).config["data"]
        SEGradCAMDataModule(**config, cache_dir=options.cache_dir).prepare_data()

    return prepare
