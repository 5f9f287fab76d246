"""LIDC-IDRI: annotations, nodules, cohorts, masks and rendered volumes."""

MATCHED = "embedded-matched"  # pairs of one malignant and one benign nodule of one size
RENDERED = ("embedded", MATCHED)  # from LIDC's annotations: real outlines, ratings and patients
