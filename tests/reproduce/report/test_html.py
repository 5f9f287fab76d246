"""The report: one well-formed file that loads nothing, escapes everything and stays small."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from medrepro.reproduce.evaluation.results import Current
from medrepro.reproduce.evaluation.table_view import TableView, build_table
from medrepro.reproduce.printed.claim import Comparison
from medrepro.reproduce.report import html as _report
from medrepro.reproduce.report.figures.standard import Example, Figure, gallery, standard_figures
from medrepro.reproduce.report.html import Citation, Page, headline, numbered, render, run_again, typeset, write_report
from tests.reproduce._fakes import CLAIMS, DATA, SPEC, make_results, with_claims

VOID = {"meta", "br", "link", "img", "input", "hr"}
EVIL = '<script>alert("x")</script> & "quotes"'
ASSUMPTIONS = ("1. The margin is not printed: 0.5 assumed.", "3. Five epochs instead of 50.", "no number")
CITATIONS = (
    Citation("paper", "Jia et al. 2023", url="https://doi.org/10.1/x"),
    Citation("data", "LIDC-IDRI", "CC BY 3.0"),
)


class Reader(HTMLParser):
    """Checks that tags close in order and gathers what a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1:] not in (["style"], ["script"]):
            self.words.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> TableView:
    with pytest.MonkeyPatch.context() as patch:
        with_claims(patch, tmp_path_factory.mktemp("ledger"), batches="no gain", clusters="supported")
        return build_table(SPEC, make_results(tmp_path_factory.mktemp("cells"), patients=40), resamples=100)


@pytest.fixture(scope="module")
def figures(view: TableView) -> tuple[Figure, ...]:
    rng = np.random.default_rng(0)
    shown = [Example(rng.random((1, 64, 64)), "benign", "malignant", 0.6, spacing_mm=1.0) for _ in range(8)]
    examples = gallery(shown)
    assert examples is not None
    return (*standard_figures(view), examples)


@pytest.fixture(scope="module")
def page(view: TableView, figures: tuple[Figure, ...]) -> str:
    return render(Page((view,), figures, ASSUMPTIONS, CITATIONS, "python reproduce/egfr.py --table 5"))


def test_the_page_is_well_formed_with_unique_ids(page: str) -> None:
    reader = Reader(page)
    assert reader.open == []
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) > 100
    assert len(ids) == len(set(ids))


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    for tag, attributes in Reader(page).tags:
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        assert "src" not in attributes
        if tag != "a":
            assert not attributes.get("href", "#").startswith(("http", "//")), (tag, attributes)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert re.findall(r"https?://[^\"'\s<]+", page) == ["https://doi.org/10.1/x"]


def test_the_order_of_the_page(page: str) -> None:
    heads = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert heads == [
        "Table 5: the paper beside ours",
        "Figures",
        "What we assumed",
        "Run it again",
        "Citation and licences",
    ]
    assert page.index("<h1>") < page.index('class="badges"') < page.index("<h2")
    titles = re.findall(r"<h3>(.*?)</h3>", page)
    assert titles == ["ROC", "Learning curves", "Confusion", "Calibration", "Intervals", "Examples"]


def test_the_table_holds_what_the_view_holds(page: str, view: TableView) -> None:
    body = re.findall(r"<tbody class=\"(\w+)\">(.*?)</tbody>", page, re.DOTALL)
    assert [name for name, _ in body] == ["models", "baselines"]
    rows = [re.findall(r"<tr.*?</tr>", lines, re.DOTALL) for _, lines in body]
    assert [len(each) for each in rows] == [4, 3]
    first = rows[0][0]
    assert re.findall(r'data-sort="([^"]*)"', first)[:3] == [
        "ResNet34 CE  random",
        "78.07",
        str(view.rows[0].cells[1].sort),
    ]
    assert "ours AUC, patients" in first
    assert first.count("<svg") == 3
    assert rows[1][0].count("<svg") == 1  # the diameter is not compared with itself
    assert page.count("aria-label=") > 20


def test_badges_headline_and_command(page: str, view: TableView) -> None:
    words = " ".join(Reader(page).words)
    assert "quick embedded data" in words
    best = max(view.rows[:4], key=lambda row: row.cells[2].sort or 0)
    said = headline(view)
    assert said.startswith(
        f"Highest AUC, patients: {' '.join(best.label.split())} {best.cells[2].text}; diameter alone "
    )
    assert re.search(r"Claims: (\d [a-z ]+(, )?)+\.$", said)
    assert "python reproduce/egfr.py --table 5" in words
    assert "The margin is not printed: 0.5 assumed." in words
    assert "CC BY 3.0" in words
    assert "other data" in words


