"""What a study leaves: ``trials.csv``, ``best.yaml``, plots as one HTML page and as PNGs.

In: an Optuna study; out: files in its run folder. ``best.yaml`` is what ``reproduce/<key>.py --config`` takes. The page
holds its own script, so that it opens anywhere, offline.
"""

import html
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import yaml
from optuna.trial import FrozenTrial, TrialState

from medrepro.datamodules.support.cache import atomic_write
from medrepro.reproduce.run.queue import ERROR, WORKER
from medrepro.sweeps.study import Study, nested

PLOTS = ("optimization_history", "param_importances", "slice", "parallel_coordinate")
NAMES = {
    "optimization_history": "history",
    "param_importances": "importance",
    "slice": "slice",
    "parallel_coordinate": "parallel",
}
MIN_TRIALS = 2  # below, nothing can be said about importance


def trials_table(trials: list[FrozenTrial]) -> pd.DataFrame:
    """Return one row a trial: number, state, value, the values of its seeds, parameters, who ran it, how long."""
    return pd.DataFrame([_row(trial) for trial in trials])


def _row(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "value": trial.value if trial.state == TrialState.COMPLETE else None,
        "values": " ".join(f"{value:.6f}" for value in trial.user_attrs.get("values", [])),
        **trial.params,
        "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else None,
        "worker": trial.user_attrs.get(WORKER, ""),
        "revived from": trial.system_attrs.get("failed_trial", ""),
        "error": trial.user_attrs.get(ERROR, ""),
    }


def parameters(study: Study, trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's parameters as values, where the study calls them by name."""
    named = {axis.name: getattr(axis, "values", None) for axis in study.space}
    found: Mapping[str, Any] = trial.params
    return {name: values[found[name]] if values else found[name] for name, values in named.items() if name in found}


def spread(trial: FrozenTrial) -> str:
    """Return a trial's value with its standard deviation over seeds, where there are several."""
    values = trial.user_attrs.get("values", [])
    return f"{trial.value:.4f}" + (f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else "")


def write_best(path: Path, study: Study, trial: FrozenTrial, protocol: str) -> None:
    """Write the best trial's parameters as a configuration of the paper's command."""
    seeds = len(trial.user_attrs.get("values", []))
    lines = (
        f"# {study.title}",
        f"# Trial {trial.number}: {study.monitor} {spread(trial)} on validation data, {seeds} cell(s); {protocol}",
        f"# python reproduce/{study.key}.py --config {path}",
    )
    chosen = yaml.safe_dump(nested(parameters(study, trial)), sort_keys=False)
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n" + chosen)


def write_plots(folder: Path, study: optuna.Study, title: str) -> list[str]:
    """Write ``plots.html`` and a PNG each of history, importance, slice and parallel coordinates.

    Returns:
        What could not be drawn, with the reason.
    """
    missing: list[str] = []
    parts: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental parts of Optuna's plots
        for kind in PLOTS:
            try:
                parts.append(_interactive(kind, study, first=not parts))
                _png(folder / f"{NAMES[kind]}.png", kind, study)
            except (ValueError, RuntimeError) as error:
                missing.append(f"{NAMES[kind]}: {error}")
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
    notes = "".join(f"<p>Not drawn: {html.escape(note)}</p>" for note in missing)
    with atomic_write(folder / "plots.html") as temporary:
        temporary.write_text(f"{head}<h1>{html.escape(title)}</h1>{''.join(parts)}{notes}</html>\n")
    return missing


def _interactive(kind: str, study: optuna.Study, first: bool) -> str:
    draw: Callable[[optuna.Study], Any] = getattr(optuna.visualization, f"plot_{kind}")
    figure = draw(_enough(kind, study))
    text: str = figure.to_html(full_html=False, include_plotlyjs=first, div_id=NAMES[kind])
    return text


def _png(path: Path, kind: str, study: optuna.Study) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    draw: Callable[[optuna.Study], Any] = getattr(optuna.visualization.matplotlib, f"plot_{kind}")
    axes = draw(study)
    figure = np.ravel(np.asarray(axes, dtype=object))[0].figure
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=120, bbox_inches="tight", format="png")
    pyplot.close(figure)


def _enough(kind: str, study: optuna.Study) -> optuna.Study:
    """Refuse importances that Optuna would make of one trial, or of equal ones."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if kind == "param_importances" and len({trial.value for trial in done}) < MIN_TRIALS:
        raise ValueError("it takes two trials with different values")
    return study
