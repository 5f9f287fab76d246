"""How the suite looks: one colour-blind-safe palette, one colour a method, in print and on dark screens.

In: names of methods. Out: colours and matplotlib settings. Each colour has a lighter partner for dark screens,
which the report swaps in by CSS variables; dashes and markers tell methods apart in grey.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Dash = tuple[int, tuple[float, ...]]
SOLID: Dash = (0, ())


@dataclass(frozen=True)
class Slot:
    """A colour with what tells it apart in grey.

    Attributes:
        name: CSS variable without dashes.
        light: on white, ``#rrggbb``.
        dark: on a dark screen.
        dash: matplotlib line style.
        marker: matplotlib marker.
    """

    name: str
    light: str
    dark: str
    dash: Dash = SOLID
    marker: str = "o"


INK = Slot("ink", "#1c2330", "#e8ebf0")
MUTED = Slot("muted", "#667085", "#98a2b3")
FAINT = Slot("faint", "#d5dae1", "#3a4250")
PAPER = Slot("paper", "#fffffe", "#161b22")

# Found by search under two conditions: the least difference between any two (CIEDE2000, as seen with normal
# sight, protanopia and deuteranopia) is 13 or more, and each stands out from white and from the dark page.
SLOTS = (
    Slot("blue", "#0072b2", "#56b4e9"),
    Slot("vermilion", "#d55e00", "#ff9350", (0, (6, 1.5)), "s"),
    Slot("green", "#09704f", "#23a682", (0, (3, 1.2)), "^"),
    Slot("purple", "#ac1677", "#d251a0", (0, (6, 1.5, 1.2, 1.5)), "D"),
    Slot("rose", "#de7194", "#f9c3d0", (0, (1.2, 1.2)), "v"),
    Slot("indigo", "#140057", "#9665ff", (0, (9, 2)), "P"),
)
BRIGHT = Slot("bright", "#fffffd", "#ffffff")  # words on a filled area
BASELINE = Slot("baseline", "#7a8494", "#8b95a5", (0, (2.5, 2)), "|")
OCHRE = Slot("ochre", "#a87400", "#f0c04a")  # for words of warning, not for methods: too close to vermilion

EVERY = (INK, MUTED, FAINT, PAPER, BRIGHT, BASELINE, OCHRE, *SLOTS)

# Methods that occur in several tables keep one colour; the proposed one is vermilion throughout.
METHODS = {
    "ce-rs": 0, "ce-bt": 2, "ml-rs": 3, "ml-bt": 1,
    "ce": 0, "ctl": 2, "cil": 3, "ml": 1,
    "md": 0, "kiu": 2, "das": 3, "zioa": 4, "zidt": 5, "ifm": 1,
    "u-net": 0, "kiu-net": 2, "cel": 3, "zi-net-oa": 4, "zi-net-dt": 5,
    "grad-cam": 0, "grad-cam-plus-plus": 1, "occlusion": 2, "gaussian-centre": 5,
    "qn": 1, "qn-ce": 0, "mn": 2, "rn": 3,
}  # fmt: skip


def method_slots(methods: Sequence[str]) -> dict[str, Slot]:
    """A colour for each method: the fixed one, else the first that no other method of the table has.

    With more methods than colours the rest repeat in order; direct labels still tell them apart.
    """
    chosen = {name: METHODS[name] for name in methods if name in METHODS}
    free = [index for index in range(len(SLOTS)) if index not in chosen.values()] or list(range(len(SLOTS)))
    others = [name for name in dict.fromkeys(methods) if name not in chosen]
    chosen |= {name: free[position % len(free)] for position, name in enumerate(others)}
    return {name: SLOTS[index] for name, index in chosen.items()}


def css_variables(dark: bool) -> str:
    """``--ink:#...;--blue:#...`` for one of the two schemes."""
    slots = EVERY
    return "".join(f"--{slot.name}:{slot.dark if dark else slot.light};" for slot in slots)


def css_colours() -> dict[str, str]:
    """``#0072b2`` -> ``var(--blue)`` for every colour of the palette."""
    return {slot.light: f"var(--{slot.name})" for slot in EVERY}


# Any: matplotlib's stubs changed the type of the keys between 3.10 and 3.11.
RC: Any = {
    "svg.fonttype": "none",  # text stays text: small, selectable, in the page's font
    "pdf.fonttype": 42,  # letters as letters too: searchable, and what journals ask for
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.edgecolor": MUTED.light,
    "axes.labelcolor": MUTED.light,
    "axes.titlecolor": INK.light,
    "text.color": INK.light,
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
    "xtick.color": MUTED.light,
    "ytick.color": MUTED.light,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
