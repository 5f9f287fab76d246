"""Malformed volumes, images, checkpoints and runs, for explaining, predicting and authenticating."""

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests._malformed import Bomb, Case, Place, Words, picture
from tests._malformed_prepare import all_edited, cut, nifti, scan, two_series

EXPLAIN, PREDICT, NAME = "medrepro.reproduce.segradcam", "medrepro.reproduce.quadsnet", "medrepro.reproduce.cellline"
CUT = picture(64, "JPEG")[:200]


@functools.cache
def trained(paper: str) -> bytes:
    """A checkpoint of a small network."""
    import torch

    from medrepro.lightning_modules.egfr import EGFRModule
    from medrepro.lightning_modules.quadsnet import QuadSNetModule
    from medrepro.lightning_modules.segradcam import SEGradCAMModule

    make: dict[str, Callable[[], Any]] = {
        "segradcam": lambda: SEGradCAMModule(design="bottleneck", widths=(4, 4, 8, 8)),
        "quadsnet": lambda: QuadSNetModule(num_classes=2, streams=("cs1",), class_weights="none"),
        "egfr": lambda: EGFRModule("resnet18", scale="quick"),
    }
    module, stream = make[paper](), io.BytesIO()
    content = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save({**content, "pytorch-lightning_version": "2.6.0"}, stream)
    return stream.getvalue()


def foreign(_: Place) -> bytes:
    return trained("egfr")


def pickled(place: Place) -> bytes:
    import torch

    stream = io.BytesIO()
    torch.save({"state_dict": Bomb(place.bait)}, stream)
    return stream.getvalue()


def explain(name: str, write: Callable[[Path], object], *more: str) -> Callable[[Place], Words]:
    def make(place: Place) -> Words:
        write(place.given / name)
        words = [
            "--explain",
            str(place.given / name),
            "--checkpoint",
            place.file("model.ckpt", trained("segradcam")),
            "--out",
            str(place.out),
        ]
        return [*words, *(more if "--point" in more else ("--point", "8,16,16", *more))]

    return make


def array(values: npt.NDArray[Any]) -> Callable[[Path], object]:
    return lambda path: np.save(path, values)


def arrays(**values: Any) -> Callable[[Path], object]:
    return lambda path: np.savez(path, **values)


def pickled_volume(place: Place) -> Words:
    bomb = np.array([Bomb(place.bait)], dtype=object)
    return explain("a.npz", lambda path: np.savez(path, allow_pickle=True, volume=bomb, spacing=np.ones(3)))(place)


def with_checkpoint(command: str, content: Callable[[Place], bytes]) -> Callable[[Place], Words]:
    """A good input and a checkpoint that holds something else."""

    def make(place: Place) -> Words:
        path = place.file("bad.ckpt", content(place))
        if command == EXPLAIN:
            np.save(place.given / "a.npy", scan())
            words = ["--explain", str(place.given / "a.npy"), "--point", "8,16,16"]
        else:
            words = ["--predict", place.file("1.png", picture())]
        return [*words, "--checkpoint", path, "--out", str(place.out)]

    return make


def predict(files: dict[str, bytes]) -> Callable[[Place], Words]:
    def make(place: Place) -> Words:
        (place.given / "images").mkdir()
        for name, content in files.items():
            place.file(f"images/{name}", content)
        words = [
            "--predict",
            str(place.given / "images"),
            "--checkpoint",
            place.file("model.ckpt", trained("quadsnet")),
            "--image-size",
            "16",
        ]
        return [*words, "--classes", "a", "b", "--out", str(place.out)]

    return make


def authenticate(result: str | None) -> Callable[[Place], Words]:
    def make(place: Place) -> Words:
        if result is not None:
            place.file("run/results/cellline/5/source-nearest__0__0.json", result)
        return ["--authenticate", place.file("1.png", picture(32)), "--run", str(place.given / "run")]

    return make


