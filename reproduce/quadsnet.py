"""Reproduce "Improved Medical Image Classification Accuracy on Heterogeneous and Imbalanced Data ..." (``quadsnet``).

``python reproduce/quadsnet.py`` trains QuadSNet beside two other networks, offline, in minutes; ``--help`` lists the
rest, and ``--predict PATH --checkpoint FILE`` applies a trained network to images of your own.
"""

import sys

try:
    from medrepro.reproduce.command import main_of
except ModuleNotFoundError as error:
    sys.exit(
        f"medrepro is not installed in this Python ({error}): run `make quadsnet`, or `pip install -e .` in its folder"
    )

main = main_of("quadsnet")

if __name__ == "__main__":
    sys.exit(main())
