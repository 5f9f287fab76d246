"""Read what each paper claims and which comparison would show it: ``papers/<key>/claims.yaml``.

The cells that a claim names exist; a mistake is answered with ``FILE:LINE``, which a schema library would not give.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from medrepro.reproduce.papers import folder_of
from medrepro.reproduce.plan.table import Level
from medrepro.reproduce.printed.cells import number_of
from medrepro.reproduce.printed.claim import (
    DIRECTIONS,
    OVER,
    Claim,
    Comparison,
    Control,
    PaperClaims,
    Sample,
    Signal,
    claimed_effects,
)
from medrepro.reproduce.printed.load import KEYS, load_paper
from medrepro.reproduce.printed.model import Operand, Paper
from medrepro.reproduce.printed.statements import read_operand
from medrepro.reproduce.printed.yaml_fields import Field, read_fields

FILE = "claims.yaml"


def read_ledger() -> dict[str, PaperClaims]:
    """Return the claims of every paper that has any, by paper.

    Raises:
        InputError: anything the format does not allow; starts with ``FILE:LINE``.
    """
    files = {key: folder_of(key) / FILE for key in KEYS}
    return {key: read_claims(key, path) for key, path in files.items() if path.is_file()}


@lru_cache(maxsize=32)
def read_claims(key: str, path: Path) -> PaperClaims:
    """Return the claims of one paper from its file.

    Raises:
        InputError: anything the format does not allow; starts with ``FILE:LINE``.
    """
    paper = load_paper(key)
    record = read_fields(path).record(("schema", "typical", "levels", "samples", "claims"), ("controls",))
    record["schema"].choice(("2",))
    samples = tuple(_sample(item) for item in record["samples"].sequence())
    fields = record["controls"].sequence() if "controls" in record else []
    controls = tuple(_control(item) for item in fields)
    claims = tuple(_claim(item, paper, samples, controls) for item in record["claims"].sequence())
    ids = [*(control.id for control in controls), *(claim.id for claim in claims)]
    _check_unique([*fields, *record["claims"].sequence()], ids)
    return PaperClaims(
        paper=paper,
        typical=_share(record["typical"]),
        levels=tuple(_level(item) for item in record["levels"].sequence()),
        samples=samples,
        claims=claims,
        controls=controls,
    )


def _check_unique(fields: Sequence[Field], ids: Sequence[str]) -> None:
    for number, name in enumerate(ids):
        if name in ids[:number]:
            raise fields[number].error(f"a claim with the id {name!r} stands above already; ids are unique")


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


def _claim(field: Field, paper: Paper, samples: Sequence[Sample], controls: Sequence[Control]) -> Claim:
    optional = ("printed", "test", "audit", "needs", "signal", "controls", "unpaired", "samples", "was")
    record = field.record(("id", "quote", "where", "says"), optional)
    if not {"test", "audit", "needs", "signal"} & set(record):
        raise field.error("a claim needs `test`, `audit`, `needs` or `signal`: what decides it?")
    better, worse = _printed(record["printed"], paper) if "printed" in record else ((), ())
    claim = Claim(
        id=record["id"].text(),
        quote=record["quote"].text(),
        where=record["where"].text(),
        says=record["says"].text(),
        better=better,
        worse=worse,
        comparison=_comparison(record["test"]) if "test" in record else None,
        audit=tuple(item.text() for item in record["audit"].sequence()) if "audit" in record else (),
        needs=_text(record, "needs"),
        signal=_signal(record["signal"]) if "signal" in record else None,
        controls=_chosen(record, "controls", [control.id for control in controls], ()),
        unpaired="unpaired" in record and record["unpaired"].flag(),
        samples=_chosen(record, "samples", [sample.id for sample in samples]),
        was=_text(record, "was"),
        line=field.line,
    )
    effects = [abs(effect) for effect in claimed_effects(paper, claim)]
    if claim.comparison is not None and effects and claim.comparison.gain > min(effects) + 1e-9:
        raise field.error(
            f"the smallest gain that counts ({claim.comparison.gain:g}) is larger than the paper's own effect "
            f"({min(effects):.4g})"
        )
    return claim


def _control(field: Field) -> Control:
    record = field.record(("id", "says", "expects", "test"))
    expects = record["expects"].choice(("effect", "none"))
    return Control(record["id"].text(), record["says"].text(), expects, _comparison(record["test"]))


def _signal(field: Field) -> Signal:
    record = field.record(("needs", "present"))
    return Signal(record["needs"].text(), record["present"].flag())


def _chosen(
    record: Mapping[str, Field], name: str, known: list[str], default: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    if name not in record:
        return tuple(known) if default is None else default
    return tuple(item.choice(known) for item in record[name].sequence())


def _printed(field: Field, paper: Paper) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
    record = field.record(("better", "worse"))
    better, worse = (
        tuple(read_operand(item, paper.tables) for item in record[side].sequence()) for side in ("better", "worse")
    )
    if len(better) != len(worse):
        raise field.error(f"{len(better)} better cells against {len(worse)} worse ones; they are compared in pairs")
    return better, worse


def _comparison(field: Field) -> Comparison:
    optional = ("better", "worse", "rows", "at", "direction", "over", "floor", "claimed", "varies")
    record = field.record(("table", "metric", "gain"), optional)
    if "/" not in record["metric"].text():
        raise record["metric"].error(f"{record['metric'].text()!r}: write level/statistic, e.g. patient/auc")
    direction = record["direction"].choice(DIRECTIONS) if "direction" in record else "higher"
    better, worse = _series(field, record) if direction == "trend" else _pairs(field, record)
    return Comparison(
        table=record["table"].text(),
        better=better,
        worse=worse,
        metric=record["metric"].text(),
        gain=number_of(record["gain"].text()),
        direction=direction,
        over=record["over"].choice(OVER) if "over" in record else "mean",
        floor=_floor(record["floor"].text()) if "floor" in record else None,
        claimed=number_of(record["claimed"].text()) if "claimed" in record else None,
        at=tuple(number_of(item.text()) for item in record["at"].sequence()) if "at" in record else (),
        varies=_words(record, "varies"),
    )


def _floor(text: str) -> float | str:
    return number_of(text) if text[0].isdigit() else text


def _words(record: Mapping[str, Field], name: str) -> tuple[str, ...]:
    return tuple(item.text() for item in record[name].sequence()) if name in record else ()


def _pairs(field: Field, record: Mapping[str, Field]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    better, worse = _words(record, "better"), _words(record, "worse")
    if not better or len(better) != len(worse):
        raise field.error(f"{len(better)} better rows against {len(worse)} worse ones; they are compared in pairs")
    if len(better) > 1 and "over" not in record:
        raise field.error("several pairs: say `over: each` (the weakest decides) or `over: mean`")
    return better, worse


def _series(field: Field, record: Mapping[str, Field]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rows, at = _words(record, "rows"), _words(record, "at")
    if len(rows) < 3 or len(rows) != len(at):
        raise field.error(f"a trend needs three rows or more and the value of each: {len(rows)} rows, {len(at)} values")
    return rows, ()
