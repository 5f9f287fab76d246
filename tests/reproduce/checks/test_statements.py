"""Each kind of statement: one that holds, one that does not, through the file format."""

from pathlib import Path

import pytest

from medrepro.reproduce.checks.findings import Finding
from medrepro.reproduce.checks.statements import statement_holds
from medrepro.reproduce.printed.reader import read_paper

TABLE = """\
schema: 1
key: made
title: Made
tables:
  "1":
    title: Results
    columns: {acc: {label: ACC, means: accuracy, unit: percent}, size: {label: Size, means: parameters}}
    rows:
      a: {label: A, group: x, acc: 78.07, size: 10}
      b: {label: B, group: x, acc: 79.21, size: 20}
      c: {label: C, group: y, acc: 81.58, size: 5}
statements:
  - """

CASES = [
    ('kind: sum, of: ["825", "2380"], is: "3205"', 'kind: sum, of: ["825", "2380"], is: "3206"', "825 + 2380 = 3205"),
    ('kind: mean, of: ["0.90", "0.95"], is: "0.93"', 'kind: mean, of: ["0.90", "0.95"], is: "0.95"', "/ 2 = 0.9250"),
    (
        'kind: difference, of: ["1:b.acc", "1:a.acc"], is: 1.14',
        'kind: difference, of: ["1:b.acc", "1:a.acc"], is: 1.41',
        "79.21 - 78.07 = 1.14",
    ),
    ('kind: share, of: ["1253", "1566"], is: "80"', 'kind: share, of: ["1253", "1566"], is: "85"', "= 80.01 %"),
    (
        'kind: share-of-mean, of: ["1", "4", "6"], is: "20"',
        'kind: share-of-mean, of: ["1", "4", "6"], is: "30"',
        "= 20.00 %",
    ),
    (
        'kind: same, of: ["1:c.acc", {value: 81.58, where: Abstract}]',
        'kind: same, of: ["1:c.acc", {value: 81.85, where: Abstract}]',
        "Abstract: 81.85",
    ),
    (
        'kind: same, of: ["1:c.acc", {value: 81.6, where: Abstract}]',
        'kind: same, of: ["1:c.acc", {value: 81.5, where: Abstract}]',
        "Abstract: 81.5",
    ),
    (
        'kind: best, table: "1", rows: [c], columns: all',
        'kind: best, table: "1", rows: [b], columns: [acc]',
        "better: C 81.58",
    ),
    (
        'kind: best, table: "1", rows: [b], columns: [acc], among: group',
        'kind: best, table: "1", rows: [b], columns: [size], among: group',
        "better: A 10",
    ),
    (
        'kind: higher, of: ["1:c.acc", "1:b.acc", "1:a.acc"]',
        'kind: higher, of: ["1:c.acc", "1:a.acc", "1:b.acc"]',
        "78.07 is not above",
    ),
    (
        'kind: increases, table: "1", rows: all, columns: [acc]',
        'kind: increases, table: "1", rows: all, columns: [size]',
        "Size: 10, 20, 5",
    ),
    (
        'kind: granular, is: 97.07, n: "1230", folds: "10"',
        'kind: granular, is: 97.08, n: "1230", folds: "10"',
        "1194/1230 = 97.073",
    ),
    (
        'kind: granular, is: "0.75", n: "4", unit: fraction',
        'kind: granular, is: "0.70", n: "4", unit: fraction',
        "3/4 = 0.750",
    ),
]


def judged(statement: str, folder: Path) -> tuple[Finding, ...]:
    path = folder / "made.yaml"
    path.write_text(TABLE + "{id: it, where: Sec. 1, " + statement + "}\n", encoding="utf-8")
    paper = read_paper(path)
    return statement_holds(paper, paper.statements[0]).findings


@pytest.mark.parametrize(("holds", "fails", "arithmetic"), CASES)
def test_each_kind(holds: str, fails: str, arithmetic: str, tmp_path: Path) -> None:
    assert len(CASES) == 13
    assert judged(holds, tmp_path) == ()
    (finding,) = judged(fails, tmp_path)
    assert finding.severity == "inconsistent"
    assert arithmetic in "\n".join(finding.arithmetic)


def test_conflicts_are_always_findings_with_their_note(tmp_path: Path) -> None:
    readings = "readings: [{where: Abstract, says: one}, {where: Sec. 5, says: two}]"
    (finding,) = judged(f"kind: conflict, severity: unclear, note: Why., quote: as said, {readings}", tmp_path)
    assert (finding.severity, finding.caveat, finding.arithmetic) == (
        "unclear",
        "Why.",
        ("Abstract: one", "Sec. 5: two"),
    )
    assert finding.summary.startswith('"as said"')
