"""Turn scans into a prepared folder: ``python -m medrepro.datamodules.prepare NAME --source DIR --out DIR``.

The folder (:mod:`medrepro.datamodules.prepare.format`) serves ``reproduce/KEY.py --data NAME --data-root DIR``. After a
kill the same command goes on where it stopped. Exit code 0: all series prepared; 1: some were skipped, listed with
their reasons; 2: nothing prepared, one line says why.
"""

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from medrepro.datamodules.prepare.folder import folder_plan
from medrepro.datamodules.prepare.format import CARD, FILES, FORMAT, SERIES, VERSION, open_prepared, read_card, sha256
from medrepro.datamodules.prepare.lidc import lidc_plan, luna16_plan
from medrepro.datamodules.prepare.nsclc import nsclc_plan
from medrepro.datamodules.prepare.units import Plan, Row, assemble, finish, prepare_parts
from medrepro.datamodules.support.cache import locked, writable_folder
from medrepro.datamodules.support.command_line import OneLineParser, guarded
from medrepro.datamodules.support.errors import InputError

PROGRAM = "python -m medrepro.datamodules.prepare"
NAMES = {
    "lidc": "LIDC-IDRI's DICOM series: a cube of HU, the readers' outline and ratings for every nodule",
    "luna16": "LUNA16's subsets of .mhd with annotations.csv: the same",
    "nsclc": "NSCLC Radiogenomics, CT and SEG with the clinical CSV: slices through tumours, EGFR status",
    "folder": "your own scans, listed in samples.csv: a cube around every place or outline, with its label",
}
USES = {
    "lidc": ("segradcam", "lidc"),
    "luna16": ("segradcam", "lidc"),
    "nsclc": ("egfr", "nsclc"),
    "folder": ("segradcam", "folder"),
}  # the command and its --data that take what was prepared
LIBRARIES = ("numpy", "scipy", "pydicom", "python-gdcm", "pylibjpeg-openjpeg", "highdicom", "nibabel", "SimpleITK")
MAX_SIZE = 256  # voxels along a side
SHOWN = 10  # skipped series named on the terminal; the folder lists all


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    lines = "\n".join(f"  {name:8}{text}" for name, text in NAMES.items())
    parser = OneLineParser(
        prog=PROGRAM,
        description="Turn CT scans into records that every paper can train on.",
        epilog=f"names:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=NAMES, metavar="NAME", help=" | ".join(NAMES))
    parser.add_argument("--source", type=Path, required=True, help="folder of the scans; only read")
    parser.add_argument("--out", type=Path, required=True, help="folder to write: new, or half prepared before")
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    parser.add_argument("--size", type=int, default=64, help="voxels along each side of a crop (%(default)s)")
    parser.add_argument("--spacing", type=float, default=1.0, help="mm between voxels (%(default)s)")
    parser.add_argument("--clinical-csv", type=Path, help="nsclc: the clinical table (default: the CSV in --source)")
    parser.add_argument("--strict", action="store_true", help="stop at the first series that cannot be read")
    parser.add_argument("--cache-dir", help="where the nodule table is kept (MEDREPRO_CACHE or ~/.cache/medrepro)")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


def main(args: Sequence[str] | None = None) -> int:
    """Prepare; bad input is one line on stderr and ``SystemExit(2)``."""
    chosen = build_parser().parse_args(args)
    return guarded(PROGRAM, lambda: run(chosen))


def run(chosen: argparse.Namespace) -> int:
    """Plan, read, write, and print what the folder holds.

    Raises:
        FileNotFoundError: the source or a file in it is not there.
        InputError: nothing can be prepared, or the folder cannot be written.
    """
    _check_numbers(chosen)
    source, out = chosen.source.expanduser().resolve(), chosen.out.expanduser().resolve()
    if out == source or source in out.parents:
        raise InputError(f"--out {out} lies in the source, which is only read; choose another folder")
    plan = planned(chosen, source)
    if (out / CARD).is_file():
        return _report(_unchanged(plan, out), out, "is already prepared")
    writable_folder(out.parent, "--out")
    with locked(out, f"{out} is being prepared by another process; wait for it"):
        bad = prepare_parts(plan, out, chosen.workers, chosen.strict, chosen.quiet)
        written = assemble(plan, out, bad)
        card = make_card(plan, out, bad, vars(written))
        finish(out, card, readable(card))
    return _report(card, out, "is prepared")


def _check_numbers(chosen: argparse.Namespace) -> None:
    if not 8 <= chosen.size <= MAX_SIZE or chosen.size % 8:
        raise InputError(f"--size {chosen.size}: allowed are multiples of 8 from 8 to {MAX_SIZE}")
    if not 0.1 <= chosen.spacing <= 10:
        raise InputError(f"--spacing {chosen.spacing}: allowed are 0.1 to 10 mm")
    if not 1 <= chosen.workers <= 256:
        raise InputError(f"--workers {chosen.workers}: allowed are 1 to 256")


def planned(chosen: argparse.Namespace, source: Path) -> Plan:
    """Return the plan of the chosen source."""
    grid = (source, chosen.size, chosen.spacing)
    if chosen.name == "lidc":
        return lidc_plan(*grid, chosen.cache_dir, chosen.workers, chosen.quiet)
    if chosen.name == "luna16":
        return luna16_plan(*grid, chosen.cache_dir)
    if chosen.name == "nsclc":
        return nsclc_plan(*grid, chosen.clinical_csv, chosen.workers, chosen.quiet)
    return folder_plan(*grid)


def _unchanged(plan: Plan, out: Path) -> Row:
    """Return the card of a finished folder that is what this plan would give.

    Raises:
        InputError: it was prepared with other settings or from other files.
    """
    card = read_card(out)
    for what, found, now in (
        ("as", card["name"], plan.name),
        ("with settings", card["settings"], plan.settings),
        ("from files", card["source"]["fingerprint"][:8], plan.source()[:8]),
    ):
        if found != now:
            raise InputError(f"{out} was prepared {what} {found}, now {now}; choose another --out, or delete it first")
    open_prepared(out, plan.name, verify=True)
    return card


def make_card(plan: Plan, out: Path, bad: list[tuple[str, str]], written: dict[str, int]) -> Row:
    """Return the folder's card; without date and path, so that the same source gives the same bytes."""
    about = dict(plan.about)
    counts = {"series": len(plan.units) + len(plan.unusable), "skipped": len(bad), **written}
    source = {"fingerprint": plan.source(), "files": sum(len(unit.files) for unit in plan.units)}
    card: Row = {
        "format": FORMAT,
        "version": VERSION,
        "name": plan.name,
        "settings": plan.settings,
        "source": source | about.pop("counts", {}),
        "counts": counts,
        "skipped": [{"series": key, "reason": reason} for key, reason in bad],
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES} | {"medrepro": _own_version()},
        "files": {name: {"bytes": (out / name).stat().st_size, "sha256": sha256(out / name)} for name in FILES},
        **about,
    }
    if plan.agreement is not None:
        card["agreement"] = plan.agreement(pd.read_parquet(out / "table.parquet"))
    return card


