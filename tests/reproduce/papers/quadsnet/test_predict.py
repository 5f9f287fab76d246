"""Applying a checkpoint: what is read, what is written, what is refused."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.quadsnet import QuadSNetModule
from medrepro.reproduce.papers.quadsnet.predict import load, main
from tests.datamodules._pictures import picture, save


def checkpoint(run: Path, with_result: bool = True) -> Path:
    """A run's folder with one untrained network of two classes at 16 px, grey."""
    torch.manual_seed(0)
    module = QuadSNetModule(in_channels=1, widths=(2, 2, 2, 2), class_counts=(1, 1))
    path = run / "cells" / "3" / "user-qn__0__0" / "model.ckpt"
    path.parent.mkdir(parents=True)
    state = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save({**state, "pytorch-lightning_version": "2.6.0"}, path)
    if with_result:
        result = run / "results" / "quadsnet" / "3" / "user-qn__0__0.json"
        result.parent.mkdir(parents=True)
        result.write_text(json.dumps({"config": {"data": {"image_size": 16}}, "data": {"classes": ["cat", "dog"]}}))
    return path


def test_a_folder_of_any_sizes_and_colours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = checkpoint(tmp_path / "run")
    for number in range(8):
        save(tmp_path / "new" / "deep" / f"{number}.png", picture(number, 10 + number, 12, colour=number % 2 == 0))
    out = tmp_path / "out"
    assert main(["--predict", str(tmp_path / "new"), "--checkpoint", str(path), "--out", str(out)]) == 0
    table = pd.read_csv(out / "predictions.csv")
    assert table.columns.tolist() == ["path", "predicted", "cat", "dog"]
    assert table["path"].tolist() == [f"deep/{number}.png" for number in range(8)]
    assert ((table["cat"] + table["dog"]) - 1).abs().max() < 2e-4
    assert (table["predicted"] == table[["cat", "dog"]].idxmax(axis=1)).all()
    with Image.open(out / "contact_sheet.png") as sheet:
        assert sheet.width > 1000
    assert "8 images" in capsys.readouterr().out


def test_one_image_is_predicted_as_in_the_module(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "run")
    image = save(tmp_path / "one.png", picture(0, 16, 16))
    main(["--predict", str(image), "--checkpoint", str(path), "--out", str(tmp_path / "out")])
    module = load(path).module
    with torch.no_grad():
        expected = module.probabilities(torch.from_numpy(picture(0, 16, 16))[None, None].float() / 255)
    found = pd.read_csv(tmp_path / "out" / "predictions.csv")[["cat", "dog"]].to_numpy()
    assert abs(found - expected.numpy()).max() < 1e-4


def test_without_its_result_size_and_classes_must_be_given(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "run", with_result=False)
    with pytest.raises(InputError, match="give --image-size and --classes"):
        load(path)
    trained = load(path, image_size=20, classes=["a", "b"])
    assert (trained.image_size, trained.classes) == (20, ("a", "b"))
    with pytest.raises(InputError, match="give --image-size and --classes"):
        load(path, image_size=20, classes=["a", "b", "c"])


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent", "no image or folder"), ("empty", "no images found"), ("broken", r"broken\.png: not an image")],
)
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    path = checkpoint(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "broken.png").write_text("<html>")
    with pytest.raises(SystemExit) as caught:
        main(["--predict", str(tmp_path / name), "--checkpoint", str(path), "--out", str(tmp_path / "out")])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error)


def test_other_checkpoints_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.ckpt")
    for name in ("text.ckpt", "other.ckpt"):
        with pytest.raises(InputError, match=rf"{name} is no checkpoint of quadsnet"):
            load(tmp_path / name)
