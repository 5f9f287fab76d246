"""Reproduce "Residual neural network with mixed loss based on batch training technique ..." (key ``egfr``).

``python reproduce/egfr.py`` prints Table 5 beside ours, offline, in minutes; ``--help`` lists the rest.
"""

import sys

try:
    from medrepro.reproduce.command import main_of
except ModuleNotFoundError as error:
    sys.exit(
        f"medrepro is not installed in this Python ({error}): run `make egfr`, or `pip install -e .` in its folder"
    )

main = main_of("egfr")

if __name__ == "__main__":
    sys.exit(main())
