"""Run committed results again, by the command that each records, and compare what comes out.

``python -m medrepro.reproduce.verify [KEY ...]`` replays the cheapest result of every table, study and kind of
computation; ``--sample N`` the first N of that order, ``--all`` every result. Predictions and metrics are equal bit for
bit, or the largest absolute difference is printed; a processor of another kind trains otherwise within the results'
95 % intervals. Results whose data are not at hand are passed over, by name. Writes ``verified.json`` beside the
results. Exit code 1: a result does not come out again.
"""

import argparse
import math
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from medrepro.datamodules.support.cache import writable_folder
from medrepro.datamodules.support.command_line import OneLineParser, guarded, plain_console
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.collect import RESULTS
from medrepro.reproduce.evaluation.results import Result, read_result
from medrepro.reproduce.plan.cell import Cell, Runtime, write_json
from medrepro.reproduce.printed.load import KEYS
from medrepro.reproduce.report.terminal import Progress
from medrepro.reproduce.run.execute import checkout
from medrepro.reproduce.run.experiment import plan, run
from medrepro.reproduce.verify.differences import compare, within_intervals
from medrepro.reproduce.verify.sample import Results, cell_of, committed, needs, needs_data, sample, variant_of

PROGRAM = "python -m medrepro.reproduce.verify"
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Replayed:
    """How one committed result came out.

    Attributes:
        name: ``<key>/<table>/<row>__<seed>__<fold>``.
        verdict: one of the constants below.
        largest: largest absolute difference; infinite where values cannot be subtracted (missing, other samples).
        note: where the difference lies, or why the result was passed over.
    """

    name: str
    verdict: str
    largest: float = 0.0
    note: str = ""


EQUAL, CLOSE, INSIDE, DIFFERENT, PASSED = (
    "bit-equal", "within tolerance", "within its 95 % intervals", "different", "passed over",
)  # fmt: skip


def replay(cells: Sequence[Cell], jobs: int) -> dict[Path, Exception]:
    """Run cells that are not finished; return why some could not be run, by the path of their result.

    Args:
        cells: in an order in which a cell follows those that it needs.
        jobs: cells at a time.
    """
    os.environ["OMP_NUM_THREADS"] = str(Runtime().threads)  # workers load numpy before the engine can set it
    failed: dict[Path, Exception] = {}
    for _, group in groupby(sorted(cells, key=lambda cell: cell.out), key=lambda cell: cell.out):
        planned = plan(list(group))
        with Progress(len(planned.todo) + len(planned.reused), len(planned.reused)) as progress:
            try:
                run(planned.todo, jobs, progress)
            except Exception:  # the engine stops at the first failure: what is left runs one by one
                for cell in plan(planned.todo).todo:
                    try:
                        run([cell], 1, progress)
                    except Exception as error:  # reported beside the name of its result
                        failed[cell.path] = error
    return failed


def verify(results: Results, chosen: Sequence[str], options: argparse.Namespace, out: Path) -> list[Replayed]:
    """Replay the chosen results, and those that they are computed from, and compare each with its committed one.

    Args:
        results: all committed results.
        chosen: names of some.
        options: of the command: ``data_root``, ``jobs``, ``tolerance``, ``reference``.
        out: folder of the replay; what is finished there is not run again.
    """
    root: str | None = options.data_root
    cells, unplanned = _planned(results, chosen, out, root)
    failed = replay(list(cells.values()), options.jobs)
    found = list(unplanned)
    for name in sorted(cells):
        old = results[name]
        if (path := cells[name].path) in failed:
            absent = needs_data(old) and isinstance(failed[path], InputError | OSError)
            note = f"{type(failed[path]).__name__}: {' '.join(str(failed[path]).split())}"
            found.append(Replayed(name, PASSED if absent else DIFFERENT, math.inf, note))
        elif needs_data(old) and read_result(path).data.get("sha256") != old.data.get("sha256"):
            found.append(Replayed(name, PASSED, note="the data here are not those that it was computed from"))
        else:
            other = options.reference and cell_of(name, old, options.reference, root).path
            found.append(_judged(name, read_result(other) if other else old, read_result(path), options.tolerance))
    return sorted(found, key=lambda one: one.name)


