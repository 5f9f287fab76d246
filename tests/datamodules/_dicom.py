"""A small axial CT series on disk, as a scanner would write it, in a shuffled order of files."""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def write_series(
    folder: Path, hu: np.ndarray, spacing: tuple[float, float, float], z0: float = -50.0, uid: str | None = None
) -> str:
    """Write ``hu (z, y, x)`` with a rescale of slope 1 and intercept -1024; returns the series uid."""
    folder.mkdir(parents=True, exist_ok=True)
    uid = uid or generate_uid()
    for number in np.random.default_rng(0).permutation(len(hu)):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = generate_uid()
        item = pydicom.Dataset()
        item.file_meta = meta
        item.SOPClassUID, item.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        item.SeriesInstanceUID = uid
        item.Rows, item.Columns = hu.shape[1:]
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, 0
        item.PixelSpacing = [spacing[1], spacing[2]]
        item.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        item.ImagePositionPatient = [0, 0, z0 + number * spacing[0]]
        item.RescaleSlope, item.RescaleIntercept = 1, -1024
        item.PixelData = (hu[number].astype(np.int32) + 1024).astype(np.uint16).tobytes()
        item.save_as(folder / f"{generate_uid()}.dcm", enforce_file_format=True)
    return str(uid)
