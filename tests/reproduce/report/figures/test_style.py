"""The palette: told apart by colour-blind eyes, in grey, on paper and on dark screens."""

import itertools

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from medrepro.reproduce.report.figures.style import (
    BASELINE,
    METHODS,
    OCHRE,
    SLOTS,
    css_colours,
    css_variables,
    method_slots,
)

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
BLINDNESS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def seen(colour: str, eyes: str) -> np.ndarray:
    light = np.clip(BLINDNESS[eyes] @ linear(colour), 0, 1)
    lab: np.ndarray = rgb2lab(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055))
    return lab


def contrast(colour: str, paper: str) -> float:
    first, second = (float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (colour, paper))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


@pytest.mark.parametrize("eyes", BLINDNESS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_methods_are_told_apart_by_everyone(eyes: str, scheme: str) -> None:
    pairs = list(itertools.combinations(SLOTS, 2))
    assert len(pairs) == 15
    for one, two in pairs:
        difference = deltaE_ciede2000(seen(getattr(one, scheme), eyes), seen(getattr(two, scheme), eyes))
        assert difference >= 13, (one.name, two.name)


def test_colours_stand_out_from_their_background() -> None:
    for slot in (*SLOTS, BASELINE, OCHRE):
        assert contrast(slot.light, "#ffffff") >= 2.8, slot.name
        assert contrast(slot.dark, "#161b22") >= 4.4, slot.name


def test_in_grey_dashes_and_markers_differ() -> None:
    assert len({slot.dash for slot in SLOTS}) == len(SLOTS)
    assert len({slot.marker for slot in SLOTS}) == len(SLOTS)


def test_a_method_has_one_colour_in_every_table() -> None:
    assert method_slots(["ml-bt", "ce-rs"])["ml-bt"] == method_slots(["x", "y", "ml-bt"])["ml-bt"]
    assert set(METHODS.values()) <= set(range(len(SLOTS)))


def test_unknown_methods_take_free_colours_in_order() -> None:
    found = method_slots(["ce-rs", "new", "newer"])
    assert len({slot.name for slot in found.values()}) == 3
    assert found == method_slots(["ce-rs", "new", "newer"])
    assert len(method_slots([f"m{i}" for i in range(20)])) == 20


def test_css_swaps_every_colour() -> None:
    light, dark = css_variables(dark=False), css_variables(dark=True)
    for colour, variable in css_colours().items():
        name = variable.removeprefix("var(").removesuffix(")")
        assert f"{name}:{colour};" in light
        assert f"{name}:#" in dark
    assert len(css_colours()) == len(SLOTS) + 7
