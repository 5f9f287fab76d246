"""The ledger file: ours in full, and each kind of mistake with its line."""

from pathlib import Path

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.checks.audit import audit
from medrepro.reproduce.printed.claims import LEDGER, PaperClaims, read_ledger
from medrepro.reproduce.printed.load import KEYS

GOOD = """\
schema: 1
papers:
  egfr:
    typical: 0.8
    levels: [{name: image}, {name: patient, group: patient_id, how: max}]
    samples: [{id: patients, unit: patients, n: 56, positives: 20}]
    claims:
      - id: gain
        quote: as said
        where: Table 5
        says: batch training helps
        printed: {better: ["5:resnet34-ce-bt.acc"], worse: ["5:resnet34-ce-rs.acc"]}
        test: {table: "5", better: [resnet34-ce-bt], worse: [resnet34-ce-rs], metric: patient/auc, tolerance: 0.01}
"""


def read(text: str, folder: Path) -> PaperClaims:
    path = folder / "ledger.yaml"
    path.write_text(text, encoding="utf-8")
    return read_ledger(path)["egfr"]


def test_a_good_file(tmp_path: Path) -> None:
    claims = read(GOOD, tmp_path)
    assert claims.claims[0].comparison is not None
    assert (claims.levels[1].how, claims.claims[0].samples) == ("max", ("patients",))


MISTAKES = [
    ("  egfr:", "  egrf:", ":4: no paper 'egrf'; the papers are cellline, egfr"),
    ("typical: 0.8", "typical: 80", ":4: expected a number from 0 to 1, found '80'"),
    ("how: max", "how: most", ":5: 'most' is not known here"),
    ("positives: 20", "positives: 56", ":6: 56 positives of 56 leave no negatives"),
    ("        test:", "        unpaired: true\n        tset:", ":14: 'tset' is not known here"),
    ("        quote: as said\n", "", ":8: 'quote' is missing"),
    ("5:resnet34-ce-bt.acc", "5:resnet34-ce-bt.auc", ":12: no cell '5:resnet34-ce-bt.auc'"),
    ('worse: ["5:resnet34-ce-rs.acc"]', "worse: []", ":12: 1 better cells against 0 worse ones"),
    ("worse: [resnet34-ce-rs]", "worse: []", ":13: 1 better rows against 0 worse ones"),
    ("metric: patient/auc", "metric: auc", ":13: 'auc': write level/statistic"),
    ("tolerance: 0.01", "tolerance: 0.01, direction: lower", ":13: 'lower' is not known here"),
]


@pytest.mark.parametrize(("good", "bad", "message"), MISTAKES)
def test_each_mistake_is_named_with_its_line(good: str, bad: str, message: str, tmp_path: Path) -> None:
    assert len(MISTAKES) == 11
    with pytest.raises(InputError) as caught:
        read(GOOD.replace(good, bad, 1), tmp_path)
    assert f"ledger.yaml{message}" in str(caught.value)


def test_a_claim_needs_something_that_decides_it(tmp_path: Path) -> None:
    text = GOOD.partition("        test:")[0]
    with pytest.raises(InputError, match="ledger.yaml:8: a claim needs `test`, `audit` or `needs`"):
        read(text, tmp_path)


def test_claim_ids_are_unique(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ledger.yaml:14: a claim with the id 'gain' stands above already"):
        read(GOOD + "      - " + GOOD.partition("      - ")[2], tmp_path)


def test_every_paper_has_ten_claims_with_short_quotes() -> None:
    ledger = read_ledger()
    assert set(ledger) == set(KEYS)
    for claims in ledger.values():
        assert len(claims.claims) >= 10
        for claim in claims.claims:
            assert "\n" not in claim.quote
            assert 0 < len(claim.quote) <= 160


@pytest.mark.parametrize("key", KEYS)
def test_claims_point_to_findings_that_are_there(key: str) -> None:
    claims = read_ledger()[key]
    known = {finding.id for finding in audit(claims.paper).findings}
    pointed = {name for claim in claims.claims for name in claim.audit}
    assert pointed
    assert pointed <= known


def test_the_rule_is_written_in_the_file_itself() -> None:
    head = LEDGER.read_text(encoding="utf-8").partition("schema:")[0]
    assert "Holm" in head
    assert "before any run of ours" in head
