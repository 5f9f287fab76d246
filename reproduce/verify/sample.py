"""Turn committed results into cells that can be run again, and choose a stratified sample of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from medrepro.reproduce.evaluation.results import Result, read_result
from medrepro.reproduce.papers.cellline.bases import base_cells
from medrepro.reproduce.papers.segradcam.paper import base_of
from medrepro.reproduce.plan.cell import UNCONVERTED, Cell
from medrepro.reproduce.printed.load import KEYS

# What computed the results that were committed before a cell named its function; a trained one by "".
FUNCTIONS: Mapping[str, Mapping[str, str]] = {
    "egfr": {
        "": "compute:train", "margin": "compute:train_with_cosines", "1": "compute:groups", "2": "compute:counts",
        "3": "clinical:compute", "4": "compute:network", "7": "comparators:compute", "complexity": "compute:complexity",
    },
    "quadsnet": {
        "": "compute:train", "1": "compute:count_images", "2": "compute:count_parameters", "grey": "compute:grey",
        "majority": "compute:majority",
    },
}  # fmt: skip
DIR, DATA = "DIR", "data/"  # the public data sets' folder, as a committed configuration calls it
Results = Mapping[str, Result]  # by name: ``<key>/<table>/<row>__<seed>__<fold>``


def committed(folder: Path, keys: Sequence[str] = KEYS) -> dict[str, Result]:
    """Read the results below ``folder`` of some papers, by name: ``<key>/<table>/<row>__<seed>__<fold>``."""
    files = [path for key in keys for path in sorted((folder / key).glob("*/*.json"))]
    return {path.relative_to(folder).with_suffix("").as_posix(): read_result(path) for path in files}


def variant_of(name: str, result: Result) -> str:
    """Return what tells the folder of a result from its table's: empty, or the data set, as ``-lidc-nodules``."""
    return name.split("/")[1].removeprefix(str(result.content["table"]))


def cell_of(name: str, result: Result, out: Path = Path(), root: str | None = None) -> Cell:
    """Return the cell that a result was computed from, to be run below ``out``.

    Args:
        name: of the result.
        result: as committed.
        out: where the replay goes: into a run folder for each paper and data set.
        root: folder of the public data sets; without it the configuration names it as committed.
    """
    variant = variant_of(name, result)
    place = str(out / f"{result.content['key']}{variant}")
    own_folder = variant.partition("-folder+")[2]
    config = _settled(result.content["config"], place, Path(root) if root else None, own_folder)
    config, function = _named(result, config)
    same = {word: result.content[word] for word in ("key", "table", "row", "seed", "fold", "preset")}
    return Cell(
        **same,
        label=result.content["row_label"],
        config=config,
        out=place,
        command=result.content["command"],
        function=function,
    )


def _named(result: Result, config: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a configuration as cells have it now, and the function that computes it."""
    key, table, train = result.content["key"], result.content["table"], config.get("train", {})
    if key not in FUNCTIONS:
        return config, UNCONVERTED
    known, computed = FUNCTIONS[key], not train.get("epochs")
    name = known[train.get("baseline", table)] if computed else known.get(table if table == "margin" else "", "")
    kept = {block: values for block, values in config.items() if block != "train" or not computed}
    return kept, f"medrepro.reproduce.papers.{key}.{name}"


def _settled(value: Any, out: str, root: Path | None, own_folder: str) -> Any:
    """Replace the folders of runs and data in a configuration by those of this machine."""
    if isinstance(value, Mapping):
        return {key: out if key == "out" else _settled(inner, out, root, own_folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [_settled(inner, out, root, own_folder) for inner in value]
    if root is None or not isinstance(value, str):
        return value
    return str(root / own_folder) if value == DIR else str(root / value[5:]) if value.startswith(DATA) else value


def needs_data(result: Result) -> bool:
    """Return whether a result was computed from files outside this repository."""
    text = json.dumps(result.content["config"])
    return f'"{DIR}"' in text or f'"{DATA}' in text


def needs(name: str, result: Result) -> list[str]:
    """Return the names of the results that this one is computed from: the members of an ensemble, a trained network."""
    cell = cell_of(name, result)
    train, bases = cell.config.get("train", {}), list[Cell]()
    if cell.config.get("kind") == "ensemble":
        bases = [replace(cell, row=row) for row in cell.config["module"]["members"]]
    elif "base_epochs" in train:
        bases = [base_of(cell)]
    elif train.get("derived", "counts") != "counts":
        bases = base_cells(cell)
    return [f"{cell.key}/{base.table}{variant_of(name, result)}/{base.name}" for base in bases]


def stratum(name: str, result: Result) -> tuple[str, str, str]:
    """Return paper, table or study, and kind of computation; the default sample holds one result of each."""
    config = result.content["config"]
    train, (key, table, _) = config["train"], name.split("/")
    how = "trained" if train["epochs"] else train.get("derived") or config.get("kind") or train.get("baseline", "")
    return key, table, str(how)


def sample(results: Results, count: int | None = None, seed: int = 0) -> list[str]:
    """Return names: the cheapest result of each stratum, or the ``count`` first when strata take turns.

    Args:
        results: committed results.
        count: how many; None for one of each stratum.
        seed: decides between results of the same cost.
    """

    def cost(name: str) -> tuple[float, str]:
        own = [name, *(base for base in needs(name, results[name]) if base in results)]
        seconds = sum(float(results[one].content["seconds"]) for one in own)
        return seconds, hashlib.sha256(f"{seed} {name}".encode()).hexdigest()

    seen: Counter[tuple[str, str, str]] = Counter()
    turns: dict[str, int] = {}
    for name in sorted(results, key=cost):
        group = stratum(name, results[name])
        turns[name], seen[group] = seen[group], seen[group] + 1
    ordered = sorted(turns, key=lambda name: turns[name])
    return ordered[: len(seen) if count is None else count]
