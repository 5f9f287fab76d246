"""What ``reproduce/egfr.py`` is made of: the protocol's presets and the tables."""
