"""Keep the ledger's verdicts beside the results, so that every table can quote them: they are reached in one place."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.collect import RESULTS
from medrepro.reproduce.evaluation.effects import Effect, effect_of
from medrepro.reproduce.evaluation.estimates import Evidence
from medrepro.reproduce.evaluation.judge import Judged
from medrepro.reproduce.papers import folder_of
from medrepro.reproduce.plan.table import TableSpec
from medrepro.reproduce.printed.claim import Claim
from medrepro.reproduce.printed.claims import FILE, read_claims

VERDICTS = "verdicts.json"
NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class ClaimView:
    """A claim under a table.

    Attributes:
        verdict: the ledger's, whatever the results of this table.
        why: what decided it.
        budget: at which it was reached: preset, repeats and data; empty if no results decided.
        here: the same comparison in the results shown; None if they do not have it.
    """

    claim: Claim
    verdict: str
    why: str
    budget: str
    here: Effect | None

    @property
    def detail(self) -> str:
        """Why, at which budget, and the effect in the results shown, which decides nothing here."""
        parts = [self.why, f"judged at {self.budget}" if self.budget else ""]
        test = self.claim.comparison
        if self.here is not None and test is not None:
            parts.append(f"here {text.effect(self.here.estimate)} {test.metric} over {self.here.estimate.over}")
        return "; ".join(part for part in parts if part)


def ledger_text(judged: Sequence[Judged]) -> str:
    """Return the verdicts of one paper as the content of its file."""
    found = {}
    for one in judged:
        effect = one.effect
        budget = "" if effect is None else f"{effect.preset}, {effect.estimate.over}, {effect.data} data"
        found[one.claim.id] = {"verdict": one.verdict, "why": one.why, "budget": budget}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def claims_of(spec: TableSpec, evidence: Evidence) -> tuple[ClaimView, ...]:
    """Return the claims that rest on a table's rows, each with the ledger's verdict and its effect in these results."""
    rows, number = {row.id for row in spec.rows}, spec.source or spec.number
    about = [
        claim
        for claim in _claims(spec.key)
        if claim.comparison and claim.comparison.table == number and rows.issuperset(claim.comparison.needed)
    ]
    path = RESULTS / spec.key / VERDICTS
    verdicts = json.loads(path.read_text(encoding="utf-8")) if about and path.is_file() else {}
    return tuple(_view(claim, verdicts.get(claim.id, {}), evidence) for claim in about)


def _claims(key: str) -> tuple[Claim, ...]:
    path = folder_of(key) / FILE
    return read_claims(key, path).claims if path.is_file() else ()


def _view(claim: Claim, known: Mapping[str, str], evidence: Evidence) -> ClaimView:
    here = None
    if claim.comparison is not None:
        with suppress(InputError):  # rows on other cases cannot be compared here; the ledger says why
            here = effect_of(evidence, claim.comparison, claim.unpaired)
    return ClaimView(claim, known.get("verdict", NOT_JUDGED), known.get("why", ""), known.get("budget", ""), here)
