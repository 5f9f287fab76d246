"""Rendered nodules: deterministic, honest about what they show, and nothing of the label beside the nodule."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from medrepro.datamodules.lidc.nodules import consensus_mask, nodules, render
from medrepro.datamodules.lidc.rendered import nodule_slices, rendered_volumes
from medrepro.datamodules.rendering.nodule import Appearance
from medrepro.datamodules.rendering.render import Nodule, case_key, render_mask, render_planes
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._background import auc_interval, background_statistics, central_statistics
from tests.datamodules._lidc_cache import cache_folder, decided_nodules, rows, short_selection

SHOWN = ("texture", "margin", "calcification_class", "internal_structure_class", "slice_thickness_mm")
HIDDEN = (
    "malignancy_mean",
    "malignancy_median",
    "malignancy_ratings",
    "subtlety",
    "sphericity",
    "lobulation",
    "spiculation",
    "internal_structure",
    "calcification",
    "n_readers",
    "diameter_mm",
    "volume_mm3",
    "patient_id",
    "is_from_initial",
    "contrast_used",
)
PLAIN = Appearance("plain", texture=5.0, margin=5.0, calcification=6, internal_structure=1, slice_thickness=1.0)


def ball(radius: int, side: int = 31) -> NDArray[np.bool_]:
    """A ball in the middle of a cube of 1 mm voxels."""
    grid = np.indices((side, side, side)) - side // 2
    inside: NDArray[np.bool_] = (grid**2).sum(axis=0) <= radius**2
    return inside


def in_and_core(appearance: Appearance, radius: int = 10) -> tuple[float, float]:
    """Median HU of the nodule's inner rim (2-4 mm deep) and of its core."""
    volume, mask = render_mask(appearance, ball(radius), (1.0, 1.0, 1.0), 48, 1.0, 0)
    depth = ndimage.distance_transform_edt(mask)
    return float(np.median(volume[(depth > 2) & (depth < 4)])), float(np.median(volume[depth > 7]))


def test_same_nodule_and_seed_same_bytes() -> None:
    row = short_selection(1).iloc[0]
    by_row, mask = render(row, size=32, cache_dir=cache_folder())
    by_id, _ = render(row["nodule_id"], size=32, cache_dir=cache_folder())
    by_tuple, _ = render(next(rows(short_selection(1))), size=32, cache_dir=cache_folder())
    np.testing.assert_array_equal(by_row, by_id)
    np.testing.assert_array_equal(by_row, by_tuple)
    assert by_row.dtype == np.int16
    assert mask.dtype == bool
    other, same_mask = render(row, size=32, seed=1, cache_dir=cache_folder())
    assert (other != by_row).mean() > 0.9
    np.testing.assert_array_equal(mask, same_mask)


@pytest.mark.parametrize("column", HIDDEN)
def test_hidden_columns_never_touch_the_intensities(column: str) -> None:
    row = short_selection(3).iloc[1].copy()
    volume, mask = render(row, size=24, cache_dir=cache_folder())
    row[column] = "other" if isinstance(row[column], str) else 5 - row[column]
    again, same_mask = render(row, size=24, cache_dir=cache_folder())
    assert again.tobytes() == volume.tobytes()
    np.testing.assert_array_equal(mask, same_mask)


@pytest.mark.parametrize("column", SHOWN)
def test_shown_columns_do(column: str) -> None:
    table = decided_nodules()
    row = table[(table["texture"] == 5) & (table["calcification_class"] == 6)].iloc[0].copy()
    volume, _ = render(row, size=24, cache_dir=cache_folder())
    row[column] = {"internal_structure_class": 4, "calcification_class": 3, "texture": 1.0}.get(
        column, row[column] * 0.5
    )
    again, _ = render(row, size=24, cache_dir=cache_folder())
    assert again.tobytes() != volume.tobytes()


def test_surroundings_do_not_know_the_nodule() -> None:
    """Beyond the reach of blur and slice thickness a small and a large nodule have the same voxels around them."""
    small, _ = render_mask(PLAIN, ball(2), (1.0, 1.0, 1.0), 48, 1.0, 3)
    soft = replace(PLAIN, texture=1.0, margin=1.0, calcification=1, internal_structure=4)
    large, mask = render_mask(soft, ball(10), (1.0, 1.0, 1.0), 48, 1.0, 3)
    away = ndimage.distance_transform_edt(~mask) > 10
    assert away.mean() > 0.3
    np.testing.assert_array_equal(small[away], large[away])
    assert (small[mask] != large[mask]).mean() > 0.9


def test_texture_goes_from_ground_glass_to_solid() -> None:
    glass = in_and_core(replace(PLAIN, texture=1.0))
    part_solid = in_and_core(replace(PLAIN, texture=3.0))
    solid = in_and_core(PLAIN)
    assert -680 < glass[0] < -490
    assert -680 < glass[1] < -490
    assert -680 < part_solid[0] < -490
    assert -50 < part_solid[1] < 90
    assert -50 < solid[0] < 90
    assert -50 < solid[1] < 90


def test_contents_and_calcium_show() -> None:
    assert in_and_core(replace(PLAIN, internal_structure=4))[1] < -800  # air
    assert -130 < in_and_core(replace(PLAIN, internal_structure=3))[1] < -40  # fat
    assert in_and_core(replace(PLAIN, calcification=3))[0] > 180  # solid calcium reaches the rim
    central = in_and_core(replace(PLAIN, calcification=5))
    assert central[1] > 180 > central[0]


def test_margin_softens_the_edge() -> None:
    def steepest(margin: float) -> float:
        volume, _ = render_mask(replace(PLAIN, margin=margin), ball(8), (1.0, 1.0, 1.0), 48, 1.0, 0)
        profile = volume[22:26, 22:26, 26:36].astype(float).mean(axis=(0, 1))
        return float(-np.diff(profile).min())

    assert steepest(5.0) > 1.5 * steepest(1.0)


