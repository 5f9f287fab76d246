"""List the data sets that can be downloaded: licences, citations, addresses, sizes, checksums; offline, without torch.

MedMNIST's entries are the package's own; those of LIDC-IDRI and NSCLC Radiogenomics come from the index of the Imaging
Data Commons. BreaKHis and LIVECell publish no checksum: unpacking checks their archives by the checksums inside and by
the number of images.
"""

import importlib.util
import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from medrepro.datamodules.download.fetch import RemoteFile
from medrepro.datamodules.download.idc import Series, list_series
from medrepro.datamodules.support.errors import InputError

MEDMNIST_SIZES = (28, 64, 128, 224)


@dataclass(frozen=True)
class Dataset:
    """One data set that can be downloaded: either plain files, or series of the Imaging Data Commons.

    Attributes:
        name: on the command line, and of its folder.
        title: description with counts.
        licence: as its publishers state it.
        citation: reference to cite.
        page: address of its description.
        use: the next command, with ``{folder}``.
        about_bytes: size of the download; exact for series.
        bound: precision of that size: "" (exact), "about" or "at most".
        files: plain files.
        series: of the Imaging Data Commons.
        images: pattern and number of the images in the archive, counted after unpacking; None for no archive.
    """

    name: str
    title: str
    licence: str
    citation: str
    page: str
    use: str
    about_bytes: int
    bound: str = ""
    files: tuple[RemoteFile, ...] = ()
    series: tuple[Series, ...] = field(default=(), repr=False)
    images: tuple[str, int] | None = None


COLLECTIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {  # name in the index, modalities
    "lidc": ("lidc_idri", ("CT",)),
    "nsclc": ("nsclc_radiogenomics", ("CT", "SEG")),
}
DATASETS: Mapping[str, Dataset] = {
    "lidc": Dataset(
        name="lidc",
        title="LIDC-IDRI, thoracic CT with four radiologists' nodules",
        licence="",  # of its series
        citation="Armato III S.G. et al. Data From LIDC-IDRI (Version 4). The Cancer Imaging Archive, 2015. "
        "https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX",
        page="https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX",
        use="python -m medrepro.datamodules.prepare lidc --source {folder} --out DIR",
        about_bytes=0,  # of its series
    ),
    "nsclc": Dataset(
        name="nsclc",
        title="NSCLC Radiogenomics, CT with tumour segmentations",
        licence="",  # of its series
        citation="Bakr S. et al. Data for NSCLC Radiogenomics Collection (Version 4). The Cancer Imaging Archive, "
        "2017. https://doi.org/10.7937/K9/TCIA.2017.7HS46ERV",
        page="https://doi.org/10.7937/K9/TCIA.2017.7HS46ERV",
        use="put the clinical table (CSV) of the collection's page into {folder}, then: "
        "python -m medrepro.datamodules.prepare nsclc --source {folder} --out DIR",
        about_bytes=0,  # of its series
    ),
    "breakhis": Dataset(
        name="breakhis",
        title="BreaKHis, 7909 microscope images of breast tumours of 82 slides, 40X to 400X",
        licence="CC BY 4.0",
        citation="Spanhol F.A. et al. A Dataset for Breast Cancer Histopathological Image Classification. "
        "IEEE Trans. Biomed. Eng. 63(7), 2016. https://doi.org/10.1109/TBME.2015.2496264",
        page="https://web.inf.ufpr.br/vri/databases/breast-cancer-histopathological-database-breakhis/",
        use="python reproduce/cellline.py --data breakhis --data-root {folder}",
        about_bytes=4_000_000_000,
        bound="about",
        files=(RemoteFile("https://www.inf.ufpr.br/vri/databases/BreaKHis_v1.tar.gz", "BreaKHis_v1.tar.gz"),),
        images=("*.png", 7909),
    ),
    "livecell": Dataset(
        name="livecell",
        title="LIVECell, 5239 phase-contrast images of eight cell lines",
        licence="CC BY-NC 4.0",
        citation="Edlund C. et al. LIVECell: A large-scale dataset for label-free live cell segmentation. "
        "Nature Methods 18, 2021. https://doi.org/10.1038/s41592-021-01249-6",
        page="https://sartorius-research.github.io/LIVECell/",
        use="python reproduce/cellline.py --data livecell --data-root {folder}",
        about_bytes=1_300_000_000,
        bound="about",
        files=(
            RemoteFile(
                "https://livecell-dataset.s3.eu-central-1.amazonaws.com/LIVECell_dataset_2021/images.zip", "images.zip"
            ),
        ),
        images=("*.tif", 5239),
    ),
}
MEDMNIST_CITATION = (
    "Yang J. et al. MedMNIST v2: A large-scale lightweight benchmark for 2D and 3D biomedical image classification. "
    "Scientific Data 10, 2023. https://doi.org/10.1038/s41597-022-01721-8"
)


