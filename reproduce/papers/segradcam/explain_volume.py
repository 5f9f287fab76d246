"""Classify and explain a nodule of the user's own volume by a saved checkpoint: ``--explain PATH``.

The volume is read as ``prepare`` reads it. The probability is printed; a picture of three planes with the heat map, and
the map itself as ``.npz``, are written.
"""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from medrepro.datamodules.support.command_line import OneLineParser, guarded
from medrepro.datamodules.support.errors import NO_CHECKPOINT, InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from medrepro.lightning_modules.segradcam import SEGradCAMModule

    Floats = npt.NDArray[np.floating]

PROGRAM = "reproduce/segradcam.py"
POINT_HELP = "voxel indices z,y,x of the nodule: z from the feet, y from the front, x from the patient's right"


def parser() -> argparse.ArgumentParser:
    """Return the parser of ``--explain``."""
    found = OneLineParser(prog=PROGRAM, description="Explain a nodule in a CT volume of your own.")
    found.add_argument(
        "--explain",
        type=Path,
        required=True,
        help="DICOM folder, .nii, .nii.gz, .nrrd, .mhd, .mha, .npy or .npz, in HU",
    )
    found.add_argument("--point", required=True, help=POINT_HELP)
    found.add_argument("--checkpoint", type=Path, required=True, help="model.ckpt of a finished cell of this command")
    found.add_argument("--spacing", default="1,1,1", help="z,y,x in mm of a .npy, which carries none")
    found.add_argument("--layer", default="stage3", help="of the network; stage4 is the paper's, stage3 is finer")
    found.add_argument("--out", type=Path, default=Path("runs/segradcam-explain"), help="folder of the picture and map")
    return found


def main(words: list[str]) -> int:
    """Run; bad input is one line on stderr and ``SystemExit(2)``."""
    chosen = parser().parse_args(words)

    def work() -> int:
        print(explain(chosen))
        return 0

    return guarded(PROGRAM, work)


def explain(chosen: argparse.Namespace) -> str:
    """Classify and explain the cube around the point; returns what to tell the user.

    Raises:
        FileNotFoundError: there is no such volume or checkpoint.
        InputError: the point, spacing, volume, layer or checkpoint cannot be used.
    """
    from medrepro.datamodules.ct.read import read_ct
    from medrepro.datamodules.segradcam import SIDE, SPACING_MM

    module, point = load(chosen.checkpoint), numbers(chosen.point, "--point")
    spacing = numbers(chosen.spacing, "--spacing")
    if min(spacing) <= 0:
        raise InputError(f"--spacing {chosen.spacing}: mm must be above 0")
    volume = read_ct(chosen.explain, spacing=spacing)
    if any(not 0 <= place < size for place, size in zip(point, volume.hu.shape, strict=True)):
        raise InputError(f"--point {chosen.point} (z, y, x) lies outside the volume of {volume.hu.shape} voxels")
    cube = volume.crop(volume.to_world(point), (SIDE,) * 3, SPACING_MM)
    image, malignant, heat = judge(module, cube, chosen.layer)
    said, probability = ("malignant", malignant) if malignant > 0.5 else ("benign", 1 - malignant)
    picture = save(chosen.out, chosen.point, cube, image, heat, said, probability)
    nearest = tuple(min(round(place), size - 1) for place, size in zip(point, volume.hu.shape, strict=True))
    between, rows, columns = volume.spacing
    return (
        f"{chosen.explain}: {len(volume.hu)} slices of {between:.3g} mm, pixels of {rows:.3g} x "
        f"{columns:.3g} mm; {volume.hu[nearest]} HU at the point\n"
        f"{said} (probability of malignancy {malignant:.2f}; as good as what the checkpoint was trained on, and not "
        f"for clinical use)\n{picture}"
    )


def judge(module: "SEGradCAMModule", cube: "npt.NDArray[np.int16]", layer: str) -> "tuple[Floats, float, Floats]":
    """Return the image (1, D, H, W) in [0, 1], the probability of malignancy and the heat map (D, H, W) of a cube.

    Raises:
        InputError: the network has no such layer.
    """
    import numpy as np
    import torch

    from medrepro.datamodules.segradcam import SEGradCAMDataModule
    from medrepro.lightning_modules.explain.cam import GradCAMPlusPlus

    image = torch.as_tensor(np.asarray(SEGradCAMDataModule().preprocess()(cube[None, None]), dtype=np.float32))
    with torch.no_grad():
        malignant = float(module.probabilities(image)[0, 1])
    try:
        heat = GradCAMPlusPlus(module.network, layer)(image)[0]
    except ValueError as error:
        raise InputError(f"--layer {layer}: {error}") from error
    return image[0].numpy(), malignant, heat.numpy()


def save(
    out: Path,
    point: str,
    cube: "npt.NDArray[np.int16]",
    image: "Floats",
    heat: "Floats",
    said: str,
    probability: float,
) -> Path:
    """Write the picture of three planes and the map with its cube; returns the picture's path."""
    import numpy as np

    from medrepro.datamodules.segradcam import SPACING_MM
    from medrepro.datamodules.support.cache import atomic_write, writable_folder
    from medrepro.reproduce.report.figures.standard import Example, gallery

    writable_folder(out, "--out")
    example = Example(image, "", said, probability, f"at {point}", SPACING_MM, None, heat)
    figure = gallery([example], "Explanation", "Grad-CAM++ for the predicted class.")
    if figure is not None:
        figure.save(out / "explanation.png")
    shares = np.array([1 - probability, probability] if said == "malignant" else [probability, 1 - probability])
    with atomic_write(out / "explanation.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, cube_hu=cube, heat=heat, probability=shares)
    return out / "explanation.png"


def numbers(text: str, flag: str) -> tuple[float, float, float]:
    """Return three numbers of ``z,y,x``.

    Raises:
        InputError: it is not three numbers.
    """
    try:
        z, y, x = (float(word) for word in text.split(","))
    except ValueError as error:
        raise InputError(f"{flag} {text}: give three numbers z,y,x, such as 42,250,131") from error
    if not all(map(math.isfinite, (z, y, x))):
        raise InputError(f"{flag} {text}: give three finite numbers")
    return z, y, x


def load(path: Path) -> "SEGradCAMModule":
    """Return the trained module of a checkpoint, in evaluation mode.

    Raises:
        FileNotFoundError: there is none.
        InputError: it is no checkpoint of this module.
    """
    from medrepro.lightning_modules.segradcam import SEGradCAMModule

    if not path.is_file():
        raise FileNotFoundError(f"--checkpoint {path}: no such file; train one: python reproduce/segradcam.py")
    try:
        return SEGradCAMModule.load_from_checkpoint(path, weights_only=True, map_location="cpu").eval()
    except NO_CHECKPOINT as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"--checkpoint {path}: not a checkpoint of SEGradCAMModule ({reason})") from error
