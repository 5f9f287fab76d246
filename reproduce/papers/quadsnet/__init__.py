"""What ``reproduce/quadsnet.py`` is made of: the protocol's presets, the tables and studies, counts, predictions."""
