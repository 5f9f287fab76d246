"""From an image of any size to the network's square input: the paper's five ways of resizing.

In: one image ``(C, H, W)``, 8 bit; out: ``(C, size, size)``. The named MONAI pipeline of the cell-line paper.
"""

from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms.compose import Compose
from monai.transforms.croppad.array import CenterSpatialCrop
from monai.transforms.spatial.array import Resize
from monai.transforms.utility.array import Lambda

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
        InputError: see `resizing`.
    """
    transform = Compose([Lambda(_to_float), resizing(size, mode, *images.shape[-2:]), Lambda(_to_bytes)])
    return np.stack([transform(image) for image in images])


def _to_float(image: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).float()


def _to_bytes(image: torch.Tensor) -> npt.NDArray[np.uint8]:
    rounded: npt.NDArray[np.uint8] = torch.as_tensor(image).round().clamp(0, 255).to(torch.uint8).numpy()
    return rounded
