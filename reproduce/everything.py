"""The whole suite with one command: audit, claims, every paper's quick table, one index.

``python reproduce/everything.py`` takes as long as all quick tables and writes ``runs/everything/index.html`` with what
it links to; ``--smoke`` takes seconds per paper and measures nothing; ``--check`` runs nothing and lists every row of
every listed table without a committed result.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

try:
    from medrepro.datamodules.support.cache import atomic_write, writable_folder
    from medrepro.datamodules.support.command_line import OneLineParser, guarded, plain_console
    from medrepro.reproduce import audit, claims, command
    from medrepro.reproduce.evaluation.coverage import blanks, printed_targets, summary
    from medrepro.reproduce.evaluation.text import duration
    from medrepro.reproduce.plan.paper import load
    from medrepro.reproduce.printed.load import KEYS, load_paper
    from medrepro.reproduce.report.plain_page import plain_page
except ModuleNotFoundError as error:
    sys.exit(f"medrepro is not installed in this Python ({error}): run `pip install -e .` in its folder")

PROGRAM = "reproduce/everything.py"
RESULTS = Path(__file__).parent / "results"
DONE = "done"


@dataclass(frozen=True)
class Part:
    """One thing that was run: what, how it ended, its report, its time."""

    name: str
    outcome: str
    report: Path
    seconds: float


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = OneLineParser(prog=PROGRAM, description="Audit, claims and every paper's table, with one index.")
    parser.add_argument("keys", nargs="*", metavar="KEY", help=f"default: {' '.join(KEYS)}")
    parser.add_argument("--smoke", action="store_true", help="seconds a paper: shows that it runs, measures nothing")
    parser.add_argument("--check", action="store_true", help="run nothing; list rows without a committed result")
    parser.add_argument("--results", default=str(RESULTS), help="committed results (%(default)s)")
    parser.add_argument("--out", default="runs/everything", help="folder of the index and all reports (%(default)s)")
    return parser


def check(keys: list[str], results: Path, folder: Path) -> int:
    """List every row of every listed table without a committed result; 1 if one has no reason to be blank."""
    listed = [one for one in printed_targets() if one.key in keys]
    offered = [one for one in listed if not one.reason]
    found = {f"{one.key} {one.target}": blanks(one, results, folder) for one in offered}
    for blank in (blank for rows in found.values() for blank in rows):
        print(blank.line())
    print(f"{len(offered)} tables and figures, {len(listed) - len(offered)} drawings or settings: {summary(found)}")
    return int(any(not blank.reason for rows in found.values() for blank in rows))


def attempt(name: str, report: Path, work: Callable[[], int]) -> Part:
    """Run one part; bad input ends that part only, Ctrl-C ends everything.

    Raises:
        SystemExit: code 130, after Ctrl-C.
    """
    started = time.monotonic()
    try:
        code = work()
    except SystemExit as stopped:
        if stopped.code == 130:
            raise
        code = int(stopped.code or 0)
    outcome = DONE if code == 0 else f"failed with exit code {code}"
    return Part(name, outcome, report, time.monotonic() - started)


def run_all(keys: list[str], preset: str, results: Path, out: Path) -> list[Part]:
    """Run the audit, the claims and each paper's default table, in this order."""
    parts = [
        attempt(
            "Do the printed tables agree with themselves?",
            out / "audit/audit.html",
            lambda: audit.main([*keys, "--out", str(out / "audit"), "--quiet"]),
        ),
        attempt(
            "Do the claims hold?",
            out / "claims/claims.html",
            lambda: claims.main([*keys, "--results", str(results), "--out", str(out / "claims"), "--quiet"]),
        ),
    ]
    for key in keys:
        parts.append(attempt(load_paper(key).title, out / key / "report.html", _paper(key, preset, out / key)))
    return parts


def _paper(key: str, preset: str, out: Path) -> Callable[[], int]:
    def work() -> int:
        return command.main(load(key), ["--preset", preset, "--out", str(out)])

    return work


def index(parts: list[Part], preset: str, out: Path) -> str:
    """The page that links to every report."""
    rows = "".join(_row(part, out) for part in parts)
    note = "A smoke run shows that everything runs; its numbers measure nothing." if preset == "smoke" else ""
    table = f"<table><tr><th>what</th><th>outcome</th><th class=n>time</th></tr>{rows}</table>"
    body = f'<p class="note">{escape(note)}</p><div class="scroll">{table}</div>'
    return plain_page(f"medrepro: everything ({preset})", body, f"python {PROGRAM}")


def _row(part: Part, out: Path) -> str:
    title = escape(part.name)
    link = f'<a href="{escape(str(part.report.relative_to(out)))}">{title}</a>' if part.report.is_file() else title
    return f'<tr><td>{link}</td><td>{escape(part.outcome)}</td><td class="n">{duration(part.seconds)}</td></tr>'


def run(words: list[str]) -> int:
    """Do what is asked for."""
    parser = build_parser()
    options = parser.parse_args(words)
    for key in options.keys:
        if key not in KEYS:
            parser.error(f"no paper {key!r}; the papers are {', '.join(KEYS)}")
    keys = options.keys or list(KEYS)
    if options.check:
        return check(keys, Path(options.results), Path(options.out))
    out = writable_folder(Path(options.out), "--out")
    preset = "smoke" if options.smoke else "quick"
    parts = run_all(keys, preset, Path(options.results), out)
    with atomic_write(out / "index.html") as temporary:
        temporary.write_text(index(parts, preset, out), encoding="utf-8")
    console = plain_console()
    for part in parts:
        console.print(f"{part.outcome:10} {part.name} ({duration(part.seconds)})", markup=False)
    console.print(f"report {out / 'index.html'}", markup=False)
    return int(any(part.outcome != DONE for part in parts))


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's).

    Returns:
        0; 1 if a part failed or, with ``--check``, a row lacks results. Bad input is one line and ``SystemExit(2)``.
    """
    words = sys.argv[1:] if args is None else args
    return guarded(PROGRAM, lambda: run(words))


if __name__ == "__main__":
    sys.exit(main())
