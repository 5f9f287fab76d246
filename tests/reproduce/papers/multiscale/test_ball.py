"""The ball at the centre: drawn and judged as plain loops would, and chosen on nodules that are not tested."""

import numpy as np
import pandas as pd
import pytest
import torch

from medrepro.datamodules.multiscale import MultiScaleDataModule
from medrepro.reproduce import command
from medrepro.reproduce.papers.multiscale.ball import best_radius, distances, overlap
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.run.execute import execute
from medrepro.reproduce.run.outcome import Context


def crops(*radii: float, side: int = 8) -> torch.Tensor:
    """Return crops with masks (N, 2, R, R, R) of balls."""
    masks = torch.stack([(distances(side) <= radius).float() for radius in radii])
    return torch.stack([torch.rand(masks.shape), masks], dim=1)


def test_distances_are_from_the_middle_of_the_cube() -> None:
    found = distances(4)
    for z, y, x in np.ndindex(4, 4, 4):
        assert found[z, y, x] == pytest.approx(np.linalg.norm([z - 1.5, y - 1.5, x - 1.5]))


def test_overlap_against_a_plain_loop() -> None:
    images = crops(1.5, 3.0, 2.0)
    dice, jaccard = overlap(images, np.array([2.5, 1.0, 2.0]))
    for case, radius in enumerate((2.5, 1.0, 2.0)):
        both = either = size = 0
        for voxel in np.ndindex(8, 8, 8):
            inside, real = bool(distances(8)[voxel] <= radius), bool(images[case, 1][voxel] > 0.5)
            both, either, size = both + (inside and real), either + (inside or real), size + inside + real
        assert float(dice[case]) == pytest.approx(2 * both / size)
        assert float(jaccard[case]) == pytest.approx(both / either)
    assert float(dice[2]) == 1.0


def test_best_radius_is_the_best_of_all() -> None:
    images, index = crops(1.5, 2.0, 3.0, 3.0, 3.5), np.array([0, 2, 3, 4])
    means = {radius: float(overlap(images[index], np.full(4, radius))[0].mean()) for radius in np.arange(0.5, 4.5, 0.5)}
    found = best_radius(images, index)
    assert means[found] == pytest.approx(max(means.values()))
    assert best_radius(images, np.array([1])) == 2.0


def planned(folder: object, *words: str) -> list[Cell]:
    (options,) = command.parse(load("multiscale"), ["--table", "4", "--preset", "smoke", "--out", str(folder), *words])
    return [cell for cell in load("multiscale").plan(options).cells if cell.row.startswith("ball")]


def test_a_cell_measures_each_test_nodule(tmp_path: object) -> None:
    cells = {cell.row: cell for cell in planned(tmp_path)}
    assert set(cells) == {"ball", "ball-diameter"}
    data = MultiScaleDataModule(**cells["ball"].config["data"])
    data.setup()
    for cell in cells.values():
        execute(cell, Context())
        frame = pd.read_parquet(cell.path.with_suffix(".parquet"))
        assert frame["sample_id"].tolist() == data.records.table["sample_id"].iloc[data.parts.test].tolist()
        np.testing.assert_allclose(frame["jaccard"], frame["dice"] / (2 - frame["dice"]), atol=1e-6)
        assert frame["dice"].between(0, 1).all()


def test_no_setting_of_a_network_runs_it_again(tmp_path: object) -> None:
    usual = [cell.config_sha256 for cell in planned(tmp_path)]
    assert usual == [cell.config_sha256 for cell in planned(tmp_path, "--epochs", "7", "--module.lr", "0.5")]
