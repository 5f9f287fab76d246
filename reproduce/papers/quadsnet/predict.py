"""Apply a trained network to images without labels: ``--predict PATH --checkpoint FILE``.

In: an image or a folder of images, and a checkpoint; out: ``predictions.csv`` and ``contact_sheet.png``.
"""

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from medrepro.datamodules.support.errors import NO_CHECKPOINT, InputError

if TYPE_CHECKING:
    import pandas as pd

    from medrepro.datamodules.records import Records
    from medrepro.lightning_modules.quadsnet import QuadSNetModule

BATCH = 256
SHEET = (6, 8)  # columns and rows of the contact sheet at most
ALLOWED = "give a model.ckpt that reproduce/quadsnet.py has written, runs/<run>/cells/<table>/<cell>/model.ckpt"


@dataclass(frozen=True)
class Trained:
    """A network and what it was trained to see and say."""

    module: "QuadSNetModule"
    image_size: int
    classes: tuple[str, ...]


class _Parser(argparse.ArgumentParser):
    """Argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        print(f"reproduce/quadsnet.py: error: {message}", file=sys.stderr)
        raise SystemExit(2)


def main(words: Sequence[str]) -> int:
    """Run ``--predict``; bad input is one line on stderr and ``SystemExit(2)``."""
    parser = _Parser(prog="reproduce/quadsnet.py", description="Apply a trained network to images.")
    parser.add_argument("--predict", required=True, type=Path, help="an image, or a folder of images")
    parser.add_argument("--checkpoint", required=True, type=Path, help="model.ckpt of a finished cell")
    parser.add_argument("--image-size", type=int, help="side in px; default: as in training")
    parser.add_argument("--classes", nargs="+", help="names of the classes; default: as in training")
    parser.add_argument("--out", type=Path, default=Path("runs/quadsnet-predict"), help="folder for what is written")
    chosen = parser.parse_args(list(words))
    try:
        trained = load(chosen.checkpoint, chosen.image_size, chosen.classes)
        records = read_unlabelled(chosen.predict, trained)
        table = predict(trained, records)
        write(table, records, chosen.out)
    except (InputError, FileNotFoundError) as error:
        parser.error(" ".join(str(error).split()))
    return 0


def load(checkpoint: Path, image_size: int | None = None, classes: Sequence[str] | None = None) -> Trained:
    """Load a network; its image size and classes come from the result file of its cell, or from the arguments.

    Raises:
        FileNotFoundError: no checkpoint.
        InputError: not one of ours, or size and classes are neither known nor given.
    """
    if not checkpoint.is_file():
        raise FileNotFoundError(f"no checkpoint {checkpoint}: {ALLOWED}")
    from medrepro.lightning_modules.quadsnet import QuadSNetModule

    try:
        module = QuadSNetModule.load_from_checkpoint(checkpoint, weights_only=True, map_location="cpu")
    except NO_CHECKPOINT as error:
        raise InputError(f"{checkpoint} is no checkpoint of quadsnet ({type(error).__name__}): {ALLOWED}") from error
    known = _result(checkpoint)
    size = image_size if image_size is not None else known.get("image_size")
    names = tuple(classes or known.get("classes", ()))
    if size is None or len(names) != module.num_classes:
        raise InputError(
            f"{checkpoint}: training size {size}, class names {names} for {module.num_classes} classes; "
            "its result file is not beside it: give --image-size and --classes"
        )
    return Trained(module.eval(), size, names)


def _result(checkpoint: Path) -> dict[str, Any]:
    """Return size and classes from ``results/`` beside the ``cells/`` that the checkpoint lies in; {} without."""
    if len(checkpoint.resolve().parents) < 4:
        return {}
    cell, table, _, run = checkpoint.resolve().parents[:4]
    path = run / "results" / "quadsnet" / table.name / f"{cell.name}.json"
    if not path.is_file():
        return {}
    result = json.loads(path.read_text())
    return {"image_size": result["config"]["data"].get("image_size", 0), "classes": result["data"]["classes"]}


def read_unlabelled(source: Path, trained: Trained) -> "Records":
    """Read one image, or all images below a folder, at the size and with the channels of the training.

    Raises:
        FileNotFoundError: nothing there.
        InputError: no image, or some that cannot be read (all listed).
    """
    from medrepro.datamodules.images.entry import Entry, open_image
    from medrepro.datamodules.images.files import SUFFIXES
    from medrepro.datamodules.images.reader import About, read_entries

    if not source.exists():
        raise FileNotFoundError(f"no image or folder {source}: give --predict an existing one")
    root = source if source.is_dir() else source.parent
    paths = [source] if source.is_file() else sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
    entries = [
        Entry(p.relative_to(root).as_posix(), "unknown", "", "", functools.partial(open_image, p)) for p in paths
    ]
    channels = trained.module.hparams["in_channels"]
    return read_entries(entries, About("predict"), trained.image_size or None, channels)


def predict(trained: Trained, records: "Records") -> "pd.DataFrame":
    """Return one row an image: ``path``, ``predicted`` class and the probability of every class."""
    import pandas as pd
    import torch

    images = torch.from_numpy(records.images).float() / 255
    with torch.no_grad():
        parts = [trained.module.probabilities(batch) for batch in torch.split(images, BATCH)]
    probabilities = torch.cat(parts).numpy()
    table = pd.DataFrame({"path": records.table["sample_id"]})
    table["predicted"] = [trained.classes[best] for best in probabilities.argmax(axis=1)]
    for position, name in enumerate(trained.classes):
        table[name] = probabilities[:, position].round(4)
    return table


def write(table: "pd.DataFrame", records: "Records", out: Path) -> None:
    """Write ``predictions.csv`` and ``contact_sheet.png`` into ``out``, and say where they are."""
    from medrepro.datamodules.support.cache import atomic_write, writable_folder

    writable_folder(out, "--out")
    with atomic_write(out / "predictions.csv") as temporary:
        table.to_csv(temporary, index=False)
    with atomic_write(out / "contact_sheet.png") as temporary:
        contact_sheet(table, records, temporary)
    print(f"{len(table)} images: {out / 'predictions.csv'}, {out / 'contact_sheet.png'}")


def contact_sheet(table: "pd.DataFrame", records: "Records", path: Path) -> None:
    """Draw the images as the network saw them, least certain first, with class and probability."""
    from matplotlib.figure import Figure

    certainty = table.iloc[:, 2:].max(axis=1)
    shown = certainty.sort_values(kind="stable").index[: SHEET[0] * SHEET[1]]
    rows = -(-len(shown) // SHEET[0])
    canvas = Figure(figsize=(1.5 * SHEET[0], 1.9 * rows), layout="constrained")
    for axis in (axes := canvas.subplots(rows, SHEET[0], squeeze=False).ravel()):
        axis.axis("off")
    for axis, position in zip(axes, shown, strict=False):
        axis.imshow(records.images[position].transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255)
        name = str(table["path"][position])
        text = (
            f"{table['predicted'][position]} {certainty[position]:.2f}\n{name if len(name) < 20 else '…' + name[-19:]}"
        )
        axis.set_title(text, fontsize=7)
    canvas.savefig(path, format="png", dpi=150)
