"""The audit command: what it must find in the five papers, and how it answers."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from medrepro.reproduce import audit as command
from medrepro.reproduce.checks.audit import Audit, audit
from medrepro.reproduce.checks.findings import Finding
from medrepro.reproduce.printed.load import KEYS, PAPERS, load_paper

IMPOSSIBLE = {
    "egfr": {
        ("accuracy_at_counts", "Table 6"),
        ("accuracy_between", "Table 6"),
        ("one_class_mix", "Table 6"),
    },
    "multiscale": {("f1_from_parts", "Table 3"), ("dice_and_jaccard", "Table 4")},
    "cellline": set(),
    "segradcam": {("statement_difference", "Sec. 3.1.5")},
    "quadsnet": {
        ("accuracy_between", "Table 4"),
        ("one_class_mix", "Table 3, Θ1"),
        ("one_class_mix", "Table 3, Θ2"),
        ("one_class_mix", "Table 3, Θ3"),
    },
}


@cache
def audited(key: str) -> Audit:
    return audit(load_paper(key))


def found(key: str, check: str) -> list[Finding]:
    return [finding for finding in audited(key).findings if finding.check == check]


def test_egfr_table_6_breaks_the_identity_in_every_row() -> None:
    (finding,) = found("egfr", "accuracy_at_counts")
    assert len(finding.rows) == 20
    assert "20 of 20 rows (19 of them by more than 0.05 points" in finding.summary
    table = load_paper("egfr").table("6")
    for row in finding.rows:
        se, sp, acc = (table.value(row, name) for name in ("se", "sp", "acc"))
        assert abs((825 * (se or 0) + 2380 * (sp or 0)) / 3205 - (acc or 0)) > 0.01


def test_egfr_resnet18_with_cross_entropy_fits_no_mix() -> None:
    (finding,) = found("egfr", "accuracy_between")
    assert finding.rows == ("resnet18-ce",)
    assert finding.severity == "impossible"


@pytest.mark.parametrize(
    ("group", "printed", "other", "test_set"),
    [("Θ1", 3, 7, (200, 100)), ("Θ2", 4, 7, (192, 149)), ("Θ3", 1, 6, (660, 360))],
)
def test_quadsnet_columns_are_predictive_values(
    group: str, printed: int, other: int, test_set: tuple[int, int]
) -> None:
    (finding,) = (f for f in found("quadsnet", "confusion_matrices") if f.where.endswith(group))
    assert f"explain {printed} of 7 rows; read as PPV and NPV, {other}." in finding.summary
    matrices = [re.findall(r"(?:TP|FN|FP|TN) (\d+)", line) for line in finding.arithmetic]
    read = [tuple(map(int, four)) for four in matrices if len(four) == 4]
    assert len(read) == other
    for tp, fn, fp, tn in read:
        assert (tp + fn + fp + tn, tp + fn) == test_set


def test_quadsnet_matrices_give_the_printed_numbers() -> None:
    """Recomputed here from the report's own lines: PPV, NPV, accuracy and F1 within one unit."""
    table = load_paper("quadsnet").table("3")
    labels = {row.label: row.id for row in table.rows.values()}
    checked = 0
    for finding in found("quadsnet", "confusion_matrices"):
        for line in finding.arithmetic:
            four = re.findall(r"(?:TP|FN|FP|TN) (\d+)", line)
            if len(four) != 4:
                continue
            tp, fn, fp, tn = map(int, four)
            ours = (tp / (tp + fp), tn / (tn + fn), (tp + tn) / (tp + fn + fp + tn), 2 * tp / (2 * tp + fp + fn))
            row = labels[line.split(": TP")[0]]
            for name, value in zip(("se", "sp", "acc", "f1"), ours, strict=True):
                assert table.value(row, name) == pytest.approx(value, abs=0.001 + 1e-9)
            checked += 1
    assert checked == 20


