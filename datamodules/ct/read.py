"""Read one CT, whatever its format."""

from pathlib import Path

from medrepro.datamodules.ct.volume import CT
from medrepro.datamodules.support.errors import InputError


def read_ct(path: str | Path, series_uid: str | None = None) -> CT:
    """Read one CT scan, its axes nearest to z, y, x.

    Args:
        path: a folder with DICOM files, ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mhd`` or ``.mha``.
        series_uid: which series of a DICOM folder; needed if it holds several.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        InputError: it is none of these, broken, or not one CT volume.
    """
    from medrepro.datamodules.ct.dicom import read_dicom_folder
    from medrepro.datamodules.ct.files import read_itk, read_nifti

    place = Path(path).expanduser()
    if not place.exists():
        raise FileNotFoundError(f"{place}: no such file or folder; give a DICOM folder, .nii, .nii.gz, .nrrd or .mhd")
    if place.is_dir():
        return read_dicom_folder(place, series_uid).canonical()
    if place.name.lower().endswith((".nii", ".nii.gz")):
        return read_nifti(place).canonical()
    if place.suffix.lower() in (".nrrd", ".mhd", ".mha"):
        return read_itk(place).canonical()
    raise InputError(f"{place}: neither a folder of DICOM files nor .nii, .nii.gz, .nrrd, .mhd or .mha")
