"""Render CT intensities around real nodule outlines."""