def _own_version() -> str:
    try:
        return importlib.metadata.version("medrepro")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def readable(card: Row) -> str:
    """Return the card as Markdown."""
    about = f"Format version {card['version']}, unit {card.get('unit', 'HU')}."
    lines = [f"# Prepared data: {card['name']}", "", about, ""]
    for title in ("counts", "source", "settings", "agreement", "versions"):
        if title in card:
            values = [f"* {key}: {_short(value)}" for key, value in card[title].items()]
            lines += [f"## {title.capitalize()}", "", *values, ""]
    if card["skipped"]:
        lines += ["## Skipped", "", *(f"* `{one['series']}`: {one['reason']}" for one in card["skipped"]), ""]
    lines += ["## Files", "", "| file | bytes | SHA-256 |", "|---|---|---|"]
    lines += [f"| {name} | {said['bytes']} | `{said['sha256']}` |" for name, said in card["files"].items()]
    return "\n".join([*lines, "", f"Licence of the data: {card['licence']}.", "", f"Cite: {card['citation']}.", ""])


def _short(value: Any) -> str:
    return f"{len(value)}" + ("" if not value else f", the first {value[0]}") if isinstance(value, list) else str(value)


def _report(card: Row, out: Path, what: str) -> int:
    """Print what the folder holds; return the exit code."""
    counts = card["counts"]
    print(f"{out} {what}: {counts['images']} images, {counts['patients']} patients, {counts['prepared']} series")
    key, data = USES[card["name"]]
    print(f"use it: python reproduce/{key}.py --data {data} --data-root {out}")
    if not card["skipped"]:
        return 0
    print(f"{counts['skipped']} skipped (all in {out / SERIES}):", file=sys.stderr)
    for one in card["skipped"][:SHOWN]:
        print(f"  {one['series']}: {one['reason']}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
