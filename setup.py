"""List the packages: each top-level folder ``X`` is imported as ``medrepro.X``. The rest is in pyproject.toml.

Four generic top-level names would collide with a user's own packages. ``medrepro`` itself is a namespace without a
file.
"""

from pathlib import Path

from setuptools import setup

FOLDERS = ("datamodules", "lightning_modules", "reproduce", "sweeps")

setup(
    packages=sorted(
        ".".join(("medrepro", *path.parent.parts)) for top in FOLDERS for path in Path(top).rglob("__init__.py")
    ),
    package_dir={f"medrepro.{top}": top for top in FOLDERS},
)
