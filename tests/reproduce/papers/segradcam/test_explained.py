"""An explained cell: balanced test nodules, every measure a nodule, maps kept for the figures."""

from pathlib import Path

import numpy as np
import pytest
import torch

from medrepro.datamodules.segradcam import SEGradCAMDataModule
from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.explain import trust
from medrepro.lightning_modules.segradcam import SEGradCAMModule
from medrepro.reproduce.papers.segradcam import figures
from medrepro.reproduce.papers.segradcam.explained import METHODS, chosen_nodules, explain
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context
from tests.reproduce.papers.segradcam._parts import cell, fake_embedded


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> SEGradCAMDataModule:
    fake_embedded(monkeypatch)
    found = SEGradCAMDataModule(folds=2)
    found.setup()
    return found


def test_nodules_are_balanced_seeded_and_from_the_test_fold(data: SEGradCAMDataModule) -> None:
    index = chosen_nodules(data, 6, seed=1, fold=0)
    assert np.bincount(data.records.labels[index]).tolist() == [3, 3]
    assert set(index) <= set(data.parts.test)
    assert index.tolist() == chosen_nodules(data, 6, 1, 0).tolist()
    assert index.tolist() != chosen_nodules(data, 6, 2, 0).tolist()


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    base = cell(tmp_path, "senet", "network")
    base.work_dir.mkdir(parents=True)
    module = SEGradCAMModule(design="bottleneck", widths=(4, 4, 8, 8), early_pool=True)
    content = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save({**content, "pytorch-lightning_version": "2.6.0"}, base.work_dir / "model.ckpt")
    return tmp_path


def explained(out: Path, row: str) -> Cell:
    settings = {"nodules": 6, "layers": ["stage3", "stage2"]}
    return cell(out, row, module=settings, needs=(cell(out, "senet", "network"),))


def test_a_network_that_is_gone_is_named(trained: Path, data: SEGradCAMDataModule) -> None:
    one = explained(trained, "grad-cam")
    (one.needs[0].work_dir / "model.ckpt").unlink()
    with pytest.raises(InputError, match=r"model\.ckpt is gone: delete .*senet__0__0\.json and run again"):
        explain(one, Context())


def test_measures_are_those_of_the_maps_and_maps_are_kept(data: SEGradCAMDataModule, trained: Path) -> None:
    outcome = explain(explained(trained, "gaussian-centre"), Context())
    frame = outcome.predictions
    assert frame is not None
    assert len(frame) == 6
    index = chosen_nodules(data, 6, 0, 0)
    masks = torch.from_numpy(data.masks(index))
    heat = trust.gaussian_centre((32, 32, 32), 4.0).expand(6, -1, -1, -1)
    np.testing.assert_allclose(frame["energy"], trust.energy_in_mask(heat, masks))
    np.testing.assert_allclose(frame["iou"], trust.best_iou(heat, masks))
    np.testing.assert_allclose(frame["randomised"], 1)  # it shows nothing of the network
    areas = frame[["deletion", "insertion"]].to_numpy()
    assert 0 <= areas.min() <= areas.max() <= 1
    assert float(outcome.metrics["explain/seconds"]) >= 0


def test_figures_are_drawn_from_the_kept_maps(data: SEGradCAMDataModule, trained: Path, tmp_path: Path) -> None:
    rows = ("gaussian-centre", figures.GALLERY)
    cells = [explained(trained, row) for row in rows]
    for one in cells:
        explain(one, Context())
    kept = figures._kept(cells, figures.GALLERY)
    cases = figures._chosen(kept)
    predicted = kept["probability"].argmax(axis=1)
    pairs = {(int(kept["label"][case]), int(predicted[case])) for case in cases}
    assert len(pairs) == len(cases) >= 2

    class View:
        rows = tuple(type("Row", (), {"id": row, "label": row}) for row in ("gaussian-centre", figures.GALLERY))

    drawn = figures.explanations(cells)(View())
    assert [figure.id for figure in drawn] == ["nodules-methods", "examples-gradcamonnodules"]
    assert all(figure.save(tmp_path / f"{figure.id}.png").stat().st_size > 5000 for figure in drawn)


def test_methods_are_the_table_s_rows() -> None:
    from medrepro.reproduce.papers.segradcam import tables

    assert set(METHODS) == set(tables.METHODS)
