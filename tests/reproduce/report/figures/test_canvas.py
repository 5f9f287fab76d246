"""Drawings for the page and for print."""

from pathlib import Path

import numpy as np
import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Annotation
from PIL import Image

from medrepro.reproduce.report.figures.canvas import Figure, axis_titles, label_ends, panels, spread_apart
from medrepro.reproduce.report.figures.style import INK, SLOTS
from tests._present import present


def drawing(name: str = "plot", label: str = "a & b <c>", price: str = "$5 and $6") -> Figure:
    canvas, axes = panels(3, 2, 1.5)
    for axis in axes:
        axis.plot([0, 1], [0, 1], color=SLOTS[0].light, marker="o")
        axis.imshow(np.eye(4), interpolation="none")
        axis.set_title(label, color=INK.light)
        axis.set_xlabel(price)
    axis_titles(canvas, "x", "y")
    return Figure(name, label, "caption", canvas)


def test_inline_svg_is_whole_safe_and_loads_nothing() -> None:
    svg = drawing().svg()
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert "http" not in svg
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert root.get("aria-label") == "a & b <c>"
    texts = ["".join(node.itertext()) for node in root.iter("text")]
    assert "a & b <c>" in texts
    assert "$5 and $6" in texts  # no formula


def test_colours_follow_the_scheme() -> None:
    svg = drawing().svg()
    assert f"var(--{SLOTS[0].name})" in svg
    assert SLOTS[0].light not in svg.lower()
    assert "var(--ink)" in svg


def test_ids_are_unique_across_figures() -> None:
    ids = [
        node.get("id")
        for name in ("one", "two")
        for node in ElementTree.fromstring(drawing(name).svg()).iter()
        if node.get("id")
    ]
    assert len(ids) > 20
    assert len(ids) == len(set(ids))
    root = ElementTree.fromstring(drawing("one").svg())
    links = {node.get("href") for node in root.iter() if (node.get("href") or "").startswith("#")}
    assert links
    assert {link[1:] for link in links if link} <= set(ids)


def test_the_same_drawing_gives_the_same_svg() -> None:
    assert drawing().svg() == drawing().svg()


def test_files_for_print(tmp_path: Path) -> None:
    figure = drawing()
    with Image.open(figure.save(tmp_path / "plot.png")) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert image.width > 600
    assert figure.save(tmp_path / "plot.pdf").read_bytes().startswith(b"%PDF")
    assert present(ElementTree.parse(figure.save(tmp_path / "plot.svg")).getroot()).tag.endswith("svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plot.pdf", "plot.png", "plot.svg"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0.01, 0.15))
def test_labels_are_apart_in_order_and_inside(values: list[float], gap: float) -> None:
    placed = spread_apart(values, gap, 0.0, 1.0)
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.array(placed)[order]) >= gap - 1e-9).all()
    assert min(placed) >= -1e-9
    assert max(placed) <= 1 + 1e-9


def test_labels_that_do_not_touch_stay_where_they_are() -> None:
    assert spread_apart([0.2, 0.8], 0.1, 0, 1) == pytest.approx([0.2, 0.8])
    assert spread_apart([], 0.1, 0, 1) == []


def test_lines_are_labelled_at_their_ends() -> None:
    canvas, (axis,) = panels(1, 1, 1.5)
    axis.set_ylim(0, 1)
    label_ends(axis, [(np.array([0.1, 0.5]), "one", SLOTS[0]), (np.array([0.2, 0.5]), "two", SLOTS[1])])
    places = {note.get_text(): note.xy for note in axis.texts if isinstance(note, Annotation)}
    assert {x for x, _ in places.values()} == {2}
    assert places["one"][1] < places["two"][1]
    assert canvas.axes == [axis]