def _planned(
    results: Results, chosen: Sequence[str], out: Path, root: str | None
) -> tuple[dict[str, Cell], list[Replayed]]:
    """Return the cells of the chosen results and of those that they need, and what became of the others."""
    cells: dict[str, Cell] = {}
    found = []
    for name in chosen:
        if needs_data(results[name]) and not root:
            found.append(Replayed(name, PASSED, note="its data are not here: give --data-root DIR or MEDREPRO_DATA"))
            continue
        try:
            cell = cell_of(name, results[name], out, root)
        except (InputError, FileNotFoundError) as error:
            verdict = PASSED if needs_data(results[name]) else DIFFERENT
            found.append(Replayed(name, verdict, math.inf, str(error)))
            continue
        bases = zip(needs(cell, variant_of(name, results[name])), cell.needs, strict=True)
        cells |= {base: need for base, need in bases if base in results}
        cells[name] = cell
    return cells, found


def _judged(name: str, old: Result, new: Result, tolerance: float) -> Replayed:
    largest, where = compare(old, new)
    if largest <= tolerance:
        return Replayed(name, CLOSE if largest else EQUAL, largest, where if largest else "")
    rounding = math.isfinite(largest) and within_intervals(old, new)
    return Replayed(name, INSIDE if rounding else DIFFERENT, largest, where)


def statement(results: Results, found: Sequence[Replayed], tolerance: float) -> dict[str, Any]:
    """Return what ``verified.json`` holds: at which commit which results were replayed, how far apart, which not."""
    commit, dirty = checkout()
    compared = [one for one in found if one.verdict != PASSED]
    return {
        "commit": commit,
        "dirty": dirty,
        "tolerance": tolerance,
        "papers": sorted({name.split("/")[0] for name in results}),
        "committed": len(results),
        "replayed": len(compared),
        "verdicts": dict(Counter(one.verdict for one in found)),
        "largest_difference": {one.name: one.largest if math.isfinite(one.largest) else None for one in compared},
        "different": {one.name: one.note for one in found if one.verdict == DIFFERENT},
        "passed_over": {one.name: one.note for one in found if one.verdict == PASSED},
    }


def lines(found: Sequence[Replayed]) -> Iterator[str]:
    """Yield a line for each table, for each result that is not bit-equal, and for all together."""
    for table, group in groupby(found, key=lambda one: one.name.rpartition("/")[0]):
        counts = Counter(one.verdict for one in group)
        yield f"{table:36} " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    for one in found:
        if one.verdict != EQUAL:
            largest = "" if one.verdict == PASSED else f" by {one.largest:.3g}"
            yield f"{one.verdict}{largest}  {one.name}: {one.note.strip()}"
    counts = Counter(one.verdict for one in found)
    yield f"{len(found)} results: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = OneLineParser(prog=PROGRAM, description="Run committed results again and compare what comes out.")
    parser.add_argument("keys", nargs="*", metavar="KEY", help=f"default: {' '.join(KEYS)}")
    parser.add_argument("--sample", type=int, metavar="N", help="results to replay; default: one of each stratum")
    parser.add_argument("--all", action="store_true", help="replay every result: hours")
    parser.add_argument("--seed", type=int, default=0, help="decides between results of the same cost (%(default)s)")
    parser.add_argument("--data-root", default=os.environ.get("MEDREPRO_DATA"), help="folder of the public data sets")
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time (%(default)s)")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="difference that passes (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="committed results (%(default)s)")
    parser.add_argument("--out", type=Path, help="keep the replay here, and continue one; default: a temporary folder")
    parser.add_argument("--reference", type=Path, help="compare with the replay kept there by --out, not as committed")
    return parser


def command(words: list[str]) -> int:
    """Replay what is asked for, print the comparison and write ``verified.json``."""
    parser = build_parser()
    options = parser.parse_args(words)
    if unknown := [key for key in options.keys if key not in KEYS]:
        parser.error(f"no paper {unknown[0]!r}; the papers are {', '.join(KEYS)}")
    if options.data_root and not Path(options.data_root).is_dir():
        parser.error(f"--data-root {options.data_root}: no such folder")
    if options.jobs < 1 or (options.sample is not None and options.sample < 1):
        parser.error("--jobs and --sample must be at least 1")
    results = committed(options.results, options.keys or KEYS)
    if not results:
        parser.error(f"--results {options.results}: no results there")
    console = plain_console()
    chosen = list(results) if options.all else sample(results, options.sample, options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        out = writable_folder(options.out or Path(temporary), "--out")
        found = verify(results, chosen, options, out)
    for line in lines(found):
        console.print(line, markup=False)
    if options.reference is None:
        write_json(options.results / "verified.json", statement(results, found, options.tolerance))
    return int(any(one.verdict == DIFFERENT for one in found))


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's).

    Returns:
        0, or 1 if a result does not come out again. Bad input is one line and ``SystemExit(2)``.
    """
    words = sys.argv[1:] if args is None else args
    return guarded(PROGRAM, lambda: command(words))


if __name__ == "__main__":
    sys.exit(main())
