"""Where the weights of a timm backbone come from: nowhere, a local file, or timm's hub.

In: an architecture's name and ``"none"``, ``"imagenet"`` or a path; out: the backbone with those weights, or
an error in one line. Weights that were asked for and cannot be had are never replaced by random ones.
"""

import os
import pickle
import socket
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import huggingface_hub
import safetensors
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from medrepro.lightning_modules.networks.keras_mobilenet import ARCHITECTURE, keras_backbone, read_npz

SUFFIXES: Final = (".safetensors", ".pth", ".pt", ".bin", ".npz")
LAYOUT: Final = "layout"  # metadata key of files we write: "timm" or "keras"


def build_backbone(name: str, weights: str = "none", in_channels: int = 3) -> nn.Module:
    """Build a timm backbone that maps (N, in_channels, H, W) to (N, num_features), without a classifier.

    Args:
        name: any timm architecture, for example ``inception_resnet_v2``.
        weights: ``"none"`` (random, said explicitly), ``"imagenet"`` (a file put in `weights_folder`, else
            timm's hub), or the path of a ``.safetensors``, ``.pth`` or Keras MobileNet ``.npz`` file.
        in_channels: 1 or 3; pretrained weights are for 3.

    Raises:
        ValueError: the name is unknown, the file does not fit, or weights meet in_channels other than 3.
        FileNotFoundError: the weights are not here and cannot be downloaded.
    """
    if name not in timm.list_models():
        close = timm.list_models(f"{name[:8]}*")[:3]
        raise ValueError(f"backbone {name!r} is not a timm architecture; names like it: {close}")
    if weights == "none":
        return _create(name, in_channels)
    if in_channels != 3:
        raise ValueError(f"weights {weights!r} are for 3 channels, found in_channels={in_channels}: use weights='none'")
    if weights == "imagenet":
        local = weights_folder() / weights_file(name)
        return load_backbone(name, local) if local.is_file() else _from_hub(name)
    return load_backbone(name, Path(weights))


def feature_width(backbone: nn.Module) -> int:
    """Return the width of a timm backbone's pooled output.

    Raises:
        ValueError: the module is none of timm's.
    """
    width = getattr(backbone, "head_hidden_size", None) or getattr(backbone, "num_features", None)
    if not isinstance(width, int):
        raise ValueError(f"{type(backbone).__name__} does not say its num_features: use a backbone of timm")
    return width


def _create(name: str, in_channels: int, pretrained: bool = False) -> nn.Module:
    """Create timm's architecture without its classifier."""
    network: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=0, in_chans=in_channels)
    return network


def weights_folder() -> Path:
    """Return the folder where a weights file put by hand is found: torch.hub's ``checkpoints``."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def weights_file(name: str) -> str:
    """Return the file name of an architecture's ImageNet weights, ``<name>.<tag>.safetensors``."""
    config = timm.get_pretrained_cfg(name)
    tag = config.tag if config is not None else ""
    return f"{name}.{tag}.safetensors" if tag else f"{name}.safetensors"


def load_backbone(name: str, path: Path) -> nn.Module:
    """Build ``name`` and load a local weights file into it, every tensor of it or none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be read, or it belongs to another architecture.
    """
    state, layout = read_weights(path)
    if layout == "keras":
        if name != ARCHITECTURE:
            raise ValueError(f"{path} holds {ARCHITECTURE}, not {name}: use --backbone {ARCHITECTURE}")
        return keras_backbone(state)
    network = _create(name, 3)
    classifier = _classifier_prefixes(name)
    state = {key: value for key, value in state.items() if not key.startswith(classifier)}
    wrong = _differences(network.state_dict(), state)
    if wrong:
        raise ValueError(f"{path} does not fit {name}: {wrong}; give the weights of {name}")
    network.load_state_dict(state)
    return network


def _classifier_prefixes(name: str) -> tuple[str, ...]:
    """Return the prefixes of the classifier's tensors, which every task replaces."""
    config = timm.get_pretrained_cfg(name)
    found = config.classifier if config is not None else None
    names = (found,) if isinstance(found, str) else tuple(found or ())
    return tuple(f"{prefix}." for prefix in (*names, "head"))


def _differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Say what keeps ``found`` from fitting ``expected``; empty when it fits."""
    missing = [key for key in expected if key not in found and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in found if key not in expected]
    shapes = [key for key in found if key in expected and found[key].shape != expected[key].shape]
    parts = [("missing", missing), ("unexpected", unexpected), ("other shape", shapes)]
    return ", ".join(f"{word} {len(keys)} ({keys[0]} ...)" for word, keys in parts if keys)


def read_weights(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read a weights file without running any code in it.

    Returns:
        The state dict and its layout, ``"timm"`` or ``"keras"``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the suffix is unknown or the content is no state dict.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights file at {path}: give an existing file to --weights ({', '.join(SUFFIXES)})"
        )
    if path.suffix == ".npz":
        return read_npz(path), "keras"
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in SUFFIXES:
        return _read_pickle(path), "timm"
    raise ValueError(f"{path.name}: weights end in {', '.join(SUFFIXES)}, found {path.suffix or 'no suffix'!r}")


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read a safetensors file and the layout in its metadata."""
    try:
        with safetensors.safe_open(path, framework="pt") as archive:
            metadata = archive.metadata() or {}
        return load_file(path), metadata.get(LAYOUT, "timm")
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} cannot be read as safetensors: {error}") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    """Read a ``torch.save`` file, tensors only."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} cannot be read with weights_only=True: {str(error).splitlines()[0]}") from error
    content = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{path} holds no state dict (names and tensors): save the network's state_dict()")
    return content


def save_backbone(network: nn.Module, path: Path, layout: str = "timm") -> None:
    """Save a backbone as safetensors, whole or not at all; `build_backbone` reads it as ``weights=path``.

    Args:
        network: the backbone (no classifier).
        path: where the file goes; its folder is made.
        layout: ``"keras"`` when the backbone came from a Keras file, since padding and epsilon differ there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    try:
        save_file(state, temporary, metadata={LAYOUT: layout})
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _from_hub(name: str) -> nn.Module:
    """Create ``name`` with timm's pretrained weights, from its cache or its hub.

    Raises:
        FileNotFoundError: neither has them.
    """
    config = timm.get_pretrained_cfg(name)
    cached = config is not None and config.hf_hub_id and _in_hub_cache(config.hf_hub_id)
    if not cached and not _hub_reachable():
        raise FileNotFoundError(offline_message(name))
    try:
        return _create(name, 3, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(offline_message(name)) from error


def _in_hub_cache(repository: str) -> bool:
    """Tell whether the hub's own cache already has the file."""
    return isinstance(huggingface_hub.try_to_load_from_cache(repository, "model.safetensors"), str)


def _hub_reachable(timeout_s: float = 3.0) -> bool:
    """Tell at once whether a download can work, instead of after minutes of retries."""
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return False
    if urllib.request.getproxies().get("https"):
        return True  # the proxy resolves names; only the download itself can tell
    host = urllib.parse.urlparse(huggingface_hub.constants.ENDPOINT).hostname or ""
    try:
        socket.create_connection((host, 443), timeout=timeout_s).close()
    except OSError:
        return False
    return True


def offline_message(name: str) -> str:
    """Return the one line for weights that are not here: file, size, place and flag."""
    with torch.device("meta"):
        network = timm.create_model(name)
    size = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    return (
        f"ImageNet weights of {name} are not here and there is no network: get {weights_file(name)} "
        f"({size / 1e6:.0f} MB), put it into {weights_folder()}, or give any local copy by --weights PATH; "
        "--weights none starts at random"
    )
