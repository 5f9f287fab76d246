"""DICOM segmentations, written by highdicom over a series on disk."""

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid


def write_seg(path: Path, slices: list[Path], mask: np.ndarray, kind: str = "BINARY", segments: int = 1) -> Path:
    """Write ``mask (z, y, x)``, whose slices are ``slices``, as a SEG; with two segments its rows are shared out."""
    images = [pydicom.dcmread(file) for file in slices]
    for image in images:
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    parts: Any = mask.astype(np.uint8) if kind == "BINARY" else mask.astype(np.float32)
    if segments == 2:
        upper = np.arange(mask.shape[1])[:, None] < mask.shape[1] // 2
        parts = np.stack([mask & upper, mask & ~upper], axis=-1).astype(np.uint8)
    described = [
        highdicom.seg.SegmentDescription(
            segment_number=number + 1,
            segment_label=f"part {number}",
            segmented_property_category=codes.cid7150.Tissue,
            segmented_property_type=codes.cid7166.ConnectiveTissue,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(segments)
    ]
    seg = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=parts,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="1",
        device_serial_number="1",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    seg.save_as(path)
    return path


def ball(shape: tuple[int, int, int], radius: float) -> np.ndarray:
    """A ball in the middle, bool."""
    steps = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    return np.asarray(np.linalg.norm(steps, axis=0) <= radius)
