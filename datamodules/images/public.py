"""Where the seven data sets of the quadsnet paper (Table I) come from, and their stand-ins.

In: a name and the folder that holds the data; out: Records at the size asked for. Reads, never downloads, except
MedMNIST through its own checksummed package.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medrepro.datamodules.images.archives import is_idx_folder
from medrepro.datamodules.images.entry import Entry
from medrepro.datamodules.images.medmnist import medmnist_classes, medmnist_file
from medrepro.datamodules.images.reader import About, list_entries, read_entries
from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError

Channels = Literal[1, 3] | None
ARCHIVES = (".npz", ".tar", ".csv")


@dataclass(frozen=True)
class Source:
    """One data set as it is found on a disk.

    Attributes:
        folder: its folder below the data root; the root itself if there is none.
        about: what results say about it.
        class_names: of labels 0..K-1, where the files have numbers only.
        group_pattern: names the patient within a sample's id.
        medmnist: flag of the MedMNIST data set that it is.
    """

    folder: str
    about: About
    class_names: tuple[str, ...] = ()
    group_pattern: str | None = None
    medmnist: str | None = None


MEDMNIST_LICENCE = "CC BY 4.0"
SOURCES: dict[str, Source] = {
    "pneumoniamnist": Source(
        "pneumonia_mnist",
        About("pneumoniamnist", "chest X-rays, 28 px", "pneumonia", MEDMNIST_LICENCE, "the same at full size"),
        medmnist="pneumoniamnist",
    ),
    "chest-xray": Source(
        "chest_xray", About("chest-xray", "chest X-rays", "pneumonia", "CC BY 4.0 (Kermany)", tier="original")
    ),
    "covid-ct": Source(
        "covid_ct",
        About("covid-ct", "CT figures out of preprints", "COVID-19", "none stated", tier="original"),
        class_names=("not COVID-19", "COVID-19"),
        group_pattern=r"^([^%]+)",  # parts of one figure carry its name and %0, %1, ...
    ),
    "skin": Source(
        "skin",
        About("skin", "dermoscopy", "malignant lesion", "CC BY-NC-SA 4.0", "another draw of as many images"),
        class_names=("benign", "malignant"),
    ),
    "retinamnist": Source(
        "retinamnist",
        About("retinamnist", "fundus photographs", "diabetic retinopathy grade", MEDMNIST_LICENCE, "two grades"),
        medmnist="retinamnist",
    ),
    "fundus": Source(
        "fundus", About("fundus", "fundus photographs", "diabetic retinopathy", "Kaggle rules", tier="original")
    ),
    "octmnist": Source(
        "octmnist",
        About("octmnist", "retinal OCT, 28 px", "disease", MEDMNIST_LICENCE, "the same at full size"),
        medmnist="octmnist",
    ),
    "oct": Source("oct", About("oct", "retinal OCT", "disease", "CC BY 4.0 (Kermany)", tier="original")),
    "malaria": Source(
        "malaria", About("malaria", "thin blood smears", "infected cell", "none stated (NLM)", tier="original")
    ),
    "mnist": Source("mnist", About("mnist", "handwritten digits", "digit", "CC BY-SA 3.0", tier="original")),
}


def read_source(name: str, root: Path, image_size: int | None = None, channels: Channels = None) -> Records:
    """Read a data set of Table I or its stand-in from below ``root``.

    Args:
        name: key of ``SOURCES``.
        root: folder that holds the data sets' folders, or the one data set.
        image_size: side in px to squash to; None keeps it.
        channels: 1, 3, or None for what the images have.

    Raises:
        FileNotFoundError: it is not there; says where it was looked for.
        InputError: it is there and cannot be read.
    """
    source = SOURCES[name]
    place = locate(source, root)
    names = source.class_names or (medmnist_classes(source.medmnist) if source.medmnist else ())
    entries = mnist_entries(place) if name == "mnist" else list_entries(place, source.group_pattern)
    return read_entries(entries, source.about, image_size, channels, names)


def locate(source: Source, root: Path) -> Path:
    """Return the folder or archive of a data set; the only archive in its folder stands for the folder."""
    folder = root / source.folder
    if source.medmnist and not folder.is_dir():
        return medmnist_file(source.medmnist, root)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no data {source.about.name} at {folder}: put it there, or give --data-root its parent"
        )
    if is_idx_folder(folder):
        return folder
    archives = sorted(path for path in folder.iterdir() if path.suffix in ARCHIVES)
    return archives[0] if len(archives) == 1 else folder


def mnist_entries(folder: Path) -> list[Entry]:
    """List MNIST: IDX files; without the training images among them, an npz of ``x`` and ``y`` takes their place."""
    entries = list_entries(folder)
    archives = sorted(folder.glob("*train*.npz"))
    if any(entry.split == "train" for entry in entries) or not is_idx_folder(folder) or not archives:
        return entries
    train = [Entry(f"train/{e.sample_id}", e.label, "train", "", e.pixels) for e in list_entries(archives[0])]
    return train + entries


def read_folder(root: Path, image_size: int | None, channels: Channels, group_pattern: str | None) -> Records:
    """Read the user's own images, in any layout that ``read_images`` knows; two classes at least.

    Raises:
        InputError: one class only, or as ``read_images``.
    """
    records = read_entries(list_entries(root, group_pattern), About("folder"), image_size, channels)
    if len(records.classes) < 2:
        raise InputError(f"{root}: all images are of class {records.classes[0]!r}; two or more are needed")
    return records
