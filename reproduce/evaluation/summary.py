"""What a result file says at a glance: usual metrics with intervals, at every level its predictions allow.

In: a frame of predictions; out: the ``metrics``, ``ci`` and ``baselines`` blocks of a result. Tables recompute what
they show from the predictions; these numbers are for readers of the file.
"""

import re

import pandas as pd

from medrepro.reproduce.evaluation.bootstrap import RESAMPLES, Cases, bootstrap
from medrepro.reproduce.evaluation.results import Predictions
from medrepro.reproduce.plan.table import Level

LEVELS = {
    "image": Level("image"),
    "nodule": Level("nodule", "nodule_id"),
    "patient": Level("patient", "patient_id"),
    "patient-max": Level("patient", "patient_id", "max", of="nodule"),
}
BINARY = ("auc", "accuracy", "sensitivity", "specificity")
MULTICLASS = ("auc", "accuracy", "f1")

Metrics = dict[str, float]
Intervals = dict[str, list[float | str | int]]


def summarise(frame: pd.DataFrame | None) -> tuple[Metrics, Intervals, dict[str, Metrics]]:
    """Return metrics, patient-bootstrap intervals of accuracy and AUC, and the baselines' metrics.

    A patient's score is the largest of the nodule means where nodules are known, else the mean of the images.
    """
    metrics: Metrics = {}
    intervals: Intervals = {}
    if frame is None:
        return metrics, intervals, {}
    predictions = Predictions(frame, "this cell")
    named = "nodule_id" in frame.columns
    levels = {"image": LEVELS["image"], "patient": LEVELS["patient-max" if named else "patient"]}
    if named:
        levels["nodule"] = LEVELS["nodule"]
    statistics = MULTICLASS if "prob_2" in frame.columns else BINARY
    baselines: dict[str, Metrics] = {
        match[1]: {} for name in frame.columns if (match := re.fullmatch(r"baseline_([^_]+)", name))
    }
    for level in levels:
        for name, values in [(None, metrics), *baselines.items()]:
            cases = _cases(predictions, levels, level, name)
            if cases is None:
                continue
            for statistic in statistics:
                interval = bootstrap(statistic, [cases], RESAMPLES if name is None else 0)
                values[f"{level}/{statistic}"] = interval.value
                if interval.low is not None and interval.high is not None:
                    intervals[f"{level}/{statistic}"] = [
                        interval.low,
                        interval.high,
                        "bootstrap-patient",
                        RESAMPLES,
                    ]
    return metrics, intervals, baselines


def _cases(predictions: Predictions, levels: dict[str, Level], level: str, baseline: str | None) -> Cases | None:
    scores = predictions.scores(baseline)
    return None if scores is None else predictions.cases(levels[level], levels, scores)
