from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medrepro.datamodules.images.rendered_cells import LINES, render_lines
from medrepro.reproduce import cellline
from medrepro.reproduce.papers.cellline.authenticate import load
from tests.reproduce.papers.cellline.conftest import Run


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unknown")
    for number, image in enumerate(render_lines(LINES[:2], 0.01, seed=9, flasks=2, width=64).images):
        Image.fromarray(np.moveaxis(np.asarray(image), 0, -1)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def finished(run: Run) -> Path:
    return Path(run("--table", "5", rows=("source-nearest",)).cells[0].out)


def test_each_image_gets_a_line_or_unknown(
    finished: Path, images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDREPRO_CACHE", str(finished / "cache"))
    assert cellline.main(["--authenticate", str(images), "--run", str(finished)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if ".png: " in line]
    assert len(lines) == len(list(images.iterdir()))
    names = [line.name for line in LINES]
    assert all(any(name in line for name in names) for line in lines)


def test_below_the_threshold_the_answer_is_unknown(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDREPRO_CACHE", str(finished / "cache"))
    model = load(finished)
    sure = np.full(8, 0.01)
    sure[3] = 0.93
    object.__setattr__(model, "threshold", 0.9)
    assert model.answer(sure) == "EFO-21rCDDP2000 0.93"
    object.__setattr__(model, "threshold", 0.95)
    assert model.answer(sure).startswith("unknown (best guess EFO-21rCDDP2000 0.93, below the threshold of 0.95")


@pytest.mark.parametrize(
    ("path", "run_folder", "message"),
    [("absent.png", "runs/none", "absent.png: no such file"), (".", "runs/none", "no images in this folder")],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, path: str, run_folder: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cellline.main(["--authenticate", str(tmp_path / path), "--run", run_folder])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_without_a_run_it_says_what_to_run(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cellline.main(["--authenticate", str(images), "--run", str(tmp_path)])
    assert "run `python reproduce/cellline.py` first" in capsys.readouterr().err
