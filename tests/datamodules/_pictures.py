"""Small image trees in the layouts that the real data sets have, seeded."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image


def picture(seed: int, height: int = 20, width: int = 24, colour: bool = False) -> npt.NDArray[np.uint8]:
    """A smooth-ish random picture ``(H, W)`` or ``(H, W, 3)``."""
    shape = (height, width, 3) if colour else (height, width)
    return np.random.default_rng([seed, 41]).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, pixels: npt.NDArray[np.uint8]) -> Path:
    """Write ``pixels`` in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def kermany_tree(root: Path) -> Path:
    """``split/class/file`` as the chest X-ray folder: patients in the names, Apple's droppings beside them."""
    number = 0
    for split, count in (("train", 6), ("val", 2), ("test", 3)):
        for person in range(count):
            for view in range(2):
                save(root / split / "PNEUMONIA" / f"{split}person{person}_bacteria_{view}.png", picture(number))
                number += 1
            save(root / split / "NORMAL" / f"{split}person{person + 90}_1.jpeg", picture(number + 500))
    (root / "train" / ".DS_Store").write_bytes(b"not an image")
    (root / "__MACOSX" / "train").mkdir(parents=True)
    (root / "__MACOSX" / "train" / "._a.png").write_bytes(b"not an image")
    return root
