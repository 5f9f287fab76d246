"""The multi-scale paper's studies of the values it does not print: alpha and lambda of the AUC loss.

In: options; out: a :class:`~medrepro.reproduce.plan.paper.Job`.
"""

from collections.abc import Callable

from medrepro.reproduce.papers.multiscale.paper import Recipe
from medrepro.reproduce.papers.multiscale.tables import (
    figure5,
    samples,
    study,
    study_scales,
    table1,
    table3,
    table3_parameters,
    table4,
)
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)
POWERS = (1.0, 2.0, 3.0)


def study_alpha(options: Options) -> Job:
    """Plan the study of alpha (Eq. 13) at 32 mm, where the paper takes 0.5."""
    recipes = [
        Recipe(
            f"alpha-{a:g}", f"alpha {a:g}", "classifier", {"network": "light10", "scale": 32, "alpha": a}, {"scale": 32}
        )
        for a in ALPHAS
    ]
    return study(options, "alpha", recipes, "Weight of the AUC term (Eq. 13), Light10 at 32 mm")


def study_lambda(options: Options) -> Job:
    """Plan the study of lambda (Eq. 12), which the paper does not print, at 32 mm."""
    recipes = [
        Recipe(
            f"lambda-{p:g}",
            f"lambda {p:g}",
            "classifier",
            {"network": "light10", "scale": 32, "power": p},
            {"scale": 32},
        )
        for p in POWERS
    ]
    return study(options, "lambda", recipes, "Power of the AUC term (Eq. 12), Light10 at 32 mm")


TARGETS: dict[str, tuple[str, Callable[[Options], Job]]] = {
    "study scales": ("Table 1, then three scales and their ensemble, CE against AUC-CE", study_scales),
    "table 1": ("nodules by level, from the real annotations", table1),
    "table 3-parameters": ("training parameters (the first table numbered 3)", table3_parameters),
    "table 3": ("comparison of networks (the second table numbered 3)", table3),
    "table 4": ("ablation on nodule masks", table4),
    "figure 4": ("malignant samples", lambda options: samples(options, "4", ("malignant",))),
    "figure samples": (
        "benign and malignant samples",
        lambda options: samples(options, "samples", ("benign", "malignant")),
    ),
    "figure 5": ("convergence of U-Net, KiU-Net and IFM", figure5),
    "study alpha": ("weight of the AUC term", study_alpha),
    "study lambda": ("power of the AUC term", study_lambda),
}
