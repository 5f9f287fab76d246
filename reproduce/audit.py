"""Do the printed tables agree with themselves? Arithmetic alone; no data, no training, seconds.

``python reproduce/audit.py`` audits the five papers, ``python reproduce/audit.py egfr`` one of them, and
``python reproduce/audit.py my-table.yaml`` anyone's table in the format of ``reproduce/papers/README.md``.
In: table files. Out: the findings on the terminal and as Markdown and HTML.
"""

import argparse
import shlex
import sys
from pathlib import Path

try:
    from medrepro.datamodules.support.cache import atomic_write, writable_folder
    from medrepro.datamodules.support.command_line import OneLineParser, guarded, plain_console
    from medrepro.reproduce.checks.audit import Audit, audit
    from medrepro.reproduce.printed.load import KEYS, load_paper
    from medrepro.reproduce.printed.model import Paper
    from medrepro.reproduce.printed.reader import read_paper
    from medrepro.reproduce.report.audit import headline, markdown, show
    from medrepro.reproduce.report.audit_page import page
except ModuleNotFoundError as error:
    sys.exit(f"medrepro is not installed in this Python ({error}): run `make audit`, or `pip install -e .`")

PROGRAM = "reproduce/audit.py"


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = OneLineParser(prog=PROGRAM, description="Check printed tables against themselves.")
    parser.add_argument("what", nargs="*", metavar="KEY|FILE.yaml", help=f"default: {' '.join(KEYS)}")
    parser.add_argument("--out", default="runs/audit", help="folder for the Markdown and HTML (%(default)s)")
    parser.add_argument("--full", action="store_true", help="print every line of arithmetic on the terminal, too")
    parser.add_argument("--quiet", action="store_true", help="print the path of the report only")
    parser.add_argument("--strict", action="store_true", help="exit with code 1 if something is impossible")
    return parser


def read(what: str) -> Paper:
    """A paper by its key, or the tables of a file.

    Raises:
        InputError: neither, or a file that breaks the format.
    """
    return load_paper(what) if what in KEYS else read_paper(Path(what))


def write(audits: list[Audit], out: Path, command: str) -> Path:
    """Write one Markdown file a paper and one HTML page for all; returns the page."""
    for one in audits:
        with atomic_write(out / f"{one.paper.key}.md") as temporary:
            temporary.write_text(markdown(one), encoding="utf-8")
    report = out / "audit.html"
    with atomic_write(report) as temporary:
        temporary.write_text(page(audits, command), encoding="utf-8")
    return report


def run(words: list[str]) -> int:
    """Audit what is asked for, print and write it."""
    options = build_parser().parse_args(words)
    audits = [audit(read(what)) for what in options.what or KEYS]
    out = writable_folder(Path(options.out), "--out")
    report = write(audits, out, f"python {PROGRAM} {shlex.join(words)}".strip())
    console = plain_console()
    if not options.quiet:
        for one in audits:
            show(one, console, options.full)
        for one in audits:
            console.print(f"{one.paper.key:12} {headline(one)}")
    console.print(f"report {report}" if not options.quiet else str(report), markup=False)
    impossible = any(finding.severity == "impossible" for one in audits for finding in one.findings)
    return 1 if options.strict and impossible else 0


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's).

    Returns:
        0, or 1 with ``--strict`` and an impossible finding. Bad input is one line and ``SystemExit(2)``.
    """
    words = sys.argv[1:] if args is None else args
    return guarded(PROGRAM, lambda: run(words))


if __name__ == "__main__":
    sys.exit(main())
