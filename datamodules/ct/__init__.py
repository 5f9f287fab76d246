"""CT volumes with their geometry: DICOM series, NIfTI, NRRD and MetaImage, segmentations."""
