"""The ledger file: ours in full, and each kind of mistake with its line."""

from pathlib import Path

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.checks.audit import audit
from medrepro.reproduce.papers import folder_of
from medrepro.reproduce.printed.claim import PaperClaims, claimed_effects
from medrepro.reproduce.printed.claims import FILE, read_claims, read_ledger
from medrepro.reproduce.printed.load import KEYS

GOOD = """\
schema: 2
typical: 0.8
levels: [{name: image}, {name: patient, group: patient_id, how: max}]
samples: [{id: patients, unit: patients, n: 56, positives: 20}]
controls:
  - id: flips
    says: labels flipped
    expects: none
    test: {table: flips, better: [with], worse: [without], metric: patient/auc, gain: 0.01}
claims:
  - id: gain
    quote: as said
    where: Table 5
    says: batch training helps
    printed: {better: ["5:resnet34-ce-bt.acc"], worse: ["5:resnet34-ce-rs.acc"]}
    controls: [flips]
    test: {table: "5", better: [resnet34-ce-bt], worse: [resnet34-ce-rs], metric: image/accuracy, gain: 0.01}
"""


def read(text: str, folder: Path) -> PaperClaims:
    path = folder / "claims.yaml"
    path.write_text(text, encoding="utf-8")
    return read_claims("egfr", path)


def test_a_good_file(tmp_path: Path) -> None:
    claims = read(GOOD, tmp_path)
    assert claims.controls[0].expects == "none"
    assert claims.claim("gain").controls == ("flips",)
    assert claims.claims[0].comparison is not None
    assert (claims.levels[1].how, claims.claims[0].samples) == ("max", ("patients",))


MISTAKES = [
    ("typical: 0.8", "typical: 80", ":2: expected a number from 0 to 1, found '80'"),
    ("how: max", "how: most", ":3: 'most' is not known here"),
    ("positives: 20", "positives: 56", ":4: 56 positives of 56 leave no negatives"),
    ("expects: none", "expects: little", ":8: 'little' is not known here"),
    ('    test: {table: "5"', '    unpaired: true\n    tset: {table: "5"', ":18: 'tset' is not known here"),
    ("    quote: as said\n", "", ":11: 'quote' is missing"),
    ("5:resnet34-ce-bt.acc", "5:resnet34-ce-bt.auc", ":15: no cell '5:resnet34-ce-bt.auc'"),
    ('worse: ["5:resnet34-ce-rs.acc"]', "worse: []", ":15: 1 better cells against 0 worse ones"),
    ("controls: [flips]", "controls: [flops]", ":16: 'flops' is not known here; did you mean 'flips'"),
    ("worse: [resnet34-ce-rs]", "worse: []", ":17: 1 better rows against 0 worse ones"),
    ("metric: image/accuracy", "metric: auc", ":17: 'auc': write level/statistic"),
    ("gain: 0.01}\n", "gain: 0.01, direction: lower}\n", ":9: 'lower' is not known here"),
    (
        "image/accuracy, gain: 0.01",
        "image/accuracy, gain: 0.02",
        ":11: the smallest gain that counts (0.02) is larger than",
    ),
    ("[resnet34-ce-bt], worse: [resnet34-ce-rs]", "[a, b], worse: [c, d]", ":17: several pairs: say `over: each`"),
    (
        "better: [resnet34-ce-bt], worse: [resnet34-ce-rs]",
        "direction: trend, rows: [a, b], at: [1, 2]",
        ":17: a trend needs",
    ),
]


@pytest.mark.parametrize(("good", "bad", "message"), MISTAKES)
def test_each_mistake_is_named_with_its_line(good: str, bad: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(GOOD.replace(good, bad, 1), tmp_path)
    assert f"claims.yaml{message}" in str(caught.value)


def test_a_claim_needs_something_that_decides_it(tmp_path: Path) -> None:
    text = GOOD.rpartition("    test:")[0]
    with pytest.raises(InputError, match="claims.yaml:11: a claim needs `test`, `audit`, `needs` or `signal`"):
        read(text, tmp_path)


def test_claim_ids_are_unique(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="claims.yaml:18: a claim with the id 'gain' stands above already"):
        read(GOOD + "  - id: gain" + GOOD.partition("  - id: gain")[2], tmp_path)


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


@pytest.mark.parametrize("key", KEYS)
def test_the_file_says_its_rule_and_when_it_was_changed(key: str) -> None:
    head = (folder_of(key) / FILE).read_text(encoding="utf-8").partition("schema:")[0]
    assert "Holm" in head
    assert "before any run of ours" in head
    assert "Changed on 2026-11-27, after results" in head


@pytest.mark.parametrize("key", KEYS)
def test_a_test_is_in_the_metric_of_the_effect_that_it_quotes(key: str) -> None:
    """A printed effect beside a test counts only if it is in the test's statistic: claims that quote one have it."""
    claims = read_ledger()[key]
    quoted = [claim for claim in claims.claims if claim.comparison and claim.better]
    for claim in quoted:
        effects = claimed_effects(claims.paper, claim)
        assert len(effects) in (1, len(claim.better)), claim.id
        assert claim.comparison is not None
        assert claim.comparison.gain <= min(map(abs, effects)) + 1e-9, claim.id
