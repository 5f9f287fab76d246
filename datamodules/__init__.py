"""Data of the five papers: readers, records, patient-grouped splits, samplers, augmentation."""
