"""Networks: pure torch, built from numbers. A name is imported when it is asked for.

In: images (N, C, *spatial); out: logits, or features and logits, as each network says.
"""

from typing import Any

from medrepro.lightning_modules._lazy import load

_MODULES = {
    "Autoencoder3D": "autoencoder3d",
    "CRFE": "crfe",
    "DenseBinaryTree3D": "dense_binary_tree3d",
    "DualBranchNet": "das",
    "DualPathNet3D": "dual_path3d",
    "EGFRNet": "egfr",
    "IFM": "ifm",
    "IFMSegmenter": "ifm",
    "KiUNet3D": "kiunet3d",
    "Light10": "light10",
    "MultiCropNet3D": "multicrop3d",
    "QuadSNet": "quadsnet",
    "RAM": "ram",
    "SENet3D": "senet3d",
    "ThreePlaneResNet": "three_plane",
    "TimmClassifier": "timm_classifier",
    "TransferHead": "transfer",
    "TransferNet": "transfer",
    "UNet3D": "unet3d",
    "build_backbone": "weights",
    "keras_parameter_count": "counting",
    "macs": "counting",
    "trainable_count": "counting",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import ``name`` on first use."""
    return load(__name__, _MODULES, name)