CASES = (
    Case("a volume that is not there", EXPLAIN, explain("a", lambda _: None), "no such file"),
    Case("a volume of an unknown kind", EXPLAIN, explain("a.txt", lambda p: p.write_text("x")), "neither a folder"),
    Case("a volume with a pickle", EXPLAIN, pickled_volume, "cannot be read"),
    Case("a volume cut off", EXPLAIN, explain("a.npz", lambda p: p.write_bytes(b"PK\x03\x04 cut")), "a.npz"),
    Case("a volume without spacing", EXPLAIN, explain("a.npz", arrays(volume=scan())), "cannot be read"),
    Case("a volume of two axes", EXPLAIN, explain("a.npy", array(scan()[0])), "a volume has three axes"),
    Case("a volume of nan", EXPLAIN, explain("a.npy", array(np.full((9, 9, 9), np.nan))), "NaN or infinite voxels"),
    Case("a volume that is no CT", EXPLAIN, explain("a.npy", array(np.zeros((9, 9, 9)))), "not HU"),
    Case("a volume of 0 mm", EXPLAIN, explain("a.npz", arrays(volume=scan(), spacing=np.array([1, 0, 0]))), "a.npz"),
    Case("a spacing of 0 mm", EXPLAIN, explain("a.npy", array(scan()), "--spacing", "1,0,1"), "above 0"),
    Case("a damaged NIfTI", EXPLAIN, explain("a.nii", lambda p: p.write_bytes(b"text" * 99)), "a.nii"),
    Case("a NIfTI without its end", EXPLAIN, explain("a.nii", lambda p: nifti(p, scan(), 2000)), "a.nii"),
    Case("no DICOM in the folder", EXPLAIN, explain("a", lambda p: p.mkdir()), "0 CT series"),
    Case("two DICOM series", EXPLAIN, explain("a", two_series), "2 CT series"),
    Case("DICOM cut off", EXPLAIN, explain("a", cut), r"a/\d+.dcm: .*no pixel data to decode"),
    Case("DICOM without a rescale", EXPLAIN, explain("a", lambda f: all_edited(f, RescaleSlope=None)), "lacks"),
    Case("a point outside", EXPLAIN, explain("a.npy", array(scan()), "--point", "99,1,1"), "lies outside"),
    Case("a point of nan", EXPLAIN, explain("a.npy", array(scan()), "--point", "nan,1,1"), "finite"),
    Case("a point of two numbers", EXPLAIN, explain("a.npy", array(scan()), "--point", "1,1"), "three numbers"),
    Case("an unknown layer", EXPLAIN, explain("a.npy", array(scan()), "--layer", "stage9"), "--layer stage9"),
    Case("a checkpoint that is none", EXPLAIN, with_checkpoint(EXPLAIN, lambda _: b"text"), "not a checkpoint"),
    Case("an empty checkpoint", EXPLAIN, with_checkpoint(EXPLAIN, lambda _: b""), "not a checkpoint"),
    Case("a checkpoint with a pickle", EXPLAIN, with_checkpoint(EXPLAIN, pickled), "not a checkpoint"),
    Case("a checkpoint of another paper", EXPLAIN, with_checkpoint(EXPLAIN, foreign), "not a checkpoint"),
    Case("predicting by another paper's", PREDICT, with_checkpoint(PREDICT, foreign), "no checkpoint of"),
    Case("predicting by a pickle", PREDICT, with_checkpoint(PREDICT, pickled), "no checkpoint of"),
    Case("predicting by an empty file", PREDICT, with_checkpoint(PREDICT, lambda _: b""), "no checkpoint of"),
    Case("predicting nothing", PREDICT, predict({}), "no images found"),
    Case("predicting a damaged image", PREDICT, predict({"1.jpg": CUT, "2.png": picture()}), "1 of 2 images"),
    Case("predicting text", PREDICT, predict({"1.png": b"text"}), "not an image"),
    Case("predicting an image bomb", PREDICT, predict({"1.png": picture(20000)}), "1 of 1 images"),
    Case("predicting a dot", PREDICT, predict({"1.png": picture(2)}), "smaller than"),
    Case("naming by no run", NAME, authenticate(None), "no finished model"),
    Case("naming by a damaged run", NAME, authenticate("{"), "source-nearest"),
    Case("naming by a run that says nothing", NAME, authenticate("{}"), "source-nearest"),
)  # fmt: skip
