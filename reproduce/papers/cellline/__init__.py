"""What ``reproduce/cellline.py`` is made of: protocol, tables, the computing of cells, authentication."""