def names() -> list[str]:
    """Return every name that :func:`find` accepts."""
    return [*DATASETS, *sorted(_medmnist())]


def find(name: str, size: int = 28, patients: Sequence[str] = ()) -> Dataset:
    """Return the description of a data set.

    Args:
        name: one of :func:`names`.
        size: side in px, of MedMNIST only.
        patients: only these, of the CT collections; all if empty.

    Raises:
        InputError: an unknown name, size or patient, or the index is not installed.

    Example:
        >>> find("livecell").licence
        'CC BY-NC 4.0'
    """
    if size != 28 and name not in _medmnist():
        raise InputError(f"--size {size}: only MedMNIST's data sets have sizes, {name} has not")
    if patients and name not in COLLECTIONS:
        raise InputError(f"--patients: only {' and '.join(COLLECTIONS)} can be downloaded in part, {name} cannot")
    if name in COLLECTIONS:
        return _collection(name, patients)
    if name in DATASETS:
        return DATASETS[name]
    if name in _medmnist():
        return _medmnist_dataset(name, size)
    raise InputError(f"no data set {name!r}; allowed: {', '.join(names())}")


def _collection(name: str, patients: Sequence[str]) -> Dataset:
    collection, modalities = COLLECTIONS[name]
    series = list_series(collection, modalities)
    unknown = sorted(set(patients) - {one.patient for one in series})
    if unknown:
        known = f"{series[0].patient} to {series[-1].patient}"
        raise InputError(f"--patients {unknown[0]}: {name} has no such patient; its patients are {known}")
    series = [one for one in series if not patients or one.patient in patients]
    counts = ", ".join(f"{sum(one.modality == kind for one in series)} {kind} series" for kind in modalities)
    people, files = len({one.patient for one in series}), sum(one.instances for one in series)
    return replace(
        DATASETS[name],
        title=f"{DATASETS[name].title}: {counts} of {people} patients, {files} files",
        licence=", ".join(sorted({one.licence for one in series})),
        about_bytes=sum(one.size for one in series),
        series=tuple(series),
    )


@cache
def _medmnist() -> Mapping[str, Mapping[str, Any]]:
    """Return MedMNIST's own table, from its file: importing the package would load torch."""
    package = importlib.util.find_spec("medmnist")
    if package is None or package.origin is None:
        raise InputError("medmnist is not installed here: pip install medmnist")
    table: Mapping[str, Mapping[str, Any]] = runpy.run_path(str(Path(package.origin).with_name("info.py")))["INFO"]
    return table


def _medmnist_dataset(name: str, size: int) -> Dataset:
    about = _medmnist()[name]
    end = "" if size == 28 else f"_{size}"
    if f"url{end}" not in about:
        allowed = [side for side in MEDMNIST_SIZES if side == 28 or f"url_{side}" in about]
        raise InputError(f"--size {size}: {name} has {', '.join(map(str, allowed))}")
    count = sum(about["n_samples"].values())
    voxels = size ** (3 if name.endswith("3d") else 2) * about["n_channels"]
    return Dataset(
        name=name,
        title=f"{about['python_class']} of MedMNIST, {count} images of {size} px",
        licence=about["license"],
        citation=MEDMNIST_CITATION,
        page="https://medmnist.com",
        use=f"--data {name} --data-root {{folder}}, where a command offers it",
        about_bytes=count * (voxels + 64) + 100_000,  # a compressed npz is hardly ever larger than its pixels
        bound="at most",
        files=(RemoteFile(about[f"url{end}"], f"{name}{end}.npz", md5=about[f"MD5{end}"]),),
    )
