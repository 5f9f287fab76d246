"""Decode and check one image: 8-bit pixels ``(H, W)`` or ``(H, W, 3)`` within stated limits."""

import contextlib
import hashlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]

SMALLEST_SIDE = 8  # px; below that nothing is left to see
MOST_PIXELS = 100_000_000  # a 10,000 x 10,000 image; more is a damaged or hostile header
UNSPLIT = ""
DEEP_GREY_MODES = ("I;16", "I;16B", "I;16L", "I")


@dataclass(frozen=True)
class Entry:
    """One image before it is read.

    Attributes:
        sample_id: unique; the path below the root, or split and position.
        label: name of its class.
        split: ``train``, ``val``, ``test``, or "" where the source has no split.
        group: patient, or "" where the source does not name one.
        pixels: reads and decodes it; raises ``OSError`` or ``ValueError``.
    """

    sample_id: str
    label: str
    split: str
    group: str
    pixels: Callable[[], Pixels]


def decode(stream: IO[bytes]) -> Pixels:
    """Decode a PNG, JPEG, TIFF, BMP or GIF (first frame) to ``(H, W)`` or ``(H, W, 3)``, upright, in 0..255.

    Grey images of 16 bits keep their upper eight; transparency is dropped; palettes become colours.

    Raises:
        ValueError: not an image, or outside the size limits.
        OSError: damaged or cut off.
    """
    with _opened(stream) as image:
        return _to_array(ImageOps.exif_transpose(image))


def decode_bytes(content: bytes) -> Pixels:
    """Decode an encoded image held in memory, see :func:`decode`."""
    return decode(io.BytesIO(content))


def open_image(path: Path) -> Pixels:
    """Decode an image file, see :func:`decode`."""
    with path.open("rb") as stream:
        return decode(stream)


def check_header(stream: IO[bytes]) -> None:
    """Check an image's size by its header alone.

    Raises:
        ValueError: not an image, or outside the size limits.
    """
    with _opened(stream):
        pass


@contextlib.contextmanager
def _opened(stream: IO[bytes]) -> Iterator[Image.Image]:
    """Yield an image, not yet decoded, whose header states an allowed size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
        try:
            with Image.open(stream) as image:
                check_size(image.width, image.height)
                yield image
        except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
            raise ValueError("not an image, or one too large or damaged") from error


def check_size(width: int, height: int) -> None:
    """Refuse an image that is too small to show anything or too large to be meant.

    Raises:
        ValueError: a side below ``SMALLEST_SIDE`` or more than ``MOST_PIXELS`` pixels.
    """
    if min(width, height) < SMALLEST_SIDE:
        raise ValueError(f"{width} x {height} px: smaller than {SMALLEST_SIDE} px")
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width} x {height} px: more than {MOST_PIXELS} pixels")


def _to_array(image: Image.Image) -> Pixels:
    if image.mode in DEEP_GREY_MODES:
        deep = np.asarray(image, dtype=np.int64)
        return (deep.clip(0, 65535) >> 8).astype(np.uint8)
    grey = image.mode in ("1", "L", "LA")
    return np.array(image.convert("L" if grey else "RGB"))


def from_array(pixels: npt.NDArray[np.generic]) -> Pixels:
    """Check one image that was stored as an array.

    Raises:
        ValueError: not 8 bit, not ``(H, W)``, ``(H, W, 1)`` or ``(H, W, 3)``, or outside the size limits.
    """
    if pixels.dtype != np.uint8:
        raise ValueError(f"pixels are {pixels.dtype}; only 8-bit images (uint8) are read")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"shape {pixels.shape}; allowed: (H, W), (H, W, 1) or (H, W, 3)")
    check_size(pixels.shape[1], pixels.shape[0])
    return np.asarray(pixels, dtype=np.uint8)


def content_hash(pixels: Pixels) -> str:
    """Return a fingerprint of decoded pixels: equal for the same picture in two files or formats."""
    header = repr(pixels.shape).encode()
    return hashlib.blake2b(header + np.ascontiguousarray(pixels).tobytes(), digest_size=16).hexdigest()


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """Return ``(H, W)`` or ``(H, W, 3)`` as ``(channels, H, W)``: grey repeated, colour as luminance."""
    if channels == 1:
        return (np.asarray(Image.fromarray(pixels).convert("L")) if pixels.ndim == 3 else pixels)[None]
    return np.repeat(pixels[None], 3, axis=0) if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
