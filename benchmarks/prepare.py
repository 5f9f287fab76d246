"""From one DICOM series to crops at 1 mm: how long, and how much memory? Ours beside the plain pydicom + scipy way.

In: nothing (a series is made up: noise of a chest's range, 512 x 512 x 300, uncompressed). Out: JSON and Markdown in
``benchmarks/results/``. Run: ``python benchmarks/prepare.py``. Every measurement is a process of its own, which reads
the same files; the ways take turns. CPU seconds are given beside wall seconds: other programs slow the latter.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from scipy import ndimage

from medrepro.datamodules.ct.dicom import read_slices, scan_dicom
from medrepro.datamodules.support.cache import atomic_write

RESULTS = Path(__file__).parent / "results"
SPACING = (1.25, 0.7, 0.7)  # mm (z, y, x)
PLACES = ((0.25, 0.3, 0.3), (0.4, 0.6, 0.35), (0.5, 0.5, 0.5), (0.6, 0.35, 0.7), (0.75, 0.6, 0.6))  # of the volume
SIDE = 64


def make_series(folder: Path, slices: int, side: int) -> None:
    """Write the series, one file a slice, names shuffled."""
    rng = np.random.default_rng(0)
    names = rng.permutation(slices)
    uid = generate_uid()
    for number in range(slices):
        item = pydicom.Dataset()
        item.file_meta = FileMetaDataset()
        item.file_meta.MediaStorageSOPClassUID = item.SOPClassUID = CTImageStorage
        item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID = generate_uid()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.SeriesInstanceUID, item.PatientID, item.Modality = uid, "P", "CT"
        item.Rows = item.Columns = side
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, 0
        item.PixelSpacing, item.ImageOrientationPatient = [SPACING[1], SPACING[2]], [1, 0, 0, 0, 1, 0]
        item.ImagePositionPatient = [-180, -180, -300 + number * SPACING[0]]
        item.RescaleSlope, item.RescaleIntercept = 1, -1024
        item.PixelData = rng.integers(24, 1400, (side, side), dtype=np.uint16).tobytes()
        item.save_as(folder / f"{names[number]:04d}.dcm", enforce_file_format=True)


def ours(folder: Path) -> np.ndarray:
    """Headers, order, checks, HU; then each crop interpolated from the voxels around it."""
    scan = read_slices(next(iter(scan_dicom(sorted(folder.iterdir())).series.values())))
    shape = np.array(scan.hu.shape) - 1
    return np.stack([scan.crop(scan.to_world(shape * place), (SIDE,) * 3) for place in PLACES])


def plain(folder: Path, order: Literal[1, 3]) -> np.ndarray:
    """The usual recipe: all slices into memory, the whole volume resampled to 1 mm, crops cut out of it."""
    slices = [pydicom.dcmread(file) for file in folder.iterdir()]
    slices.sort(key=lambda item: float(item.ImagePositionPatient[2]))
    volume = np.stack([item.pixel_array * float(item.RescaleSlope) + float(item.RescaleIntercept) for item in slices])
    depth = float(slices[1].ImagePositionPatient[2]) - float(slices[0].ImagePositionPatient[2])
    spacing = [depth, float(slices[0].PixelSpacing[0]), float(slices[0].PixelSpacing[1])]
    even = np.asarray(ndimage.zoom(volume, np.array(spacing), order=order))
    crops = []
    for place in PLACES:
        first = [round((size - 1) * share) - SIDE // 2 for size, share in zip(even.shape, place, strict=True)]
        crops.append(even[tuple(slice(start, start + SIDE) for start in first)])
    return np.stack(crops).astype(np.int16)


WAYS: dict[str, Callable[[Path], np.ndarray]] = {
    "ours": ours,
    "pydicom + scipy, linear": lambda folder: plain(folder, 1),
    "pydicom + scipy, cubic (scipy's default)": lambda folder: plain(folder, 3),
}


def peak_mb() -> float:
    """Return the most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(way: str, folder: Path) -> None:
    """Measure one way in this process and print it."""
    before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    crops = WAYS[way](folder)
    found = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": peak_mb(),
        "before_mb": before,
    }
    print(json.dumps(found | {"mean_hu": float(crops.mean()), "crops": len(crops)}))


def measure(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Return medians of every way over rounds in turn."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for _ in range(rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--child", way, "--folder", str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            runs[way].append(json.loads(done.stdout))
            print(f"{way}: {runs[way][-1]}", flush=True)
    return {
        way: {key: round(statistics.median(run[key] for run in found), 2) for key in found[0]}
        for way, found in runs.items()
    }


def markdown(result: dict[str, Any]) -> str:
    """Return the result as a Markdown table."""
    lines = [
        "# One CT series to crops at 1 mm", "",
        f"{result['slices']} slices of {result['side']} x {result['side']}, {len(PLACES)} crops of {SIDE}^3; "
        f"median of {result['rounds']} rounds in turn, one process each.", "",
        f"{result['machine']} · {', '.join(f'{k} {v}' for k, v in result['versions'].items())}", "",
        "| way | CPU s | wall s | peak memory, MB | of it before the work, MB |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for way, found in result["ways"].items():
        lines.append(
            f"| {way} | {found['cpu_s']} | {found['wall_s']} | {found['peak_mb']:.0f} | {found['before_mb']:.0f} |"
        )
    own, others = result["ways"]["ours"], result["ways"]["pydicom + scipy, linear"]
    return "\n".join(
        [
            *lines,
            "",
            f"* CPU, plain (linear) over ours: {others['cpu_s'] / own['cpu_s']:.1f}",
            f"* peak memory, plain (linear) over ours: {others['peak_mb'] / own['peak_mb']:.1f}",
            "* ours reads every header twice (order and checks first), refuses missing, mixed and doubled slices, and",
            "  never resamples the whole volume.",
            "",
        ]
    )


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=300, help="of the series (%(default)s)")
    parser.add_argument("--side", type=int, default=512, help="pixels of a slice (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the ways take turns so often (%(default)s)")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child, chosen.folder)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        make_series(Path(folder), chosen.slices, chosen.side)
        ways = measure(Path(folder), chosen.rounds)
    result = {
        "slices": chosen.slices,
        "side": chosen.side,
        "rounds": chosen.rounds,
        "ways": ways,
        "machine": f"{platform.machine()} x {os.cpu_count()}, 1 thread",
        "versions": {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "pydicom")},
    }
    with atomic_write(RESULTS / "prepare.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    with atomic_write(RESULTS / "prepare.md") as temporary:
        temporary.write_text(markdown(result))
    print(markdown(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
