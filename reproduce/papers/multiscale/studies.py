"""Plan the multi-scale paper's studies of the values it does not print: alpha and lambda of the AUC loss."""

from medrepro.reproduce.papers.multiscale.tables import study
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import Variant

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)
POWERS = (1.0, 2.0, 3.0)
SMALLEST = {"network": "light10", "scale": 32}


def alpha(options: Options) -> Job:
    """Plan the study of alpha (Eq. 13) at 32 mm, where the paper takes 0.5."""
    rows = [Variant(f"alpha-{a:g}", f"alpha {a:g}", {**SMALLEST, "alpha": a}, {"scale": 32}) for a in ALPHAS]
    return study(options, "alpha", rows, "Weight of the AUC term (Eq. 13), Light10 at 32 mm")


def power(options: Options) -> Job:
    """Plan the study of lambda (Eq. 12), which the paper does not print, at 32 mm."""
    rows = [Variant(f"lambda-{p:g}", f"lambda {p:g}", {**SMALLEST, "power": p}, {"scale": 32}) for p in POWERS]
    return study(options, "lambda", rows, "Power of the AUC term (Eq. 12), Light10 at 32 mm")
