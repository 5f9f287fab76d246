"""Fill the result tables of README and cards from the committed result files; nobody types a number.

``python -m medrepro.reproduce.report.documents`` rewrites what lies between ``<!-- results: egfr table 5 -->`` and
``<!-- end -->``;
``--check`` changes nothing and fails if anything would change. A word after the target names the data, and
``folder+skin`` those of the folder ``skin``.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from medrepro.datamodules.support.cache import atomic_write
from medrepro.datamodules.support.processes import each
from medrepro.reproduce.evaluation.collect import RESULTS
from medrepro.reproduce.evaluation.judge import Ledger, judge_all
from medrepro.reproduce.evaluation.ledger import VERDICTS, ledger_text
from medrepro.reproduce.plan.identity import ROOT
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.printed.load import KEYS
from medrepro.reproduce.report.claims import changes, summary

BLOCK = re.compile(
    r"(<!-- results: (?P<key>\w+) (?P<kind>table|figure|study) (?P<name>\S+)(?: (?P<data>[\w+-]+))? -->\n)"
    r".*?(<!-- end -->)",
    re.DOTALL,
)
VERDICTS_BLOCK = re.compile(r"(<!-- (?P<what>claims|changes): (?P<key>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
REPLAYED_BLOCK = re.compile(r"(<!-- replayed -->\n).*?(<!-- end -->)", re.DOTALL)
Wanted = tuple[str, str, str | None]  # key, target, data
EMPTY = "*Not measured yet: no committed result.*\n"


def documents() -> list[Path]:
    """Return the files that hold result tables."""
    return [ROOT / "README.md", *sorted((ROOT / "reproduce").glob("*.md"))]


def rendered(text: str, filled: Mapping[Wanted, str]) -> str:
    """Return ``text`` with every result block filled anew."""
    return BLOCK.sub(lambda match: f"{match[1]}{filled[_wanted(match)]}{match[6]}", text)


def tables(texts: Iterable[str]) -> dict[Wanted, str]:
    """Return what fills the blocks of all texts, each once, on all cores: a bootstrap takes seconds."""
    wanted = list(dict.fromkeys(_wanted(match) for text in texts for match in BLOCK.finditer(text)))
    return dict(each(_table, wanted, os.cpu_count() or 1, setting="other programs running"))


def with_verdicts(text: str, ledger: Ledger) -> str:
    """Return ``text`` with its lists of claims and of changed verdicts filled anew."""
    fill = {"claims": summary, "changes": changes}
    return VERDICTS_BLOCK.sub(lambda match: f"{match[1]}{fill[match['what']](ledger[match['key']][1])}{match[4]}", text)


def with_replayed(text: str, path: Path) -> str:
    """Return ``text`` with the outcome of the last replay filled anew, from ``medrepro verify``'s file at ``path``."""
    if not path.is_file():
        return REPLAYED_BLOCK.sub(r"\1*Not replayed yet: `medrepro verify`.*\n\2", text)
    found = json.loads(path.read_text(encoding="utf-8"))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found["verdicts"].items())
    line = (
        f"`medrepro verify` replayed {found['replayed']} of {found['committed']:,} committed results at commit "
        f"{found['commit'][:7]} on one machine: {counts}.\n"
    )
    return REPLAYED_BLOCK.sub(lambda match: f"{match[1]}{line}{match[2]}", text)


def verdict_files(ledger: Ledger, check: bool) -> list[str]:
    """Write each paper's verdicts beside its results, unless ``check``; return those that were out of date."""
    stale = []
    for key, (_, judged) in ledger.items():
        path, text = RESULTS / key / VERDICTS, ledger_text(judged)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(f"{key}/{VERDICTS}")
            if not check:
                with atomic_write(path) as temporary:
                    temporary.write_text(text, encoding="utf-8")
    return stale


def _table(wanted: Wanted) -> str:
    return table(*wanted)


def _wanted(match: re.Match[str]) -> Wanted:
    return match["key"], f"{match['kind']} {match['name']}", match["data"]


def table(key: str, target: str, data: str | None = None) -> str:
    """Return the Markdown table of a target from its committed results, or a line that says there are none."""
    paper = load(key)
    name = data.partition("+")[0] if data else next(iter(paper.data))
    options = Options(command="", target=target, data=name, out="runs/render", named_out=True)
    job = paper.plan(options)
    source = job.cells[0].table if job.cells else job.spec.number
    folder = RESULTS / key / (source if data is None else f"{source}-{data}")
    from medrepro.reproduce.evaluation.results import read_results
    from medrepro.reproduce.evaluation.table_view import build_table
    from medrepro.reproduce.report.html import markdown_table

    results = read_results(folder)
    if not results:
        return EMPTY
    if source != job.spec.number:  # a figure on a table's results: it means to show some of the rows
        results = tuple(result for result in results if result.row in {row.id for row in job.spec.rows})
    measured = {result.row for result in results}  # a comparator of ours without results is not worth a line
    spec = replace(job.spec, rows=tuple(row for row in job.spec.rows if not row.below or row.id in measured))
    view = build_table(spec, results)
    return markdown_table(view).rstrip() + "\n"


def main(args: list[str] | None = None) -> int:
    """Rewrite the documents, or with ``--check`` report which of them are out of date (exit code 1)."""
    check = "--check" in (sys.argv[1:] if args is None else args)
    texts = {path: path.read_text() for path in documents() if path.is_file()}
    ledger = judge_all(KEYS, RESULTS)
    stale = verdict_files(ledger, check)  # first: tables quote them
    filled = tables(texts.values())
    for path, old in texts.items():
        new = with_replayed(with_verdicts(rendered(old, filled), ledger), RESULTS / "verified.json")
        if new != old:
            stale.append(path.name)
            if not check:
                with atomic_write(path) as temporary:
                    temporary.write_text(new)
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run: python -m medrepro.reproduce.report.documents", file=sys.stderr)
        return 1
    print(f"{'up to date' if check else 'rendered'}: {len(documents())} documents, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
