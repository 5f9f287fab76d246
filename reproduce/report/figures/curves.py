"""Figures with one panel a row: ROC, confusion, calibration.

In: a :class:`TableView`. Out: figures, or ``None`` where no row has predictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from medrepro.reproduce.evaluation.bootstrap import LEVEL, Cases, bootstrap, draw_counts
from medrepro.reproduce.evaluation.estimates import Estimate, Quantity, quantity
from medrepro.reproduce.evaluation.metrics import Floats, Weights, predicted_class, ratio, two_columns
from medrepro.reproduce.evaluation.table_view import TableView, ViewRow
from medrepro.reproduce.report.figures.canvas import LABEL_SIZE, Figure, axis_titles, panels, the_first
from medrepro.reproduce.report.figures.style import BASELINE, BRIGHT, FAINT, INK, MUTED, Slot, method_slots

GRID = np.linspace(0, 1, 101)
BAND_RESAMPLES = 400  # a band one line wide needs fewer than an interval
MAX_CELLS = 2_000_000
BINS = 10


@dataclass(frozen=True)
class Band:
    """A curve ``y`` over ``x`` with its 95 % band."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats


def roc(cases: Cases, counts: Floats, of_class: int = 1) -> Floats:
    """True-positive rate at :data:`GRID` of false-positive rates, one line a resample: ``(R, 101)``.

    Args:
        cases: ``N`` cases.
        counts: ``(R, N)`` weight of each case.
        of_class: the positive class.
    """
    scores = two_columns(cases.scores)[:, of_class]
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])  # a threshold takes all tied cases at once
    positive = cases.labels[order] == of_class
    weights = counts[:, order]
    hits = np.cumsum(weights * positive, axis=1)[:, ends]
    alarms = np.cumsum(weights * ~positive, axis=1)[:, ends]
    lines = np.full((len(counts), len(GRID)), np.nan)
    for line, (hit, alarm) in enumerate(zip(hits, alarms, strict=True)):
        if hit[-1] > 0 and alarm[-1] > 0:
            lines[line] = np.interp(GRID, np.r_[0, alarm / alarm[-1]], np.r_[0, hit / hit[-1]])
    return lines


