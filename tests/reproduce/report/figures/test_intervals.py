"""Intervals on a common axis."""

import pytest
from defusedxml import ElementTree

from medrepro.reproduce.evaluation.bootstrap import Interval
from medrepro.reproduce.evaluation.estimates import Estimate
from medrepro.reproduce.report.figures.intervals import (
    MARGIN,
    WIDTH,
    axis_plot,
    common_scale,
    interval_plot,
    shared_range,
)

ESTIMATES = [Estimate(Interval(0.86, 0.82, 0.90)), Estimate(Interval(0.5)), Estimate(Interval(0.8, 0.7, 0.85))]


def test_the_axis_holds_every_interval_and_value() -> None:
    scale = common_scale(ESTIMATES, [], 1.0, zero=False)
    assert scale is not None
    for value in (0.5, 0.7, 0.82, 0.90):
        assert MARGIN <= scale.at(value) <= WIDTH - MARGIN
    assert scale.at(0.9) - scale.at(0.7) == pytest.approx(scale.at(0.7) - scale.at(0.5), abs=0.2)
    assert all(0.45 < tick < 0.95 for tick in scale.ticks)
    assert 2 <= len(scale.ticks) <= 5


def test_differences_hold_zero() -> None:
    scale = common_scale([Estimate(Interval(0.1, 0.08, 0.12))], [], 1.0, zero=True)
    assert scale is not None
    assert scale.at(0) >= MARGIN
    assert 'stroke="var(--muted)"' in interval_plot(Estimate(Interval(0.1, 0.08, 0.12)), scale, "blue")


def test_no_interval_no_axis() -> None:
    assert common_scale([Estimate(Interval(0.5))], [], 1.0, zero=False) is None
    assert common_scale([], [], 1.0, zero=True) is None


def test_a_single_point_has_an_axis_too() -> None:
    scale = common_scale([Estimate(Interval(0.5, 0.5, 0.5))], [], 100.0, zero=False)
    assert scale is not None
    assert scale.at(0.5) == pytest.approx(WIDTH / 2)


def test_plots_are_xml_with_words_for_who_cannot_see() -> None:
    scale = common_scale(ESTIMATES, [], 100.0, zero=False)
    assert scale is not None
    root = ElementTree.fromstring(interval_plot(ESTIMATES[0], scale, "green"))
    assert root.get("aria-label") == "86, 95 % interval 82 to 90"
    bar = next(line for line in root.iter("line") if line.get("stroke") == "var(--green)")
    assert (float(bar.get("x1", "")), float(bar.get("x2", ""))) == (scale.at(0.82), scale.at(0.90))
    alone = ElementTree.fromstring(interval_plot(ESTIMATES[1], scale, "green"))
    assert alone.get("aria-label") == "50"
    ticks = [float(node.text or "") for node in ElementTree.fromstring(axis_plot(scale)).iter("text")]
    assert ticks == list(scale.ticks)


def test_baselines_far_off_do_not_stretch_the_axis() -> None:
    models = [Estimate(Interval(0.88, 0.84, 0.93))]
    near, far = Estimate(Interval(0.75, 0.70, 0.80)), Estimate(Interval(0.5, 0.5, 0.5))
    assert shared_range(models, [near, far], zero=False) == (0.70, 0.93)
    scale = common_scale(models, [near, far], 1.0, zero=False)
    assert scale is not None
    arrow = ElementTree.fromstring(interval_plot(far, scale, "baseline"))
    assert arrow.get("aria-label") == "0.5, off the axis"
    assert next(arrow.iter("circle"), None) is None
    assert next(arrow.iter("path")).get("d", "").startswith("M2 ")
    right = ElementTree.fromstring(interval_plot(Estimate(Interval(1.9)), scale, "baseline"))
    assert next(right.iter("path")).get("d", "").startswith(f"M{WIDTH - 2} ")
    assert shared_range([], [near, far], zero=False) == (0.5, 0.80)
