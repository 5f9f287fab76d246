"""How long do the embedded data take? The nodule table cold and cached, and rendering on one and two processes.

In: nothing (the installed annotation database; a temporary cache folder). Out: one line a measurement, with the
limit that it has to keep. Wall time; the machine's load is printed, because the figures mean little under one.
Run: ``python benchmarks/lidc.py`` (``--nodules 1194`` for the whole of the slices).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from medrepro.datamodules.lidc.nodules import nodules
from medrepro.datamodules.lidc.rendered import nodule_slices, rendered_volumes

TABLE_COLD_S, TABLE_CACHED_S, NODULES_PER_S = 6.0, 0.5, 40.0
ROOT = Path(__file__).resolve().parents[1]
TIMED = """
import sys, time
from medrepro.datamodules.lidc.nodules import nodules
begin = time.perf_counter()
count = len(nodules(cache_dir=sys.argv[1]))
print(time.perf_counter() - begin)
"""


def table_seconds(cache_dir: str) -> float:
    """Seconds of ``nodules()`` in a process of its own, imports not counted."""
    command = [sys.executable, "-c", TIMED, cache_dir]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)


def rendering_rate(table: pd.DataFrame, kind: str, workers: int, cache_dir: str, seed: int) -> float:
    """Nodules a second, worker start and writing counted; each call has a seed, so that nothing is cached."""
    begin = time.perf_counter()
    if kind == "slices":
        nodule_slices(table, seed=seed, cache_dir=cache_dir, progress=False, workers=workers)
    else:
        size, spacing = {"64^3 at 1 mm": (64, 1.0), "32^3 at 1 mm": (32, 1.0), "32^3 at 2 mm": (32, 2.0)}[kind]
        rendered_volumes(table, size, spacing, seed, cache_dir=cache_dir, progress=False, workers=workers)
    return len(table) / (time.perf_counter() - begin)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodules", type=int, default=400, help="how many to render (default: %(default)s)")
    count = parser.parse_args().nodules
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        print(f"nodules(), empty cache: {table_seconds(folder):.2f} s (limit {TABLE_COLD_S:.0f})")
        print(f"nodules(), cached:      {table_seconds(folder):.2f} s (limit {TABLE_CACHED_S})")
        table = nodules(min_readers=3, cache_dir=folder)
        table = table[table["malignancy_mean"] != 3].iloc[:: max(1194 // count, 1)].head(count)
        for workers in (1, 2):
            for kind in ("slices", "64^3 at 1 mm", "32^3 at 1 mm", "32^3 at 2 mm"):
                rate = rendering_rate(table, kind, workers, folder, seed=workers)
                limit = f" (at least {NODULES_PER_S:.0f})" if workers == 2 else ""
                print(f"{kind}, {workers} process(es): {rate:.0f} nodules/s{limit}")
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
