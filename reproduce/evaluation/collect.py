"""Copy the finished cells of a run into ``reproduce/results/``, where README and cards are rendered from.

``python -m medrepro.reproduce.evaluation.collect runs/egfr-table5-quick [...]`` packs one ``.jsonl`` and one
``.parquet`` per table; smoke runs are refused.
"""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.packed import write_packed
from medrepro.reproduce.evaluation.results import Result, read_result, read_results
from medrepro.reproduce.plan.identity import ROOT

RESULTS = ROOT / "reproduce" / "results"


def collect(run: Path, target: Path = RESULTS) -> int:
    """Add the results below ``run/results`` to the packed ones, in place of those of the same cell; return how many.

    Runs on other data or at the budget that judges lie beside the quick ones: table ``5`` on ``lidc-nodules`` goes to
    ``5-lidc-nodules``, the judged one to ``5-judge``, and a table whose rows are data sets of their own goes, whole, by
    the name that its command gave them.

    Raises:
        InputError: nothing finished lies there, or a smoke result does.
    """
    files = sorted((run / "results").rglob("*.json"))
    if not files:
        raise InputError(f"{run}: no finished cells; give the folder of a run, such as runs/egfr-table5-quick")
    found: dict[Path, dict[tuple[str, int, int], Result]] = {}
    for file in files:
        result = read_result(file)
        if result.content["preset"] == "smoke":
            raise InputError(f"{file}: a smoke result measures nothing and is not collected; run --preset quick")
        place = target / str(result.content["key"]) / _table(result)
        table = found.setdefault(place, {(one.row, *one.run): one for one in read_results(place)})
        text = without_paths(file.read_text(), result.content["config"]["data"].get("data_root"))
        table[result.row, *result.run] = replace(result, content=json.loads(text))
    for place, results in found.items():
        pack(place, [results[cell] for cell in sorted(results)])
    return len(files)


def pack(place: Path, results: Sequence[Result]) -> None:
    """Write the results of one table, with their predictions, as they are read."""
    frames = [one.predictions.frame if one.predictions else None for one in results]
    write_packed(place, [(dict(one.content), frame) for one, frame in zip(results, frames, strict=True)])


def _table(result: Result) -> str:
    """Return the table with the data, unless they are the default, and the budget that judges."""
    name = _data_name(result.content)
    data = "" if name == "embedded" else f"-{name}"
    return f"{result.content['table']}{data}{'-judge' if result.content['preset'] == 'judge' else ''}"


def _data_name(result: Mapping[str, Any]) -> str:
    """Return what ``--data`` was; a user's own folder adds its name, so that two of them lie apart."""
    data, words = result["config"]["data"], shlex.split(result["command"])
    name: str = words[words.index("--data") + 1] if "--data" in words[:-1] else data.get("data", "embedded")
    return f"folder+{Path(data['data_root']).name}" if name == "folder" else name


def without_paths(text: str, data_root: str | None) -> str:
    """Replace the folder of the data, which is nobody else's business, by ``DIR``.

    A relative one, such as ``data``, may be an ordinary word too: it counts as the option's value only.
    """
    if data_root is None:
        return text
    if Path(data_root).is_absolute():
        return text.replace(json.dumps(data_root)[1:-1], "DIR")
    result = json.loads(text)
    result["config"]["data"]["data_root"] = "DIR"
    words = shlex.split(result["command"])
    before = ["", *words]
    result["command"] = shlex.join(
        "DIR" if option == "--data-root" else word for option, word in zip(before, words, strict=False)
    )
    return json.dumps(result, indent=1) + "\n"


def main(args: list[str] | None = None) -> int:
    """Collect every run folder named in ``args``."""
    for run in sys.argv[1:] if args is None else args:
        try:
            print(f"{run}: {collect(Path(run))} cells")
        except InputError as error:
            print(f"medrepro.reproduce.evaluation.collect: error: {error}", file=sys.stderr)
            raise SystemExit(2) from None
    return 0


if __name__ == "__main__":
    sys.exit(main())
