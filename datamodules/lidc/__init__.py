"""LIDC-IDRI: annotations, nodules, cohorts, masks and rendered volumes."""
