"""Read one CT, whatever its format: the one reader that preparing, training and explaining share."""

from pathlib import Path

from medrepro.datamodules.ct.dicom import read_dicom_folder
from medrepro.datamodules.ct.files import read_itk, read_nifti, read_numpy
from medrepro.datamodules.ct.volume import CT, Triple
from medrepro.datamodules.support.errors import InputError

FILES = ".nii, .nii.gz, .nrrd, .mhd, .mha, .npy or .npz"


def read_ct(path: str | Path, series_uid: str | None = None, spacing: Triple = (1.0, 1.0, 1.0)) -> CT:
    """Read one CT scan, its axes nearest to z, y, x.

    Args:
        path: a folder with DICOM files, or a file ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mhd``, ``.mha``, ``.npy`` (z, y,
            x) or ``.npz`` (``volume``, ``spacing``).
        series_uid: which series of a DICOM folder; needed if it holds several.
        spacing: mm (z, y, x) of a ``.npy``, which carries none.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        InputError: it is none of these, broken, or not one CT volume.
    """
    place = Path(path).expanduser()
    name = place.name.lower()
    if not place.exists():
        raise FileNotFoundError(f"{place}: no such file or folder; give a folder of DICOM files, {FILES}")
    if place.is_dir():
        return read_dicom_folder(place, series_uid).canonical()
    if name.endswith((".nii", ".nii.gz")):
        return read_nifti(place).canonical()
    if name.endswith((".nrrd", ".mhd", ".mha")):
        return read_itk(place).canonical()
    if name.endswith((".npy", ".npz")):
        return read_numpy(place, spacing)
    raise InputError(f"{place}: neither a folder of DICOM files nor {FILES}")
