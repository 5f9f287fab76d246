"""Reproduce "Towards image-based cancer cell lines authentication using deep neural networks" (key ``cellline``).

``python reproduce/cellline.py`` runs the eight-class task with and without transfer, offline, in minutes;
``--help`` lists the rest, ``--authenticate PATH`` names the cell line in an image.
"""

import sys

try:
    from medrepro.reproduce.command import main_of
except ModuleNotFoundError as error:
    sys.exit(
        f"medrepro is not installed in this Python ({error}): run `make cellline`, or `pip install -e .` in its folder"
    )

main = main_of("cellline")

if __name__ == "__main__":
    sys.exit(main())
