"""The papers' numbers beside ours over any set of runs: an HTML page that needs no account, or a W&B workspace.

``python reproduce/dashboard.py`` compares every run below ``runs/``; named folders, such as ``reproduce/results``, are
compared instead; ``--workspace ENTITY/PROJECT`` builds a W&B workspace too, over the runs logged there. In: result
files. Out: ``runs/dashboard.html``, one file that filters and sorts.
"""

import argparse
import shlex
import sys
from pathlib import Path

try:
    from medrepro.datamodules.support.cache import atomic_write, writable_folder
    from medrepro.datamodules.support.command_line import OneLineParser, guarded, plain_console
    from medrepro.datamodules.support.errors import InputError
except ModuleNotFoundError as error:
    sys.exit(f"medrepro is not installed in this Python ({error}): run `pip install -e .` in its folder")

PROGRAM = "reproduce/dashboard.py"


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = OneLineParser(prog=PROGRAM, description="Compare runs with the papers' numbers.")
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="runs, or folders of runs; default: runs")
    parser.add_argument("--out", default="runs/dashboard.html", help="the page (%(default)s)")
    parser.add_argument("--workspace", metavar="ENTITY/PROJECT", help="build a W&B workspace there too (an account)")
    parser.add_argument("--quiet", action="store_true", help="print the path of the page only")
    return parser


def run(words: list[str]) -> int:
    """Compare what is asked for and write it."""
    parser = build_parser()
    options = parser.parse_args(words)
    if options.workspace and options.workspace.count("/") != 1:
        parser.error(f"--workspace {options.workspace}: give ENTITY/PROJECT, as in W&B's addresses")
    from medrepro.reproduce.report.dashboard import dashboard, headline
    from medrepro.reproduce.report.overview import compare

    if options.workspace:
        from medrepro.reproduce.run.wandb_cells import check_wandb

        check_wandb("online", "--workspace")
    folders, out = [Path(folder) for folder in options.folders or ["runs"]], Path(options.out)
    if out.suffix != ".html":
        raise InputError(f"--out {out}: give a file that ends in .html")
    found = compare(folders)
    writable_folder(out.parent, "--out")
    with atomic_write(out) as temporary:
        page = dashboard(found, folders, out, f"python {PROGRAM} {shlex.join(words)}".strip())
        temporary.write_text(page, encoding="utf-8")
    for problem in found.problems:
        print(f"{PROGRAM}: left out: {problem}", file=sys.stderr)
    console = plain_console()
    if not options.quiet:
        console.print(headline(found), markup=False)
    console.print(str(out) if options.quiet else f"dashboard {out}", markup=False)
    if options.workspace:
        from medrepro.reproduce.report.wandb_workspace import save_workspace

        console.print(f"workspace {save_workspace(found, *options.workspace.split('/'))}", markup=False)
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
