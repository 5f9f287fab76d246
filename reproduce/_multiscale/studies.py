"""The multi-scale paper's studies of the values it does not print: alpha and lambda of the AUC loss.

In: options; out: a :class:`~reproduce._command.Job`.
"""

from reproduce._command import Job, Options
from reproduce._multiscale.protocol import Recipe
from reproduce._multiscale.tables import study

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
