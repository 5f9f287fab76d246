"""What ``reproduce/multiscale.py`` is made of: presets, tables, how a cell is run, the ensemble's weights, figures."""
