"""Do the papers' claims hold? Verdicts from the ledger, the audit and our result files; trains nothing.

``python reproduce/claims.py`` judges every paper, ``python reproduce/claims.py egfr`` one of them, from each paper's
``claims.yaml`` and ``reproduce/results/``; verdicts are printed and written as Markdown and HTML.
"""

import argparse
import shlex
import sys
from pathlib import Path

try:
    from medrepro.datamodules.support.cache import atomic_write, writable_folder
    from medrepro.datamodules.support.command_line import OneLineParser, guarded, plain_console
    from medrepro.reproduce.evaluation.judge import judge_all
    from medrepro.reproduce.printed.load import KEYS
    from medrepro.reproduce.report.claims import headline, markdown, page, show
except ModuleNotFoundError as error:
    sys.exit(f"medrepro is not installed in this Python ({error}): run `pip install -e .` in its folder")

PROGRAM = "reproduce/claims.py"
RESULTS = Path(__file__).parent / "results"


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = OneLineParser(prog=PROGRAM, description="Judge the papers' claims from result files.")
    parser.add_argument("keys", nargs="*", metavar="KEY", help=f"default: {' '.join(KEYS)}")
    parser.add_argument("--results", default=str(RESULTS), help="folder with <key>/<table>/*.json (%(default)s)")
    parser.add_argument("--out", default="runs/claims", help="folder for the Markdown and HTML (%(default)s)")
    parser.add_argument("--quiet", action="store_true", help="print the path of the report only")
    return parser


def run(words: list[str]) -> int:
    """Judge what is asked for, print and write it."""
    parser = build_parser()
    options = parser.parse_args(words)
    for key in options.keys:
        if key not in KEYS:
            parser.error(f"no paper {key!r}; the papers are {', '.join(KEYS)}")
    if not Path(options.results).is_dir():
        parser.error(f"--results {options.results}: no such folder")
    out = writable_folder(Path(options.out), "--out")
    ledger = judge_all(options.keys or list(KEYS), Path(options.results))
    report = out / "claims.html"
    with atomic_write(out / "claims.md") as temporary:
        temporary.write_text(markdown(ledger), encoding="utf-8")
    with atomic_write(report) as temporary:
        temporary.write_text(page(ledger, f"python {PROGRAM} {shlex.join(words)}".strip()), encoding="utf-8")
    console = plain_console()
    for claims, judged in () if options.quiet else ledger.values():
        show(claims, judged, console)
    for key, (_, judged) in () if options.quiet else ledger.items():
        console.print(f"{key:12} {headline(judged)}")
    console.print(str(report) if options.quiet else f"report {report}", markup=False)
    return 0


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's).

    Returns:
        0. Bad input is one line and ``SystemExit(2)``.
    """
    words = sys.argv[1:] if args is None else args
    return guarded(PROGRAM, lambda: run(words))


if __name__ == "__main__":
    sys.exit(main())