def test_multiscale_jaccard_above_dice() -> None:
    (finding,) = found("multiscale", "dice_and_jaccard")
    assert finding.rows == ("zi-net-dt",)
    assert {f.rows[0] for f in found("multiscale", "f1_from_parts")} == {"das", "zioa", "zidt", "ifm"}
    (copy,) = found("multiscale", "shifted_rows")
    assert copy.rows == ("md", "ifm")


def test_cellline_abstract_and_averages() -> None:
    assert {f.where for f in found("cellline", "statement_same")} == {
        "Abstract against Table 4, parental",
        "Abstract against Table 4, drug-adapted",
    }
    assert "/ 7 = 0.7357, printed 0.64" in found("cellline", "statement_mean")[0].arithmetic[0]


def test_segradcam_accuracy_is_no_share_of_its_nodules() -> None:
    (finding,) = found("segradcam", "statement_granular")
    assert finding.arithmetic[:2] == ("1194/1230 = 97.073", "1195/1230 = 97.154")
    assert len(audited("segradcam").lost) == 4


@pytest.mark.parametrize("key", KEYS)
def test_the_impossible_findings_are_exactly_these(key: str) -> None:
    assert {(f.check, f.where) for f in audited(key).findings if f.severity == "impossible"} == IMPOSSIBLE[key]


@pytest.mark.parametrize("key", KEYS)
def test_every_paper_has_findings_and_each_shows_its_arithmetic(key: str) -> None:
    assert len(audited(key).findings) >= 9
    for finding in audited(key).findings:
        assert finding.arithmetic
        assert finding.line > 1
        numbers = re.findall(r"\d", " ".join(finding.arithmetic))
        assert numbers or finding.check == "statement_conflict"


def test_the_command_writes_a_report_that_needs_no_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["egfr", "multiscale", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "IMPOSSIBLE Table 6" in out
    assert "... 14 more lines in the report (or --full)" in out
    assert out.rstrip().endswith(f"report {tmp_path / 'audit.html'}")
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("<!doctype html>", "")
    assert "ZI-Net(DT)" in page
    assert len(page) < 500_000
    assert "off by -1.615" in (tmp_path / "egfr.md").read_text(encoding="utf-8")


def test_quiet_and_full_and_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["cellline", "--quiet", "--strict", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "audit.html")
    assert command.main(["multiscale", "--quiet", "--strict", "--out", str(tmp_path)]) == 1
    command.main(["egfr", "--full", "--out", str(tmp_path)])
    assert "more lines" not in capsys.readouterr().out


def test_the_example_shows_two_wrong_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(PAPERS.parent / "printed" / "example.yaml"), "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "(60 x 85.00 + 140 x 90.00) / 200 = 88.50, printed 89.00" in out
    assert "printed J = 0.8720" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.yaml"], "nowhere.yaml: no such file; give a table file or the key of a paper"),
        (["egrf"], "egrf: no such file"),
        (["--fast"], "unrecognized arguments: --fast; see --help"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main([*words, "--out", str(tmp_path)])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert error.startswith("reproduce/audit.py: error: ")


def test_a_mistake_in_a_file_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        (PAPERS.parent / "printed" / "example.yaml")
        .read_text(encoding="utf-8")
        .replace("means: accuracy", "means: acuracy")
    )
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit):
        command.main([str(tmp_path / "mine.yaml"), "--out", str(tmp_path)])
    assert re.search(r"mine\.yaml:33: 'acuracy' is not known here; did you mean 'accuracy'", capsys.readouterr().err)


def test_the_command_is_torch_free(tmp_path: Path) -> None:
    code = (
        "import json, sys; from medrepro.reproduce import audit; "
        f"audit.main(['multiscale', '--quiet', '--out', {str(tmp_path)!r}]); "
        "print(json.dumps([m for m in ('torch', 'pandas', 'lightning', 'scipy', 'matplotlib') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
