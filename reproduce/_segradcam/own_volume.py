"""``--explain PATH``: a nodule of the user's own volume, classified and explained by a saved checkpoint.

In: a NIfTI, DICOM folder, ``.npy`` or ``.npz`` in HU, a point in it and a checkpoint; out: the probability, a picture
of three planes with the heat map, and the map itself as ``.npz``.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from datamodules.errors import InputError

if TYPE_CHECKING:
    from lightning_modules.segradcam import SEGradCAMModule


class _Parser(argparse.ArgumentParser):
    """Argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        print(f"{self.prog}: error: {' '.join(message.split())}", file=sys.stderr)
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """Return the parser of ``--explain``."""
    found = _Parser(prog="reproduce/segradcam.py", description="Explain a nodule in a CT volume of your own.")
    found.add_argument("--explain", type=Path, required=True, help="DICOM folder, .nii, .nii.gz, .npy or .npz, in HU")
    found.add_argument("--point", required=True, help="voxel indices z,y,x of the nodule; z counts towards the head")
    found.add_argument("--checkpoint", type=Path, required=True, help="model.ckpt of a finished cell of this command")
    found.add_argument("--spacing", default="1,1,1", help="z,y,x in mm of a .npy, which carries none")
    found.add_argument("--layer", default="stage3", help="of the network; stage4 is the paper's, stage3 is finer")
    found.add_argument("--out", type=Path, default=Path("runs/segradcam-explain"), help="folder of the picture and map")
    return found


def main(words: list[str]) -> int:
    """Run; bad input is one line on stderr and ``SystemExit(2)``."""
    chosen = parser().parse_args(words)
    try:
        print(explain(chosen))
    except (InputError, FileNotFoundError) as error:
        print(f"reproduce/segradcam.py: error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    return 0


def explain(chosen: argparse.Namespace) -> str:
    """Classify and explain the cube around the point; returns what to tell the user.

    Raises:
        FileNotFoundError: there is no such volume or checkpoint.
        InputError: the point, spacing, volume, layer or checkpoint cannot be used.
    """
    import numpy as np
    import torch

    from datamodules.cache import atomic_write
    from datamodules.ct_volume import read_volume
    from datamodules.segradcam import SIDE, SPACING_MM, SEGradCAMDataModule
    from lightning_modules.explain.cam import GradCAMPlusPlus
    from reproduce._figures import Example, gallery

    module = load(chosen.checkpoint)
    z, y, x = numbers(chosen.point, "--point")
    cube = read_volume(chosen.explain, numbers(chosen.spacing, "--spacing")).cube((z, y, x), SIDE, SPACING_MM)
    image = torch.as_tensor(np.asarray(SEGradCAMDataModule().preprocess()(cube[None, None]), dtype=np.float32))
    with torch.no_grad():
        probability = module.probabilities(image)[0]
    said = ("benign", "malignant")[int(probability.argmax())]
    try:
        heat = GradCAMPlusPlus(module.network, chosen.layer)(image)[0]
    except ValueError as error:
        raise InputError(f"--layer {chosen.layer}: {error}") from error
    chosen.out.mkdir(parents=True, exist_ok=True)
    example = Example(
        image[0].numpy(), "your volume", said, float(probability.max()), chosen.point, SPACING_MM, None, heat.numpy()
    )
    figure = gallery([example], "Explanation", "Grad-CAM++ for the predicted class.")
    if figure is not None:
        figure.save(chosen.out / "explanation.png")
    with atomic_write(chosen.out / "explanation.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, cube_hu=cube, heat=heat.numpy(), probability=probability.numpy())
    return (
        f"{said} (probability of malignancy {float(probability[1]):.2f}; as good as what the checkpoint was "
        "trained on, and not for clinical use)\n"
        f"{chosen.out / 'explanation.png'}"
    )


def numbers(text: str, flag: str) -> tuple[float, float, float]:
    """Return three numbers of ``z,y,x``.

    Raises:
        InputError: it is not three numbers.
    """
    try:
        z, y, x = (float(word) for word in text.split(","))
    except ValueError as error:
        raise InputError(f"{flag} {text}: give three numbers z,y,x, such as 42,250,131") from error
    return z, y, x


def load(path: Path) -> "SEGradCAMModule":
    """Return the trained module of a checkpoint, in evaluation mode.

    Raises:
        FileNotFoundError: there is none.
        InputError: it is no checkpoint of this module.
    """
    import pickle

    from lightning_modules.segradcam import SEGradCAMModule

    if not path.is_file():
        raise FileNotFoundError(f"--checkpoint {path}: no such file; train one: python reproduce/segradcam.py")
    try:
        return SEGradCAMModule.load_from_checkpoint(path, weights_only=True, map_location="cpu").eval()
    except (KeyError, RuntimeError, TypeError, pickle.UnpicklingError) as error:
        raise InputError(f"--checkpoint {path}: not a checkpoint of SEGradCAMModule ({error})") from error