def roc_band(runs: Sequence[Cases], of_class: int = 1) -> Band:
    """ROC curve averaged over runs at equal false-positive rates, with its patient-bootstrap band."""
    patients = np.unique(np.concatenate([run.patients for run in runs]))
    size = max(len(run) for run in runs)
    counts = draw_counts(len(patients), min(BAND_RESAMPLES, MAX_CELLS // max(1, size)))
    lines = np.mean([roc(run, counts[:, np.searchsorted(patients, run.patients)], of_class) for run in runs], axis=0)
    drawn = lines[1:][~np.isnan(lines[1:]).any(axis=1)]
    if not len(drawn):
        return Band(GRID, lines[0], lines[0], lines[0])
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Band(GRID, lines[0], low, high)


@dataclass(frozen=True)
class Reliability:
    """How often what is predicted with some probability comes true, in ten equal bins of probability.

    Attributes:
        predicted: ``(B,)`` mean probability in each bin that holds cases.
        observed: ``(B,)`` share of positives.
        low: ``(B,)`` lower bounds by patient bootstrap.
        high: ``(B,)`` upper bounds.
        share: ``(B,)`` of all cases.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    share: Floats


def reliability(runs: Sequence[Cases]) -> Reliability:
    """Reliability of class 1's probability (with more classes, of the predicted class), all runs together."""
    patients = np.unique(np.concatenate([run.patients for run in runs]))
    pairs = [_confidence(run) for run in runs]
    probability, outcome = (np.concatenate([pair[part] for pair in pairs]) for part in (0, 1))
    groups = np.concatenate([np.searchsorted(patients, run.patients) for run in runs])
    bins = np.eye(BINS)[np.clip((probability * BINS).astype(np.int64), 0, BINS - 1)]
    weights = Weights(groups, draw_counts(len(patients), BAND_RESAMPLES))
    total = weights.sums(bins)
    observed = ratio(weights.sums(bins * outcome[:, None]), total)
    there = total[0] > 0
    predicted = ratio(bins.T @ probability, total[0])[there]
    low, high = np.nanquantile(observed[:, there], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Reliability(predicted, observed[0, there], low, high, total[0, there] / total[0].sum())


def _confidence(run: Cases) -> tuple[Floats, Floats]:
    scores = two_columns(run.scores)
    if scores.shape[1] == 2:
        return scores[:, 1], (run.labels == 1).astype(np.float64)
    guess = predicted_class(scores)
    return scores[np.arange(len(guess)), guess], (guess == run.labels).astype(np.float64)


def confusion(runs: Sequence[Cases]) -> Floats:
    """Mean counts over runs, ``(true class, predicted class)``."""
    size = two_columns(runs[0].scores).shape[1]
    total = np.zeros((size, size))
    for run in runs:
        np.add.at(total, (run.labels, predicted_class(two_columns(run.scores))), 1)
    return total / len(runs)


MAX_CLASSES = 8
FEW = 3  # classes whose confusion matrices stand side by side, with counts


@dataclass(frozen=True)
class Curve:
    """What one panel shows: a row's cases, run by run, in the row's colour."""

    row: ViewRow
    slot: Slot
    runs: tuple[Cases, ...]


def row_slots(view: TableView) -> dict[str, Slot]:
    """Colour of every row, by id."""
    colours = method_slots([row.method for row in view.rows if row.kind != "baseline"])
    return {row.id: colours.get(row.method, BASELINE) for row in view.rows}


def numbers(view: TableView, index: int) -> tuple[list[Estimate], list[Estimate]]:
    """Estimates of a column that are numbers: of models, of baselines."""
    cells = [(row.kind == "baseline", row.cells[index].estimate) for row in view.rows]
    found = [(baseline, estimate) for baseline, estimate in cells if estimate is not None and not estimate.text]
    return [e for baseline, e in found if not baseline], [e for baseline, e in found if baseline]


def _curves(view: TableView, what: Quantity) -> list[Curve]:
    """Cases of the rows that have predictions at this level."""
    slots, found = row_slots(view), []
    for row in view.rows:
        arm = view.evidence.arm(row.id) if row.kind != "baseline" else None
        if arm is None:
            continue
        cases = [view.evidence.cases(arm, run, what) for run in sorted(view.evidence.rows[row.id])]
        there = tuple(each for each in cases if each is not None)
        if there:
            found.append(Curve(row, slots[row.id], there))
    return found


def _main_auc(view: TableView) -> Quantity:
    """The AUC that the table shows, with an interval if it shows one so; else that of its first level."""
    columns = [c for c in view.spec.columns if c.minus is None and quantity(c).statistic.startswith("auc")]
    columns.sort(key=lambda column: not column.ci)
    if columns:
        return Quantity(f"{quantity(columns[0]).level}/auc", columns[0].within)
    return Quantity(f"{view.spec.levels[0].name}/auc")


def _class_name(view: TableView, index: int) -> str:
    return view.spec.classes[index] if index < len(view.spec.classes) else f"class {index}"


def roc_figure(view: TableView, max_rows: int) -> Figure | None:
    """Draw ROC curves of at most ``max_rows`` rows with bootstrap bands; None without predictions."""
    what = _main_auc(view)
    found = _curves(view, what)
    if not found:
        return None
    curves, classes = found[:max_rows], two_columns(found[0].runs[0].scores).shape[1]
    shown = [(curve, 1, curve.row.label) for curve in curves]
    if classes > 2:
        shown = [(curves[0], index, _class_name(view, index)) for index in range(min(classes, MAX_CLASSES))]
    canvas, axes = panels(len(shown), min(2, len(shown)), 2.15)
    for axis, (curve, of_class, title) in zip(axes, shown, strict=True):
        baselines = _baseline_curves(view, what) if classes == 2 else []
        _draw_roc(axis, curve, of_class, title, baselines)
    axis_titles(canvas, "false-positive rate", "true-positive rate")
    whose = f", {curves[0].row.label}, one class against the rest" if classes > 2 else ""
    caption = (
        f"ROC curves by {what.level}{whose}: mean over runs; band: 95 % of patient resamples; "
        "number: AUC. Dashed: a baseline without a network."
    ) + ("" if whose else the_first(len(curves), len(found)))
    return Figure("roc", "ROC", caption, canvas)


def _baseline_curves(view: TableView, what: Quantity) -> list[tuple[str, tuple[Cases, ...]]]:
    """The first baseline whose scores differ between cases (a constant one has no curve)."""
    for baseline in view.spec.baselines:
        arm = view.evidence.arm(baseline.id)
        if arm is None:
            continue
        cases = [view.evidence.cases(arm, run, what) for run in sorted(view.evidence.rows[arm.host])]
        there = tuple(each for each in cases if each is not None and np.ptp(each.scores) > 0)
        if there:
            return [(baseline.label, there)]
    return []


def _draw_roc(
    axis: Axes, curve: Curve, of_class: int, title: str, baselines: Sequence[tuple[str, tuple[Cases, ...]]]
) -> None:
    axis.plot([0, 1], [0, 1], color=FAINT.light, linewidth=0.8)
    band = roc_band(curve.runs, of_class)
    axis.fill_between(band.x, band.low, band.high, color=curve.slot.light, alpha=0.2, linewidth=0)
    axis.plot(band.x, band.y, color=curve.slot.light)
    labels = [(f"AUC {bootstrap(f'auc@{of_class}', curve.runs, 0).value:.3f}", curve.slot.light, "bold")]
    for name, runs in baselines:
        line = roc_band(runs)
        axis.plot(line.x, line.y, color=BASELINE.light, linestyle=BASELINE.dash, linewidth=1.2)
        labels.append((f"{name} {bootstrap('auc', runs, 0).value:.3f}", MUTED.light, "normal"))
    for position, (label, colour, weight) in enumerate(reversed(labels)):
        axis.text(0.98, 0.05 + 0.13 * position, label, color=colour, weight=weight, ha="right", fontsize=LABEL_SIZE)
    axis.set_title(title, color=INK.light)
    axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")


def confusion_figure(view: TableView, max_rows: int) -> Figure | None:
    """Shares of each true class, with counts."""
    what = Quantity(f"{view.spec.levels[0].name}/accuracy")
    found = _curves(view, what)
    if not found:
        return None
    classes = two_columns(found[0].runs[0].scores).shape[1]
    columns = 2 if classes <= FEW else 1
    curves = found[: max_rows if classes <= FEW else 1]
    canvas, axes = panels(len(curves), min(columns, len(curves)), 2.0 if classes <= FEW else 4.0)
    names = [_class_name(view, index) for index in range(classes)]
    for axis, curve in zip(axes, curves, strict=True):
        _draw_confusion(axis, confusion(curve.runs), curve, names)
    axis_titles(canvas, "predicted", "true")
    caption = f"By {what.level}: share of each true class and mean count over runs."
    caption += the_first(len(curves), len(found))
    return Figure("confusion", "Confusion", caption, canvas)


def _draw_confusion(axis: Axes, counts: Floats, curve: Curve, names: Sequence[str]) -> None:
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    for true, guess in np.ndindex(*counts.shape):
        share = shares[true, guess]
        axis.add_patch(Rectangle((guess - 0.48, true - 0.48), 0.96, 0.96, color=curve.slot.light, alpha=0.85 * share))
        number = f"{share:.0%}" + (f"\n{counts[true, guess]:,.0f}" if len(names) <= FEW else "")
        colour = BRIGHT.light if share > 0.55 else INK.light
        axis.text(guess, true, number, ha="center", va="center", color=colour, fontsize=LABEL_SIZE, weight="bold")
    ticks = range(len(names))
    axis.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), aspect="equal")
    axis.set_xticks(
        ticks, names, rotation=0 if len(names) <= FEW else 45, ha="center" if len(names) <= FEW else "right"
    )
    axis.set_yticks(ticks, names)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title(curve.row.label, color=INK.light)


def calibration_figure(view: TableView, max_rows: int) -> Figure | None:
    """Observed against predicted frequency, with the expected calibration error."""
    found = _curves(view, Quantity(f"{view.spec.levels[0].name}/ece"))
    if not found:
        return None
    curves = found[:max_rows]
    canvas, axes = panels(len(curves), min(2, len(curves)), 2.15)
    for axis, curve in zip(axes, curves, strict=True):
        _draw_calibration(axis, curve)
    two = two_columns(curves[0].runs[0].scores).shape[1] == 2
    whose = f"probability of {_class_name(view, 1)}" if two else "probability of the predicted class"
    axis_titles(canvas, whose, "observed share")
    caption = (
        "Ten bins of probability; area: share of cases; bars: 95 % of patient resamples. "
        "ECE: expected calibration error of the predicted class, 15 bins, mean over runs."
    ) + the_first(len(curves), len(found))
    return Figure("calibration", "Calibration", caption, canvas)


def _draw_calibration(axis: Axes, curve: Curve) -> None:
    points = reliability(curve.runs)
    axis.plot([0, 1], [0, 1], color=FAINT.light, linewidth=0.8)
    axis.vlines(points.predicted, points.low, points.high, color=curve.slot.light, linewidth=1.2)
    axis.plot(points.predicted, points.observed, color=curve.slot.light, linewidth=0.8, alpha=0.6)
    axis.scatter(points.predicted, points.observed, s=12 + 180 * points.share, color=curve.slot.light, linewidth=0)
    error = bootstrap("ece", curve.runs, 0).value
    axis.text(0.98, 0.05, f"ECE {error:.3f}", color=curve.slot.light, weight="bold", ha="right", fontsize=LABEL_SIZE)
    axis.set_title(curve.row.label, color=INK.light)
    axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
