"""Examples: slices, photographs, volumes; right before wrong; scale bars in mm."""

from typing import Any

import numpy as np
import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.report.figures.canvas import Figure
from medrepro.reproduce.report.figures.gallery import SCALE_LABEL, Example, gallery


def example(shape: tuple[int, ...] = (1, 32, 32), **how: Any) -> Example:
    values: dict[str, Any] = {"truth": "malignant", "predicted": "malignant", "probability": 0.93} | how
    return Example(np.random.default_rng(0).random(shape), **values)


def words(figure: Figure) -> list[str]:
    return [note.get_text() for axis in figure.canvas.axes for note in axis.texts]


def test_right_examples_come_first_and_say_what_was_said() -> None:
    wrong = example(predicted="benign", probability=0.68, caption="8 mm")
    figure = gallery([wrong, example()], "Examples", "Most confident.")
    assert figure is not None
    assert figure.id == "examples-examples"
    assert words(figure) == ["malignant", "✓ malignant 0.93", "malignant", "✗ benign 0.68", "8 mm"]


def test_no_examples_no_figure() -> None:
    assert gallery([]) is None


def test_scale_bars_have_round_lengths() -> None:
    figure = gallery([example(spacing_mm=1.0), example(spacing_mm=0.2), example(spacing_mm=2.0)])
    assert figure is not None
    assert [word for word in words(figure) if word.endswith(" mm")] == ["10 mm", "2 mm", "20 mm"]
    bar = figure.canvas.axes[0].lines[0]
    assert np.ptp(bar.get_xdata()) == 10  # 10 mm at 1 mm a pixel


def test_volumes_are_cut_in_three_planes_through_the_mask() -> None:
    mask = np.zeros((8, 10, 12), dtype=bool)
    mask[2, 3, 4] = True
    volume = np.arange(8 * 10 * 12, dtype=float).reshape(1, 8, 10, 12) / 960
    axial, coronal, sagittal = Example(volume, "a", "a", 1.0, mask=mask).tiles()
    np.testing.assert_array_equal(axial.picture, volume[0, 2])
    np.testing.assert_array_equal(coronal.picture, volume[0, ::-1, 3])  # the head up
    np.testing.assert_array_equal(sagittal.picture, volume[0, ::-1, :, 4])
    assert coronal.mask is not None
    assert coronal.mask[8 - 1 - 2, 4]
    assert axial.mask is not None
    assert axial.mask[3, 4]
    middle = Example(volume, "a", "a", 1.0).tiles()[0]
    np.testing.assert_array_equal(middle.picture, volume[0, 4])
    figure = gallery([Example(volume, "a", "a", 1.0)])
    assert figure is not None
    assert [word for word in words(figure) if word in {"axial", "coronal", "sagittal"}] == [
        "axial",
        "coronal",
        "sagittal",
    ]


def test_explanations_colour_and_masks_outline() -> None:
    heat, mask = np.zeros((32, 32)), np.zeros((32, 32), dtype=bool)
    heat[16, 16], mask[8:24, 8:24] = 1.0, True
    figure = gallery([example(heat=heat, mask=mask)])
    assert figure is not None
    assert figure.caption.endswith("Colour: explanation.")
    shown = figure.canvas.axes[0].images[0].get_array()
    spread = np.ptp(np.asarray(shown), axis=-1)
    assert spread[16, 16] > 0.1
    assert spread[0, 0] == 0
    assert len(figure.canvas.axes[0].collections) == 1


def test_a_scale_says_what_the_colours_mean() -> None:
    plain, explained = gallery([example()]), gallery([example(heat=np.eye(32))])
    assert plain is not None
    assert explained is not None
    assert SCALE_LABEL not in [axis.get_xlabel() for axis in plain.canvas.axes]
    scale = explained.canvas.axes[-1]
    assert scale.get_xlabel() == SCALE_LABEL
    colours = np.asarray(scale.images[0].get_array())[0]
    assert np.ptp(colours[0]) == 0  # no explanation: grey as the image is
    assert np.ptp(colours[-1]) > 0.2
    assert scale.get_position().y1 < explained.canvas.axes[0].get_position().y0  # below the pictures


def test_an_unknown_truth_is_neither_right_nor_wrong() -> None:
    figure = gallery([example(truth="", caption="10,20,30")])
    assert figure is not None
    assert words(figure) == ["malignant 0.93", "10,20,30"]


def test_photographs_keep_their_colours() -> None:
    red = np.zeros((3, 16, 16))
    red[0] = 1
    figure = gallery([Example(red, "a", "a", 1.0)])
    assert figure is not None
    np.testing.assert_array_equal(np.asarray(figure.canvas.axes[0].images[0].get_array())[0, 0], [1, 0, 0])


def test_shapes_are_checked() -> None:
    with pytest.raises(InputError, match=r"shape \(32, 32\): allowed are"):
        example(shape=(32, 32))
    with pytest.raises(InputError, match="images or volumes, not both"):
        gallery([example(), example(shape=(1, 8, 8, 8))])
