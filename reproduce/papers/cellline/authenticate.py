"""Name the cell line in an image, with calibrated confidence, or say "unknown".

The model is that of a finished run of Table 5; temperature and threshold were chosen on its validation images, and
nothing is trained here.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medrepro.datamodules.cellline import CellLineDataModule, to_grey
from medrepro.datamodules.images.files import SUFFIXES
from medrepro.datamodules.images.reader import read_paths
from medrepro.datamodules.support.command_line import OneLineParser, guarded
from medrepro.datamodules.support.errors import NO_CHECKPOINT, InputError
from medrepro.lightning_modules.cellline import CellLineModule
from medrepro.lightning_modules.networks.transfer import TransferNet
from medrepro.reproduce.evaluation.calibration import at_temperature
from medrepro.reproduce.papers.cellline.compute import frozen_backbone, resolve_weights
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context

PROGRAM = "reproduce/cellline.py"
ROWS = ("imagenet-nearest", "source-nearest")  # strategy V, best start first


@dataclass(frozen=True)
class Authenticator:
    """A trained and calibrated model: a frozen backbone, its head, the classes' names."""

    backbone: TransferNet
    head: CellLineModule
    data: CellLineDataModule
    classes: tuple[str, ...]
    temperature: float
    threshold: float

    def probabilities(self, paths: list[Path]) -> NDArray[np.float64]:
        """Return calibrated probabilities (N, K) of image files."""
        pixels = read_paths(paths, self.data.source.image_size, self.data.source.resize)
        images = torch.from_numpy(to_grey(pixels) if self.data.source.grey else pixels).float() / 255
        with torch.inference_mode():
            found = self.head.probabilities(self.backbone.features(images)).double().numpy()
        return at_temperature(found, self.temperature)

    def answer(self, probabilities: NDArray[np.float64]) -> str:
        """Return the line's name and confidence, or "unknown" with the best guess and the threshold it missed."""
        best = int(probabilities.argmax())
        guess = f"{self.classes[best]} {probabilities[best]:.2f}"
        if probabilities[best] < self.threshold:
            return f"unknown (best guess {guess}, below the threshold of {self.threshold:.2f})"
        return guess


def load(run: Path) -> Authenticator:
    """Load the model of a run's first fold.

    Raises:
        FileNotFoundError: the run or its model is not there.
        InputError: its files are damaged, or of something else.
    """
    found = [path for row in ROWS for path in sorted(run.glob(f"results/cellline/5/{row}__*.json"))]
    if not found:
        raise FileNotFoundError(f"no finished model of Table 5 below {run}: run `python reproduce/cellline.py` first")
    cell, metrics = _cell(found[0], run)
    checkpoint = cell.work_dir / "model.ckpt"
    if not checkpoint.is_file():
        raise FileNotFoundError(f"the model {checkpoint} is gone: run `python reproduce/cellline.py` again")
    data = CellLineDataModule(**cell.config["data"])
    weights = resolve_weights(cell, Context())
    name = cell.config["module"].get("backbone", "inception_resnet_v2")
    try:
        saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
        head = CellLineModule(**saved["hyper_parameters"])
        head.load_state_dict(saved["state_dict"])
    except NO_CHECKPOINT as error:
        raise InputError(
            f"{checkpoint} is no head of this command ({type(error).__name__}): run Table 5 again"
        ) from error
    head.eval()
    return Authenticator(
        backbone=frozen_backbone(name, weights, 1 if data.source.grey else 3, cell.seed),
        head=head,
        data=data,
        classes=data.load_records().classes,
        temperature=metrics["calibration/temperature"],
        threshold=metrics["calibration/threshold"],
    )


def _cell(result: Path, run: Path) -> tuple[Cell, dict[str, Any]]:
    """Return the cell of a result file, and its metrics.

    Raises:
        InputError: it is damaged, or something else.
    """
    try:
        values = json.loads(result.read_text())
        names = ("key", "table", "row", "seed", "fold", "preset", "config")
        cell = Cell(**{name: values[name] for name in names}, label=values["row_label"], out=str(run))
        return cell, values["metrics"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{result} is no result of this command ({error}): delete it and run Table 5 again") from error


def images_at(path: Path) -> list[Path]:
    """Return the image itself, or every image below a folder.

    Raises:
        FileNotFoundError: nothing is there.
        InputError: no image is there.
    """
    if not path.exists():
        raise FileNotFoundError(f"--authenticate {path}: no such file or folder")
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not found:
        raise InputError(f"--authenticate {path}: no images in this folder ({', '.join(sorted(SUFFIXES))})")
    return found


def main(words: list[str]) -> int:
    """Print one line an image; bad input is one line on stderr and ``SystemExit(2)``."""
    parser = OneLineParser(prog=PROGRAM, description="Name the cell line in images, or say that it is unknown.")
    parser.add_argument("--authenticate", required=True, metavar="PATH", help="an image, or a folder of images")
    parser.add_argument("--run", default="runs/cellline-table5-quick", help="a finished run of Table 5")
    chosen = parser.parse_args(words)

    def work() -> int:
        images = images_at(Path(chosen.authenticate).expanduser())
        model = load(Path(chosen.run).expanduser())
        for image, probabilities in zip(images, model.probabilities(images), strict=True):
            print(f"{image}: {model.answer(probabilities)}")
        return 0

    return guarded(PROGRAM, work)
