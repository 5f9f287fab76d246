"""What ``reproduce/multiscale.py`` regenerates: each target's line of help and the function that plans it."""

from collections.abc import Callable

from reproduce._command import Job, Options
from reproduce._multiscale.studies import study_alpha, study_lambda
from reproduce._multiscale.tables import figure5, samples, study_scales, table1, table3, table3_parameters, table4

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
