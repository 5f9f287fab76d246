"""Read the seven data sets of the quadsnet paper's Table I, or their stand-ins, by name.

Nothing is downloaded, except MedMNIST through its own package, which checks what it gets.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from medrepro.datamodules.images.archives import is_idx_folder
from medrepro.datamodules.images.entry import Entry
from medrepro.datamodules.images.medmnist import medmnist_classes, medmnist_file
from medrepro.datamodules.images.reader import About, Channels, list_entries, only_archive, read_entries
from medrepro.datamodules.records import Records


@dataclass(frozen=True)
class Source:
    """One data set as it is found on a disk.

    Attributes:
        folder: its folder below the data root.
        about: what results say about it.
        class_names: of labels 0..K-1, where the files have numbers only.
        group_pattern: names the patient within a sample's id.
        medmnist: whether it is the MedMNIST data set of its name.
    """

    folder: str
    about: About
    class_names: tuple[str, ...] = ()
    group_pattern: str | None = None
    medmnist: bool = False


def _medmnist(folder: str, name: str, kind: str, task: str, surrogate_for: str) -> Source:
    return Source(folder, About(name, kind, task, "CC BY 4.0", surrogate_for), medmnist=True)


def _original(folder: str, name: str, kind: str, task: str, licence: str) -> Source:
    return Source(folder, About(name, kind, task, licence, tier="original"))


SOURCES = {
    source.about.name: source
    for source in (
        _medmnist("pneumonia_mnist", "pneumoniamnist", "chest X-rays, 28 px", "pneumonia", "the same at full size"),
        _original("chest_xray", "chest-xray", "chest X-rays", "pneumonia", "CC BY 4.0 (Kermany)"),
        replace(
            _original("covid_ct", "covid-ct", "CT figures out of preprints", "COVID-19", "none stated"),
            class_names=("not COVID-19", "COVID-19"),
            group_pattern=r"^([^%]+)",  # parts of one figure carry its name and %0, %1, ...
        ),
        Source(
            "skin",
            About("skin", "dermoscopy", "malignant lesion", "CC BY-NC-SA 4.0", "another draw of as many images"),
            class_names=("benign", "malignant"),
        ),
        _medmnist("retinamnist", "retinamnist", "fundus photographs", "diabetic retinopathy grade", "two grades"),
        _original("fundus", "fundus", "fundus photographs", "diabetic retinopathy", "Kaggle rules"),
        _medmnist("octmnist", "octmnist", "retinal OCT, 28 px", "disease", "the same at full size"),
        _original("oct", "oct", "retinal OCT", "disease", "CC BY 4.0 (Kermany)"),
        _original("malaria", "malaria", "thin blood smears", "infected cell", "none stated (NLM)"),
        _original("mnist", "mnist", "handwritten digits", "digit", "CC BY-SA 3.0"),
    )
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
    names = source.class_names or (medmnist_classes(name) if source.medmnist else ())
    entries = mnist_entries(place) if name == "mnist" else list_entries(place, source.group_pattern)
    return read_entries(entries, source.about, image_size, channels, names)


def locate(source: Source, root: Path) -> Path:
    """Return the folder or archive of a data set; the only archive in its folder stands for the folder."""
    folder = root / source.folder
    if source.medmnist and not folder.is_dir():
        return medmnist_file(source.about.name, root)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no data {source.about.name} at {folder}: put it there, or give --data-root its parent"
        )
    return folder if is_idx_folder(folder) else only_archive(folder)


def mnist_entries(folder: Path) -> list[Entry]:
    """List MNIST: IDX files; an npz of ``x`` and ``y`` stands in for training images that are not among them."""
    entries = list_entries(folder)
    archives = sorted(folder.glob("*train*.npz"))
    if any(entry.split == "train" for entry in entries) or not is_idx_folder(folder) or not archives:
        return entries
    train = [replace(e, sample_id=f"train/{e.sample_id}", split="train") for e in list_entries(archives[0])]
    return train + entries
