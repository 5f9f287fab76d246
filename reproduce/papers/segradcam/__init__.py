"""What ``reproduce/segradcam.py`` is made of: presets, tables, how a cell is run, figures, ``--explain``."""
