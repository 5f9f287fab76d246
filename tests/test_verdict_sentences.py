"""Verdicts stand in the ledger alone: README and cards quote it in rendered blocks and state none beside them."""

import json
import re
from pathlib import Path

import pytest

from medrepro.reproduce.papers import KEYS
from medrepro.reproduce.plan.identity import ROOT
from medrepro.reproduce.report.documents import documents, with_replayed

BLOCK = re.compile(r"<!-- (results|claims|changes): .*? -->.*?<!-- end -->", re.DOTALL)
VERDICT = re.compile(r"\b(not supported|supported|contradicted|no gain|inconclusive|smaller than claimed)\b")


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_no_sentence_states_a_verdict_of_its_own(path: Path) -> None:
    text = BLOCK.sub("", path.read_text(encoding="utf-8"))
    assert not VERDICT.findall(text)


@pytest.mark.parametrize("key", KEYS)
def test_readme_and_card_show_the_ledger(key: str) -> None:
    for path in (ROOT / "README.md", ROOT / "reproduce" / f"{key}.md"):
        assert f"<!-- claims: {key} -->\n- **" in path.read_text(encoding="utf-8")


def test_readme_says_what_was_replayed(tmp_path: Path) -> None:
    page = "<!-- replayed -->\nold\n<!-- end -->\n"
    path = tmp_path / "verified.json"
    assert "Not replayed yet" in with_replayed(page, path)
    found = {"commit": "abcdef0123", "committed": 1800, "replayed": 3, "verdicts": {"bit-equal": 2, "different": 1}}
    path.write_text(json.dumps(found), encoding="utf-8")
    filled = with_replayed(page, path)
    assert "replayed 3 of 1,800 committed results at commit abcdef0 on one machine: 2 bit-equal, 1 different." in filled
    assert with_replayed(filled, path) == filled
