"""The ledger file: what each paper claims and which comparison would show it.

In: ``claims.yaml``. Out: typed claims whose cells exist; a mistake is answered with ``FILE:LINE``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medrepro.reproduce.plan.table import Level
from medrepro.reproduce.printed.cells import number_of
from medrepro.reproduce.printed.load import KEYS, load_paper
from medrepro.reproduce.printed.model import Operand, Paper
from medrepro.reproduce.printed.statements import read_operand
from medrepro.reproduce.printed.yaml_fields import Field, read_fields

LEDGER = Path(__file__).parent.parent / "claims.yaml"
DIRECTIONS = ("higher", "no-worse")


@dataclass(frozen=True)
class Sample:
    """What a paper could test on."""

    id: str
    unit: str
    n: int
    positives: int
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """Rows of ours that decide a claim: ``metric`` of ``better`` minus ``worse``, in pairs.

    A worse row with a run at or below ``floor`` has not been trained: to be better than that supports nothing.
    """

    table: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    metric: str
    tolerance: float
    direction: str = "higher"
    floor: float | None = None


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    Attributes:
        quote: at most one line of its words.
        says: the comparison in plain words.
        better: printed cells, in pairs with ``worse``; empty if no cells are compared.
        comparison: how our results decide it.
        audit: ids of findings that exclude it.
        needs: what only could decide it; empty if our results can.
        unpaired: the two sides are measured on different cases.
        samples: ids of the paper's samples that the claim rests on.
    """

    id: str
    quote: str
    where: str
    says: str
    better: tuple[Operand, ...]
    worse: tuple[Operand, ...]
    comparison: Comparison | None
    audit: tuple[str, ...]
    needs: str
    unpaired: bool
    samples: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class PaperClaims:
    """All claims of one paper.

    Attributes:
        paper: its printed tables.
        typical: the value of a rate at which power is computed where a claim names no cells.
        levels: how samples join into cases.
    """

    paper: Paper
    typical: float
    levels: tuple[Level, ...]
    samples: tuple[Sample, ...]
    claims: tuple[Claim, ...]


def read_ledger(path: Path = LEDGER) -> dict[str, PaperClaims]:
    """The claims by paper.

    Raises:
        InputError: anything the format does not allow; starts with ``FILE:LINE``.
    """
    root = read_fields(path).record(("schema", "papers"))
    root["schema"].choice(("1",))
    papers = root["papers"].mapping()
    for key, field in papers.items():
        if key not in KEYS:
            raise field.error(f"no paper {key!r}; the papers are {', '.join(KEYS)}")
    return {key: _paper_claims(load_paper(key), field) for key, field in papers.items()}


def _paper_claims(paper: Paper, field: Field) -> PaperClaims:
    record = field.record(("typical", "levels", "samples", "claims"))
    samples = tuple(_sample(item) for item in record["samples"].sequence())
    fields = record["claims"].sequence()
    claims = tuple(_claim(item, paper, [sample.id for sample in samples]) for item in fields)
    for number, claim in enumerate(claims):
        if claim.id in {earlier.id for earlier in claims[:number]}:
            raise fields[number].error(f"a claim with the id {claim.id!r} stands above already; ids are unique")
    return PaperClaims(
        paper=paper,
        typical=_share(record["typical"]),
        levels=tuple(_level(item) for item in record["levels"].sequence()),
        samples=samples,
        claims=claims,
    )


def _text(record: Mapping[str, Field], name: str, default: str = "") -> str:
    return record[name].text() if name in record else default


def _share(field: Field) -> float:
    cell = read_operand(field, {}).cell
    if cell.value is None or not 0 <= cell.value <= 1:
        raise field.error(f"expected a number from 0 to 1, found {field.text()!r}")
    return cell.value


def _level(field: Field) -> Level:
    record = field.record(("name",), ("group", "how", "of"))
    name, group, of = record["name"].text(), _text(record, "group") or None, _text(record, "of") or None
    largest = "how" in record and record["how"].choice(("mean", "max")) == "max"
    return Level(name, group, "max" if largest else "mean", of)


def _sample(field: Field) -> Sample:
    record = field.record(("id", "unit", "n", "positives"), ("note",))
    sample = Sample(
        id=record["id"].text(),
        unit=record["unit"].text(),
        n=record["n"].integer(2),
        positives=record["positives"].integer(1),
        note=_text(record, "note"),
    )
    if sample.positives >= sample.n:
        raise field.error(f"{sample.positives} positives of {sample.n} leave no negatives")
    return sample


def _claim(field: Field, paper: Paper, samples: list[str]) -> Claim:
    optional = ("printed", "test", "audit", "needs", "unpaired", "samples")
    record = field.record(("id", "quote", "where", "says"), optional)
    if not {"test", "audit", "needs"} & set(record):
        raise field.error("a claim needs `test`, `audit` or `needs`: what decides it?")
    better, worse = _printed(record["printed"], paper) if "printed" in record else ((), ())
    return Claim(
        id=record["id"].text(),
        quote=record["quote"].text(),
        where=record["where"].text(),
        says=record["says"].text(),
        better=better,
        worse=worse,
        comparison=_comparison(record["test"]) if "test" in record else None,
        audit=tuple(item.text() for item in record["audit"].sequence()) if "audit" in record else (),
        needs=_text(record, "needs"),
        unpaired="unpaired" in record and record["unpaired"].flag(),
        samples=_chosen(record, samples),
        line=field.line,
    )


def _chosen(record: Mapping[str, Field], samples: list[str]) -> tuple[str, ...]:
    if "samples" not in record:
        return tuple(samples)
    return tuple(item.choice(samples) for item in record["samples"].sequence())


def _printed(field: Field, paper: Paper) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
    record = field.record(("better", "worse"))
    better, worse = (
        tuple(read_operand(item, paper.tables) for item in record[side].sequence()) for side in ("better", "worse")
    )
    if len(better) != len(worse):
        raise field.error(f"{len(better)} better cells against {len(worse)} worse ones; they are compared in pairs")
    return better, worse


def _comparison(field: Field) -> Comparison:
    record = field.record(("table", "better", "worse", "metric", "tolerance"), ("direction", "floor"))
    better, worse = (tuple(item.text() for item in record[side].sequence()) for side in ("better", "worse"))
    if len(better) != len(worse):
        raise field.error(f"{len(better)} better rows against {len(worse)} worse ones; they are compared in pairs")
    if "/" not in record["metric"].text():
        raise record["metric"].error(f"{record['metric'].text()!r}: write level/statistic, e.g. patient/auc")
    return Comparison(
        table=record["table"].text(),
        better=better,
        worse=worse,
        metric=record["metric"].text(),
        tolerance=number_of(record["tolerance"].text()),
        direction=record["direction"].choice(DIRECTIONS) if "direction" in record else "higher",
        floor=number_of(record["floor"].text()) if "floor" in record else None,
    )
