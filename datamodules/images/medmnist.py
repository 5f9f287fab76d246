"""Find or download a MedMNIST data set by MedMNIST's own package, which checks what it downloads."""

from pathlib import Path
from typing import Any, Literal

from medrepro.datamodules.support.errors import InputError

Size = Literal[28, 64, 128, 224]


def medmnist_file(flag: str, root: Path, size: Size = 28) -> Path:
    """Return the npz of a MedMNIST data set: from ``root``, else downloaded there and checked by its MD5.

    Args:
        flag: such as ``pneumoniamnist``, ``retinamnist``, ``octmnist``.
        root: folder that holds or will hold the file.
        size: side in px.

    Raises:
        InputError: an unknown data set.
        FileNotFoundError: the file is not there and cannot be downloaded; says its name, source and place.
    """
    about = _about(flag)
    path = root / (f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz")
    if path.is_file():
        return path
    import medmnist  # here, since it imports torchvision, which reading a local file does not need

    root.mkdir(parents=True, exist_ok=True)
    try:
        getattr(medmnist, about["python_class"])(split="train", download=True, root=str(root), size=size)
    except (OSError, RuntimeError) as error:
        address = about["url" if size == 28 else f"url_{size}"]
        raise FileNotFoundError(
            f"{path.name} is not in {root} and cannot be downloaded ({type(error).__name__}): "
            f"get {address} elsewhere and put it into {root}, or give its folder by --data-root"
        ) from error
    return path


def medmnist_classes(flag: str) -> tuple[str, ...]:
    """Return the names of classes 0..K-1.

    Raises:
        InputError: an unknown data set.
    """
    labels = _about(flag)["label"]
    return tuple(str(labels[key]) for key in sorted(labels, key=int))


def _about(flag: str) -> dict[str, Any]:
    """Return what the package knows of a data set."""
    from medmnist.info import INFO

    if flag not in INFO:
        raise InputError(f"MedMNIST has no data set {flag!r}; it has {', '.join(sorted(INFO))}")
    known: dict[str, Any] = INFO[flag]
    return known
