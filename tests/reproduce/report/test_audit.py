"""Reports of foreign tables: nothing in them is taken for markup, and everything is shown."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from medrepro.reproduce.checks.audit import Audit, audit
from medrepro.reproduce.printed.load import load_paper
from medrepro.reproduce.printed.reader import read_paper
from medrepro.reproduce.report.audit import headline, markdown, show
from medrepro.reproduce.report.audit_page import page

HOSTILE = """\
schema: 1
key: made
title: A title with <script>alert(1)</script> and [red]markup[/red]
second_reading: {cells: "2 <compared>"}
tables:
  "1":
    title: Results
    columns:
      dice: {label: "<b>D</b>", means: dice, unit: fraction}
      jaccard: {label: J, means: jaccard, unit: fraction}
    rows: {net: {label: "net [bold]<i>x</i>", dice: 0.7159, jaccard: 0.8538}}
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Audit:
    path = tmp_path / "made.yaml"
    path.write_text(HOSTILE, encoding="utf-8")
    return audit(read_paper(path))


def shown(one: Audit, full: bool = False) -> str:
    stream = io.StringIO()
    show(one, Console(file=stream, width=500), full)
    return stream.getvalue()


def test_html_escapes_what_the_file_says(hostile: Audit) -> None:
    text = page([hostile], "python reproduce/audit.py <made>.yaml")
    assert "<script" not in text
    assert "<i>" not in text
    assert "&lt;script&gt;" in text
    assert "net [bold]&lt;i&gt;x&lt;/i&gt;: the Jaccard index lies above" in text
    assert "&lt;made&gt;.yaml" in text


def test_the_terminal_takes_no_markup_from_the_file(hostile: Audit) -> None:
    assert "[red]markup[/red]" in shown(hostile)
    assert "net [bold]<i>x</i>: the Jaccard index" in shown(hostile)


def test_markdown_has_every_part(hostile: Audit) -> None:
    text = markdown(hostile)
    assert text.startswith("# Audit: made\n")
    assert "## 1. Impossible: Table 1" in text
    assert "Dice D = 0.7159 allows" in text
    assert "| dice and jaccard | 1 | 1 |" in text
    assert "* cells: 2 <compared>" in text


def test_long_arithmetic_is_cut_on_the_terminal_only() -> None:
    egfr = audit(load_paper("egfr"))
    assert "... 14 more lines" in shown(egfr)
    assert "more lines" not in shown(egfr, full=True)
    assert markdown(egfr).count("off by") == 20


def test_headline_counts_each_severity(hostile: Audit) -> None:
    assert headline(hostile) == "1 impossible · 0 inconsistent · 0 unclear, of 1 tested"
    assert headline(replace(hostile, findings=())) == "0 impossible · 0 inconsistent · 0 unclear, of 1 tested"
    assert "No finding." in page([replace(hostile, findings=())], "")
