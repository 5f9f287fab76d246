import dataclasses
import itertools

import numpy as np
import pytest

from medrepro.datamodules.images.rendered_cells import (
    CISPLATIN,
    HIGHEST,
    LINES,
    LOWEST,
    Phenotype,
    render_lines,
    source_lines,
)
from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError


@pytest.fixture(scope="module")
def records() -> Records:
    return render_lines(scale=0.02, flasks=4, width=64)


def distance(first: Phenotype, second: Phenotype) -> float:
    span = np.array(dataclasses.astuple(HIGHEST)) - np.array(dataclasses.astuple(LOWEST))
    return float(np.linalg.norm((np.array(dataclasses.astuple(first)) - dataclasses.astuple(second)) / span))


def test_names_and_counts_are_those_of_table_1() -> None:
    counts = {line.name: line.images for line in LINES}
    assert len(counts) == 8
    assert sum(counts.values()) == 1741
    assert counts["COLO-704rCDDP1000"] == 270
    assert counts["UKF-NB-3rOXALI4000"] == 170
    assert sum(1 for line in LINES if line.parent) == 4


def test_efo_adapted_to_cisplatin_are_the_closest_pair() -> None:
    distances = {
        frozenset((a.name, b.name)): distance(a.phenotype, b.phenotype) for a, b in itertools.combinations(LINES, 2)
    }
    assert len(distances) == 28
    ordered = sorted(distances, key=distances.__getitem__)
    assert ordered[0] == {"EFO-21rCDDP2000", "EFO-27rCDDP2000"}
    assert distances[ordered[0]] < 0.25 * distances[frozenset(("EFO-21", "EFO-27"))]


def test_adapted_lines_lie_between_parent_and_drug() -> None:
    by_name = {line.name: line for line in LINES}
    for line in LINES:
        if "CDDP" in line.name:
            parent = by_name[line.parent].phenotype
            assert distance(line.phenotype, CISPLATIN) < distance(parent, CISPLATIN)
            whole = distance(parent, line.phenotype) + distance(line.phenotype, CISPLATIN)
            assert whole == pytest.approx(distance(parent, CISPLATIN))


def test_images_are_a_function_of_seed_line_flask_and_number(records: Records) -> None:
    again = render_lines(LINES[2:3], scale=0.02, flasks=4, width=64)
    other = render_lines(LINES[2:3], scale=0.02, seed=1, flasks=4, width=64)
    mine = records.images[records.labels == 2]
    np.testing.assert_array_equal(again.images, mine)
    assert (np.abs(other.images.astype(int) - mine).mean(axis=(1, 2, 3)) > 1).all()


def test_every_line_has_every_flask_and_rgb_images(records: Records) -> None:
    assert records.images.dtype == np.uint8
    assert records.images.shape[1:] == (3, 48, 64)
    assert records.table.groupby("label")["patient_id"].nunique().tolist() == [4] * 8
    assert records.table.groupby("patient_id")["label"].nunique().max() == 1
    assert records.tier == "embedded"
    assert "synthetic" in records.kind


def test_images_of_one_flask_are_more_alike_than_of_two() -> None:
    """Light and colour belong to the flask: that is what leaks through a split of images."""
    records = render_lines(LINES[:1], scale=0.1, flasks=4, width=48)
    means = records.images.mean(axis=(2, 3))
    centres = np.stack([means[records.patients == flask].mean(axis=0) for flask in np.unique(records.patients)])
    within = np.mean([means[records.patients == flask].std(axis=0) for flask in np.unique(records.patients)])
    assert centres.std(axis=0).mean() > 3 * within


def test_larger_and_denser_cells_cover_more_of_the_field() -> None:
    def contrast(phenotype: Phenotype) -> float:
        line = dataclasses.replace(LINES[0], name="test", phenotype=phenotype)
        return float(render_lines([line], scale=0.03, flasks=2, width=64).images.astype(float).std(axis=(2, 3)).mean())

    plain = Phenotype(radius_um=12.0, elongation=1.2, confluence=0.4, granularity=0.3, halo=0.3)
    assert contrast(dataclasses.replace(plain, halo=1.0)) > 1.2 * contrast(plain)
    assert contrast(dataclasses.replace(plain, confluence=0.65)) > 1.1 * contrast(plain)


def test_source_lines_are_others_than_the_targets() -> None:
    lines = source_lines(count=6, images=10, seed=3)
    assert len({line.name for line in lines} | {line.name for line in LINES}) == 14
    assert lines == source_lines(count=6, images=10, seed=3)
    assert lines != source_lines(count=6, images=10, seed=4)
    assert min(distance(mine.phenotype, target.phenotype) for mine in lines for target in LINES) > 0.05


@pytest.mark.parametrize(("scale", "flasks", "width"), [(0.0, 10, 256), (1.5, 10, 256), (1.0, 0, 256), (1.0, 10, 16)])
def test_impossible_sizes_are_refused(scale: float, flasks: int, width: int) -> None:
    with pytest.raises(InputError, match=r"allowed: \(0, 1\], 1 or more, 32 or more"):
        render_lines(scale=scale, flasks=flasks, width=width)
