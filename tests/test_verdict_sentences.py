"""Verdicts stand in the ledger alone: README and cards quote it in rendered blocks and state none beside them."""

import re
from pathlib import Path

import pytest

from medrepro.reproduce.papers import KEYS
from medrepro.reproduce.plan.identity import ROOT
from medrepro.reproduce.report.documents import documents

BLOCK = re.compile(r"<!-- (results|claims|changes): .*? -->.*?<!-- end -->", re.DOTALL)
VERDICT = re.compile(r"\b(not supported|supported|contradicted|no gain|inconclusive|not learnt|smaller than claimed)\b")


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_no_sentence_states_a_verdict_of_its_own(path: Path) -> None:
    text = BLOCK.sub("", path.read_text(encoding="utf-8"))
    assert not VERDICT.findall(text)


@pytest.mark.parametrize("key", KEYS)
def test_readme_and_card_show_the_ledger(key: str) -> None:
    for path in (ROOT / "README.md", ROOT / "reproduce" / f"{key}.md"):
        assert f"<!-- claims: {key} -->\n- **" in path.read_text(encoding="utf-8")
