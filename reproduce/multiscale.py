"""Reproduce "A Lung Image Deep Learning Detection Model Based on Cross Residual Attention ..." (key ``multiscale``).

``python reproduce/multiscale.py`` prints Table 1 from the real annotations, then three scales and their ensemble
beside each other, offline, in minutes; ``--help`` lists the rest.
"""

import sys

try:
    from medrepro.reproduce.command import main_of
except ModuleNotFoundError as error:
    sys.exit(
        f"medrepro is not installed in this Python ({error}): run `make multiscale`, or `pip install -e .` in its "
        "folder"
    )

main = main_of("multiscale")

if __name__ == "__main__":
    sys.exit(main())