@pytest.mark.parametrize(("size", "spacing"), [(64, 1.0), (32, 2.0), (32, 1.0), (33, 1.5), (48, 0.7)])
def test_mask_keeps_its_volume_and_place_on_any_grid(size: int, spacing: float) -> None:
    volume, mask = render_mask(PLAIN, ball(8), (1.0, 1.0, 1.0), size, spacing, 0)
    assert volume.shape == mask.shape == (size,) * 3
    assert mask.sum() * spacing**3 == pytest.approx(ball(8).sum(), rel=0.07)
    np.testing.assert_allclose(np.argwhere(mask).mean(axis=0), (size - 1) / 2, atol=0.3)
    assert volume.min() >= -1024
    assert volume.max() <= 3071
    assert volume[mask].mean() > -300 > -700 > np.median(volume[~mask])


def test_coarse_grid_shows_the_same_scene() -> None:
    fine, _ = render_mask(PLAIN, ball(6), (1.0, 1.0, 1.0), 64, 1.0, 7)
    coarse, _ = render_mask(PLAIN, ball(6), (1.0, 1.0, 1.0), 32, 2.0, 7)
    halved = fine.reshape(32, 2, 32, 2, 32, 2).mean(axis=(1, 3, 5))
    assert np.corrcoef(halved.ravel(), coarse.ravel())[0, 1] > 0.9


def test_one_millimetre_masks_keep_most_of_the_native_volume() -> None:
    ratios = []
    for row in rows(short_selection(40)):
        _, mask = render(row, size=48, cache_dir=cache_folder())
        ratios.append(mask.sum() / row.volume_mm3)
    assert len(ratios) == 40
    assert 0.85 < np.median(ratios) <= 1.05


def test_nothing_is_empty_or_cut_off() -> None:
    table = nodules(cache_dir=cache_folder())
    for row in (*rows(table.nlargest(2, "volume_mm3")), *rows(table.nsmallest(4, "volume_mm3"))):
        _, mask = render(row, cache_dir=cache_folder())
        native = consensus_mask(row.nodule_id, cache_dir=cache_folder())
        assert mask.any()
        extent = np.array(native.mask.shape) * native.spacing
        assert mask.sum() > 0.4 * row.volume_mm3 or extent.max() > 60


def test_planes_of_the_nodule_only() -> None:
    nodule = Nodule(PLAIN, np.ones((3, 5, 5), dtype=bool), (1.0, 1.0, 1.0))
    whole, cut = (render_planes(nodule, 12, 1.0, 0, mask_only) for mask_only in (False, True))
    assert whole.planes.tolist() == list(range(12))
    assert 3 <= len(cut.planes) <= 4
    np.testing.assert_array_equal(cut.images, whole.images[cut.planes])
    assert cut.masks.any(axis=(1, 2)).all()


def test_case_keys_differ() -> None:
    assert len({case_key(nodule_id) for nodule_id in decided_nodules()["nodule_id"]}) == 1194


@pytest.mark.parametrize(
    ("size", "spacing", "message"),
    [(7, 1.0, "size is 7 voxels; the renderer makes 8 to 256"), (64, 0.0, "spacing is 0.0 mm; the renderer takes")],
)
def test_impossible_grid_is_refused(size: int, spacing: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        render(short_selection(1).iloc[0], size=size, spacing=spacing, cache_dir=cache_folder())


def test_background_does_not_predict_malignancy() -> None:
    table = decided_nodules().iloc[::5].reset_index(drop=True)
    rendered = rendered_volumes(table, 32, 2.0, 0, cache_dir=cache_folder())
    low, high = auc_interval(background_statistics(rendered, 2.0), table)
    assert low < 0.5 < high
    low, _ = auc_interval(central_statistics(rendered, 2.0), table)
    assert low > 0.6  # the same statistics do find the nodule where it is


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_background_of_all_nodules_does_not_predict_malignancy() -> None:
    table = decided_nodules()
    rendered = rendered_volumes(table, 64, 1.0, 0, cache_dir=cache_folder())
    low, high = auc_interval(background_statistics(rendered, 1.0), table)
    assert low < 0.5 < high
    low, _ = auc_interval(central_statistics(rendered, 1.0), table)
    assert low > 0.7


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_slices_of_the_two_cohorts() -> None:
    table = decided_nodules()
    planes = nodule_slices(table, cache_dir=cache_folder()).table
    first = planes["nodule_id"].map(table.set_index("nodule_id")["is_from_initial"])
    assert planes["nodule_id"].nunique() == 1194
    assert len(planes) == pytest.approx(11_300, rel=0.02)
    assert first.sum() == pytest.approx(3470, rel=0.02)


@pytest.mark.real_data
def test_rendered_nodule_is_as_bright_as_the_real_one(real_data: Path) -> None:
    with np.load(real_data / "lidc_ct" / "LIDC-IDRI-0001.npz", allow_pickle=False) as file:
        real, heights, series_uid = file["volume"], file["z"], str(file["series_uid"])
    table = nodules(cache_dir=cache_folder())
    (row,) = rows(table[table["series_uid"] == series_uid])
    native, (_, top, left), (depth, _, _) = consensus_mask(row.nodule_id, cache_dir=cache_folder())
    first = int(np.abs(heights - row.centroid_z_mm + np.argwhere(native)[:, 0].mean() * depth).argmin())
    crop = real[first : first + len(native), top : top + native.shape[1], left : left + native.shape[2]]
    volume, mask = render(row, cache_dir=cache_folder())
    assert volume[mask].mean() == pytest.approx(crop[native].mean(), abs=150)
