"""Reproduce "Lung Cancer Classification Using Squeeze and Excitation CNNs with Grad Cam++ ..." (key ``segradcam``).

``python reproduce/segradcam.py`` prints population, network and explanations, offline; ``--help`` lists the rest,
``--explain PATH`` explains a volume of yours.
"""

import sys

try:
    from medrepro.reproduce.command import main_of
except ModuleNotFoundError as error:
    sys.exit(
        f"medrepro is not installed in this Python ({error}): run `make segradcam`, or `pip install -e .` in its folder"
    )

main = main_of("segradcam")

if __name__ == "__main__":
    sys.exit(main())