def test_strings_are_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = replace(CLAIMS[1], says=EVIL, comparison=Comparison("5", ("ce-rs",), ("ce-bt",), "patient/auc", 0.01))
    with_claims(monkeypatch, tmp_path / "ledger", claim, clusters=EVIL)
    spec = replace(
        SPEC,
        title=EVIL,
        rows=(replace(SPEC.rows[0], label=EVIL), replace(SPEC.rows[1], reason=EVIL)),
        notes=(EVIL,),
        classes=(EVIL, "b"),
    )
    data = {**DATA, "kind": EVIL, "task": EVIL}
    results = make_results(
        tmp_path, rows=("ce-rs",), seeds=(0, 1), patients=20, data=data, marks=[EVIL], hardware=EVIL, command=EVIL
    )
    view = build_table(spec, results, resamples=20)
    figures = standard_figures(view)
    evil = Page(
        (view,),
        (*figures, replace(figures[0], id="other", caption=EVIL, title=EVIL)),
        (EVIL,),
        (Citation(EVIL, EVIL, EVIL, "#"),),
    )
    found = render(evil)
    assert "<script>alert" not in found
    assert found.count("&lt;script&gt;alert") > 12
    reader = Reader(found)
    assert reader.open == []
    assert [tag for tag, _ in reader.tags].count("script") == 1


def test_minus_signs_are_typeset() -> None:
    assert typeset("-0.02 [-0.05, 0.01]") == "−0.02 [−0.05, 0.01]"
    assert typeset("- diameter, nodules of 8-15 mm") == "− diameter, nodules of 8-15 mm"
    assert typeset("best - worst over 3 seeds x 5 folds") == "best − worst over 3 seeds × 5 folds"
    assert typeset("LIDC-IDRI grad-cam 2023-01-02") == "LIDC-IDRI grad-cam 2023-01-02"


def test_numbers_of_deviations() -> None:
    assert numbered("12. Five epochs.") == ("12", "Five epochs.")
    assert numbered("3a) Width 16.") == ("3a", "Width 16.")
    assert numbered("Five epochs.") == ("", "Five epochs.")


def test_run_again_lists_what_differs_once(view: TableView) -> None:
    lines = dict(run_again(Page((view,))))
    assert lines["commit"] == "0123456789abcdef"
    assert lines["data sha256"] == "d" * 16
    assert lines["time"] == f"{int(sum(41.2 + s for s in (0, 1, 2)) * 4) // 60} min 26 s for 12 cells"
    assert lines["peak memory"] == "1,830 MB"
    assert lines["parameters"] == "771,234"
    assert "torch 2.15.0" in lines["versions"]


def test_several_tables_in_one_report(view: TableView) -> None:
    other = build_table(replace(SPEC, title="Second"), view.results[:1], resamples=20)
    found = render(Page((view, other)))
    assert Reader(found).open == []
    assert "Table 5 · Second: the paper beside ours" in found
    assert found.count('<table class="sortable">') == 2


def test_a_report_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_claims(monkeypatch, tmp_path)
    found = render(Page((build_table(SPEC, []),)))
    assert Reader(found).open == []
    assert "Nothing was run" in found
    assert "Claims: 2 not judged." in found
    assert ">not run</li>" in found


def test_stale_and_marked_results_are_badged(tmp_path: Path) -> None:
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10, marks=["leaky split"])
    words = Reader(render(Page((build_table(SPEC, results, Current("b" * 64), 20),)))).words
    assert {"leaky split", "stale", "stale: other code"} <= set(words)


def test_the_file_is_small_and_whole(tmp_path: Path, view: TableView, figures: tuple[Figure, ...]) -> None:
    path = write_report(tmp_path / "new" / "report.html", Page((view,), figures))
    assert path.stat().st_size < 1_000_000
    assert path.read_text(encoding="utf-8").endswith("</html>")
    assert [found.name for found in path.parent.iterdir()] == ["report.html"]


def test_too_large_a_report_drops_its_largest_figures(
    tmp_path: Path, view: TableView, figures: tuple[Figure, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = max(figures, key=lambda figure: len(figure.svg()))
    whole = len(render(Page((view,), figures)).encode())
    monkeypatch.setattr(_report, "MAX_BYTES", whole - 1)
    found = write_report(tmp_path / "report.html", Page((view,), figures)).read_text(encoding="utf-8")
    assert len(found.encode()) < whole
    assert f"Left out to keep the file below 3 MB: {largest.title}." in found
    assert f'id="figure-{largest.id}"' not in found


def test_headline_without_intervals(tmp_path: Path) -> None:
    spec = replace(SPEC, columns=SPEC.columns[:1])
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10)
    assert headline(build_table(spec, results, resamples=20)) == "1 of 4 rows measured."
