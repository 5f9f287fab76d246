"""Resize 8-bit images to the network's square input: bilinear, or by the cell-line paper's five ways."""

from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms.compose import Compose
from monai.transforms.croppad.array import CenterSpatialCrop
from monai.transforms.spatial.array import Resize
from PIL import Image

from medrepro.datamodules.support.errors import InputError

ResizeMode = Literal["squash", "crop", "half", "quarter", "sixth"]
DIVISORS: Final[dict[ResizeMode, int]] = {"crop": 1, "half": 2, "quarter": 4, "sixth": 6}


def resizing(size: int, mode: ResizeMode, height: int, width: int) -> Compose:
    """Return the transform of images ``(C, height, width)`` to ``(C, size, size)``.

    ``squash`` resizes both axes and so changes the aspect ratio (the paper's choice); the others resize to 1,
    1/2, 1/4 or 1/6 of the original, rounded down, and cut out the centre ("Resizing and cropping").

    Raises:
        InputError: the mode is unknown, or the resized image is smaller than the network's input.
    """
    if mode not in get_args(ResizeMode):
        raise InputError(f"resize mode {mode!r}; allowed: {', '.join(get_args(ResizeMode))}")
    if mode == "squash":
        return Compose([Resize((size, size), mode="area")])
    smaller = (height // DIVISORS[mode], width // DIVISORS[mode])
    if min(smaller) < size:
        raise InputError(
            f"resize mode {mode!r} makes {width} x {height} pixels {smaller[1]} x {smaller[0]}, "
            f"less than the input of {size}: use a smaller input or 'squash'"
        )
    return Compose([Resize(smaller, mode="area"), CenterSpatialCrop((size, size))])


def resize_images(images: npt.NDArray[np.uint8], size: int, mode: ResizeMode) -> npt.NDArray[np.uint8]:
    """Resize ``(N, C, H, W)`` 8-bit images to ``(N, C, size, size)``.

    Raises:
        InputError: see :func:`resizing`.
    """
    transform = resizing(size, mode, *images.shape[-2:])
    resized = np.empty((*images.shape[:2], size, size), dtype=np.uint8)
    for number, image in enumerate(images):
        found = torch.as_tensor(transform(torch.from_numpy(np.ascontiguousarray(image)).float()))
        resized[number] = found.round().clamp(0, 255).numpy()
    return resized


def to_square(
    pixels: npt.NDArray[np.uint8], size: int, mode: ResizeMode | Literal["bilinear"] = "bilinear"
) -> npt.NDArray[np.uint8]:
    """Resize one image ``(H, W)`` or ``(H, W, 3)`` to ``size`` x ``size``.

    ``bilinear`` is antialiased and does not keep the aspect ratio; see :func:`resizing` for the other modes.

    Raises:
        InputError: see :func:`resizing`.

    Example:
        >>> to_square(np.zeros((30, 40, 3), np.uint8), 16).shape
        (16, 16, 3)
    """
    if mode != "bilinear":
        planes = np.atleast_3d(pixels).transpose(2, 0, 1)
        square = resize_images(planes[None], size, mode)[0]
        return square[0] if pixels.ndim == 2 else np.moveaxis(square, 0, 2)
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.array(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))
