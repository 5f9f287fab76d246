"""Markdown tables for README and cards."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from medrepro.reproduce.evaluation.results import Current
from medrepro.reproduce.evaluation.table_view import build_table
from medrepro.reproduce.report.markdown import markdown_table
from tests.reproduce._fakes import SPEC, make_results, with_claims


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_every_line_has_every_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_claims(monkeypatch, tmp_path / "ledger", batches="supported")
    text = markdown_table(build_table(SPEC, make_results(tmp_path, rows=("ce-rs",), patients=20), resamples=50))
    assert text.endswith("\n")
    lines = text.splitlines()
    assert lines[0].startswith("**EGFR · Table 5 · quick (not the paper's protocol) · 3 seeds**")
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 7
    assert {len(cells(line)) for line in table} == {6}
    assert cells(table[0])[1] == "paper ACC (other data)"
    first = cells(table[2])
    assert first[:2] == ["ResNet34 CE random", "78.07"]
    assert re.fullmatch(r"\d\.\d{3} ± \d\.\d{3} \[\d\.\d\d, \d\.\d\d\]", first[3])
    assert cells(table[3]) == ["ResNet34 CE clustered (not run)", "79.21", "", "", "", ""]
    assert cells(table[6])[0] == "*diameter alone*"
    assert next(line for line in lines if "batch training" in line) == (
        "- batch training beats random selection: **supported**; so it is; judged at judge, 10 seeds"
    )


def test_labels_cannot_break_the_table(tmp_path: Path) -> None:
    spec = replace(SPEC, rows=(replace(SPEC.rows[0], label="a|b *c* <script> `d`"),))
    text = markdown_table(
        build_table(spec, make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10), resamples=20)
    )
    row = next(line for line in text.splitlines() if "script" in line)
    assert len(cells(row)) == 6
    assert r"a\|b \*c\* \<script> \`d\`" in row


def test_stale_rows_say_so(tmp_path: Path) -> None:
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10)
    text = markdown_table(build_table(SPEC, results, Current("b" * 64), 20))
    assert "| ResNet34 CE random (stale: other code) |" in text
