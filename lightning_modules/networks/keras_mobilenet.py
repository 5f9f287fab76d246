"""MobileNet v1 as Keras stores it, turned into timm's ``mobilenetv1_100``.

In: an ``.npz`` of Keras tensors (``/`` in names written ``__``, kernels HWIO); out: a timm state dict and a
backbone with Keras's arithmetic (BatchNorm epsilon 1e-3, padding ((0, 1), (0, 1)) where the stride is 2).
Tensors may be missing at the end of the network: the backbone then ends where the weights end.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import timm
import torch
from torch import Tensor, nn

ARCHITECTURE: Final = "mobilenetv1_100"
STAGE_DEPTHS: Final = (1, 2, 2, 6, 2)  # Howard et al. 2017, Table 1: thirteen separable blocks in five stages
BATCH_NORM_EPSILON: Final = 1e-3  # Keras's BatchNormalization default
LAST_POINTWISE: Final = "blocks.4.1.conv_pw.weight"
_NORM_PARTS: Final = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def layer_names() -> dict[str, str]:
    """Map every Keras layer of the backbone to its timm module, in the order of the forward pass.

    Returns:
        54 entries: 27 convolutions and their 27 BatchNorms.
    """
    names = {"conv1": "conv_stem", "conv1_bn": "bn1"}
    places = [(stage, block) for stage, depth in enumerate(STAGE_DEPTHS) for block in range(depth)]
    for number, (stage, block) in enumerate(places, start=1):
        for keras, convolution, norm in (("dw", "conv_dw", "bn1"), ("pw", "conv_pw", "bn2")):
            names[f"conv_{keras}_{number}"] = f"blocks.{stage}.{block}.{convolution}"
            names[f"conv_{keras}_{number}_bn"] = f"blocks.{stage}.{block}.{norm}"
    return names


def convert(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Convert Keras tensors to timm's names and layout.

    Depthwise kernels (3, 3, C, 1) become (C, 1, 3, 3); pointwise and full kernels (k, k, in, out) become
    (out, in, k, k); the classifier ``conv_preds`` is left out.

    Returns:
        timm's state dict without classifier, and the Keras names of the tensors that were not there.

    Raises:
        ValueError: a layer is unknown to MobileNet v1, or tensors are missing before the last block.
    """
    names = layer_names()
    unknown = sorted({key.split("__")[0] for key in tensors} - set(names) - {"conv_preds"})
    if unknown:
        raise ValueError(f"not a Keras MobileNet v1: unknown layers {unknown[:3]}, known are {list(names)[:3]} ...")
    state: dict[str, Tensor] = {}
    absent: list[str] = []
    for keras, target in names.items():
        for key, name in _tensors_of(keras, target):
            if key in tensors:
                state[name] = _to_torch(key, tensors[key])
            else:
                absent.append(key)
    early = [key for key in absent if not key.startswith("conv_pw_13")]
    if early:
        raise ValueError(f"Keras MobileNet v1 lacks {early[:3]}: only the last block (conv_pw_13) may be missing")
    return state, tuple(absent)


def _tensors_of(keras: str, target: str) -> list[tuple[str, str]]:
    """Return the (Keras tensor, timm tensor) names of one layer."""
    if keras.endswith("_bn"):
        return [(f"{keras}__{part}", f"{target}.{name}") for part, name in _NORM_PARTS.items()]
    kernel = "depthwise_kernel" if "_dw_" in keras else "kernel"
    return [(f"{keras}__{kernel}", f"{target}.weight")]


def _to_torch(key: str, value: np.ndarray) -> Tensor:
    """Return one tensor in torch's layout (kernels OIHW)."""
    if key.endswith("depthwise_kernel"):
        value = value.transpose(2, 3, 0, 1)
    elif key.endswith("kernel"):
        value = value.transpose(3, 2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32))


def read_npz(path: Path) -> dict[str, Tensor]:
    """Read a Keras MobileNet ``.npz`` as a timm state dict, without the classifier.

    Raises:
        ValueError: the file is no ``.npz`` or no MobileNet v1.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return convert({key: archive[key] for key in archive.files})[0]
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as .npz: {error}") from error


def keras_backbone(state: Mapping[str, Tensor]) -> nn.Module:
    """Build the MobileNet v1 that ``state`` belongs to and load it; in evaluation mode.

    Where ``state`` ends before the last pointwise convolution, the backbone ends there too, at the 1024
    activations of ``conv_dw_13``; nothing is left at random values.

    Raises:
        ValueError: names or shapes do not fit.
    """
    network = timm.create_model(ARCHITECTURE, num_classes=0, pad_type="same", bn_eps=BATCH_NORM_EPSILON)
    if LAST_POINTWISE not in state:
        last = network.get_submodule("blocks.4.1")
        last.conv_pw, last.bn2 = nn.Identity(), nn.Identity()
        state = {name: value for name, value in state.items() if not name.startswith("blocks.4.1.bn2")}
    missing, unexpected = network.load_state_dict(dict(state), strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"MobileNet v1 weights do not fit: missing {missing[:3]}, unexpected {unexpected[:3]}")
    network.eval()
    return network
