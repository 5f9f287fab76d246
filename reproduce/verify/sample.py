"""Plan committed results again, as their recorded command does today, and choose a stratified sample of them."""

import hashlib
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.command import parse
from medrepro.reproduce.evaluation.results import Result, read_results, tables_in
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.paper import Job, load
from medrepro.reproduce.printed.load import KEYS

DIR, DATA = "DIR", "data/"  # the public data sets' folder, as a committed command and configuration call it
LEFT_OUT = ("--out", "--jobs")  # options of the run, not of what it computed
Results = Mapping[str, Result]  # by name: ``<key>/<table>/<row>__<seed>__<fold>``


def committed(folder: Path, keys: Sequence[str] = KEYS) -> dict[str, Result]:
    """Read the results below ``folder`` of some papers, by name: ``<key>/<table>/<row>__<seed>__<fold>``."""
    every = [one for key in keys for place in tables_in(folder / key) for one in read_results(place)]
    return {one.path.relative_to(folder).with_suffix("").as_posix(): one for one in every}


def variant_of(name: str, result: Result) -> str:
    """Return what tells the folder of a result from its table's: empty, or the data set, as ``-lidc-nodules``."""
    return name.split("/")[1].removeprefix(str(result.content["table"]))


def cell_of(name: str, result: Result, out: Path = Path(), root: str | None = None) -> Cell:
    """Return the cell that computes a result today, to be run below ``out``.

    Args:
        name: of the result.
        result: as committed.
        out: where the replay goes: into a run folder for each paper and data set.
        root: folder of the public data sets.

    Raises:
        InputError: the command's plan of today has no such cell.
    """
    key, variant = str(result.content["key"]), variant_of(name, result)
    words = tuple(_settled(str(result.content["command"]), root, variant.partition("-folder+")[2]))
    preset = str(result.content["preset"])
    cells = _cells(key, words, preset, f"{out / key}{variant}")
    wanted = f"{result.content['table']}/{result.row}__{result.run[0]}__{result.run[1]}"
    if wanted not in cells:
        raise InputError(f"{result.content['command']} plans no {wanted} any more: run it again and collect it")
    return cells[wanted]


def _settled(command: str, root: str | None, own_folder: str) -> Iterator[str]:
    """Yield the options of a command with the folders of this machine, without those of its run."""
    words = iter(shlex.split(command)[2:])
    for word in words:
        if word in LEFT_OUT:
            next(words)
        elif root is None:
            yield word
        else:
            yield str(Path(root) / own_folder) if word == DIR else re.sub(f"^{DATA}", f"{root}/", word)


@lru_cache(maxsize=256)
def _cells(key: str, words: tuple[str, ...], preset: str, out: str) -> dict[str, Cell]:
    """Plan a command; return its cells, those before them and those that they need, by id."""
    paper = load(key)
    preset_words = () if "--preset" in words or preset == "paper" else ("--preset", preset)
    (options,) = parse(paper, [*words, *preset_words, "--out", out])
    return {cell.id: cell for job in _jobs(paper.plan(options)) for cell in _with_needs(job.cells)}


def _jobs(job: Job) -> Iterator[Job]:
    for before in job.before:
        yield from _jobs(before)
    yield job


def _with_needs(cells: Iterable[Cell]) -> Iterator[Cell]:
    for cell in cells:
        yield from _with_needs(cell.needs)
        yield cell


def needs_data(result: Result) -> bool:
    """Return whether a result was computed from files outside this repository."""
    text = json.dumps(result.content["config"])
    return f'"{DIR}"' in text or f'"{DATA}' in text


def needs(cell: Cell, variant: str) -> list[str]:
    """Return the names of the committed results that a cell is computed from: ensemble members, a trained network."""
    return [f"{need.key}/{need.table}{variant}/{need.name}" for need in cell.needs]


def stratum(name: str, result: Result) -> tuple[str, str, str]:
    """Return paper, table or study, and kind of computation; the default sample holds one result of each."""
    key, table, _ = name.split("/")
    trained = result.content["config"].get("train", {}).get("epochs")
    how = "trained" if trained else "predicted" if result.content.get("predictions") else "counted"
    return key, table, how


def sample(results: Results, count: int | None = None, seed: int = 0) -> list[str]:
    """Return names: the cheapest result of each stratum, or the ``count`` first when strata take turns.

    Args:
        results: committed results.
        count: how many; None for one of each stratum.
        seed: decides between results of the same cost.
    """

    def cost(name: str) -> tuple[float, str]:
        return float(results[name].content["seconds"]), hashlib.sha256(f"{seed} {name}".encode()).hexdigest()

    seen: Counter[tuple[str, str, str]] = Counter()
    turns: dict[str, int] = {}
    for name in sorted(results, key=cost):
        group = stratum(name, results[name])
        turns[name], seen[group] = seen[group], seen[group] + 1
    ordered = sorted(turns, key=lambda name: turns[name])
    return ordered[: len(seen) if count is None else count]
