"""Say how quadsnet is trained: presets, sizes per data set, and the numbered assumptions of the card."""

from collections.abc import Callable
from typing import Any

from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import EMBEDDED, Assumption, Preset, Protocol, Variant

KEY = "quadsnet"
COMPUTE = "medrepro.reproduce.papers.quadsnet.compute"
THETAS = "thetas"  # --data thetas: every data set of Table I below --data-root
# Table I's data sets, the paper's own before its stand-in.
CANDIDATES: dict[str, tuple[str, ...]] = {
    "theta1": ("chest-xray", "pneumoniamnist"),
    "theta2": ("covid-ct",),
    "theta3": ("skin",),
    "theta4": ("fundus", "retinamnist"),
    "theta5": ("oct", "octmnist"),
    "theta6": ("malaria",),
    "theta7": ("mnist",),
}
THETA_OF = {name: theta for theta, names in CANDIDATES.items() for name in names}
NETWORKS = {
    "qn": ("quadsnet", "QuadSNet"),
    "dn": ("densenet121", "DenseNet121"),
    "in": ("inception_v3", "InceptionV3"),
    "mn": ("mobilenetv1_100", "MobileNet"),
    "rn": ("resnet50", "ResNet50"),
    "vg": ("vgg16", "VGG16"),
    "xc": ("legacy_xception", "Xception"),
}
QUICK_NETWORKS = ("qn", "mn", "rn")  # one smaller and one larger than QuadSNet

IMBALANCE = 10
SMOKE_LIMIT = 150  # images a kind
FAST: dict[str, Any] = {"bn_momentum": 0.1, "lr": 1e-3, "schedule": "cosine"}
PRESETS = {
    "paper": Preset(seeds=(0, 1, 2, 3, 4), epochs=100, select="best", data={"image_size": 224}),
    "quick": Preset(seeds=(0, 1, 2), epochs=7, module=FAST),
    "judge": Preset(
        seeds=tuple(range(10)),
        epochs=28,
        select="best",
        patience=8,
        rates=(3e-4, 1e-3, 3e-3),
        module={"bn_momentum": 0.1},
    ),
    "smoke": Preset(seeds=(0,), epochs=3, module={**FAST, "widths": [4, 4, 8, 8]}),
}
QUICK_WIDTHS = [8, 16, 32, 64]  # of the embedded data; real data get the paper's network
# Real data on a CPU: how small, how many, how long.
QUICK_DATA: dict[str, dict[str, int]] = {
    "covid-ct": {"image_size": 48, "epochs": 12},
    "skin": {"image_size": 32, "train_limit": 1500, "epochs": 6},
    "mnist": {"image_size": 28, "train_limit": 3000, "epochs": 4},
    "pneumoniamnist": {"image_size": 28, "train_limit": 2000, "epochs": 5},
}
QUICK_OTHER = {"image_size": 32, "train_limit": 2000, "epochs": 5}
ASSUMPTIONS = {
    "task": Assumption(
        "1. Embedded data: odd digits and malignant nodules against even and benign ones stand in for Table I.",
        data=(EMBEDDED,),
    ),
    "layers": Assumption(
        "2. No layer table is printed: two convolutions a block, widths 32-256, 512 hidden units; the parameters come "
        "to 5,242,728 against 5,235,944."
    ),
    "squash": Assumption(
        "3. Eq. 2 needs outputs in [0, 1]: v is the sigmoid of the logits, a class by itself; --study loss has the "
        "softmax too."
    ),
    "weighted": Assumption(
        "4. 'Weighted' and 'dynamic weights' are not defined: a sample weighs N / (K n_k) of its class."
    ),
    "momentum": Assumption(
        "5. Batch-norm momentum 0.99 is read as Keras counts it; 'momentum 0.009' of Adam is left at 0.9."
    ),
    "split": Assumption(
        "6. Shares of the three parts are not printed: the source's own parts, else a fifth to test, a tenth of the "
        "rest to validation; patients stay together where they are known."
    ),
    "metrics": Assumption(
        "7. Table III's 'sensitivity' and 'specificity' of the skin data fit its other columns and 1800 : 1497 images "
        "only as PPV and NPV: both readings are shown."
    ),
    "quick": Assumption(
        "8. quick: lr 1e-3 with cosine decay, batch-norm momentum 0.1, few epochs, the last one, small images, "
        "networks from scratch (the paper's baselines are pre-trained): not the paper's protocol.",
        presets=("quick",),
    ),
    "thinned": Assumption(
        "9. Training and validation are made 1:10 imbalanced by the seed; the test part is not.", data=(EMBEDDED,)
    ),
    "widths": Assumption(
        "10. quick on embedded data: QuadSNet at a quarter of its width (434,000 parameters).",
        presets=("quick", "judge"),
        data=(EMBEDDED,),
    ),
    "judge": Assumption(
        "8. judge: quick's widths, images and batch norm; each row's learning rate is the best of 3e-4, 1e-3 and 3e-3 "
        "on validation images; up to 28 epochs, ended by 8 without a better validation AUC, the best counts.",
        presets=("judge",),
    ),
    "smoke": Assumption(
        "8. smoke: 150 images a kind, 3 epochs, tiny widths: proves that the code runs, measures nothing.",
        presets=("smoke",),
    ),
}


def preset_for(preset: Preset, options: Options, variant: Variant) -> Preset:
    """Return the preset with the size, number and epochs of the variant's data set."""
    source = str(variant.data.get("data", options.data))
    size = _size(options.preset, source)
    epochs = size.pop("epochs", preset.epochs)
    narrow = {"widths": QUICK_WIDTHS} if options.preset in ("quick", "judge") and source == EMBEDDED else {}
    return preset.changed(module=narrow, data=size, epochs=epochs)


def _size(preset: str, source: str) -> dict[str, int]:
    if source == EMBEDDED:
        small = {"smoke": {"limit": SMOKE_LIMIT}, "paper": {}}.get(preset, {"train_limit": 900})
        return {"image_size": 0, "imbalance": IMBALANCE, **small}
    if preset == "smoke":
        return {"image_size": 32, "train_limit": 96}
    size = dict(QUICK_DATA.get(source, QUICK_OTHER)) if preset in ("quick", "judge") else {}
    return {name: value for name, value in size.items() if (name, preset) != ("epochs", "judge")}


PROTOCOL = Protocol(KEY, PRESETS, f"{COMPUTE}:train", ASSUMPTIONS, preset_for)


def preparation(options: Options) -> Callable[[], object] | None:
    """Return what renders the embedded nodules into the cache; None where the data are read as they are."""
    if options.data != EMBEDDED:
        return None
    limit = SMOKE_LIMIT if options.preset == "smoke" else 0

    def render() -> object:
        from medrepro.datamodules.lidc.cohorts import embedded_slices
        from medrepro.datamodules.lidc.selection import Cohort

        return embedded_slices(options.cache_dir, Cohort(limit_patients=limit), progress=not options.quiet)

    return render
