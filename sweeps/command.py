"""The command line all studies share: join or begin a study, work until it is done, write what it found.

In: words such as ``--study batch --workers 4 --storage URL``; out: ``trials.csv``, ``best.yaml`` and plots in the run's
folder, and an answer on the terminal. The same command on another machine joins the study; again, it goes on with it.
"""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from medrepro.datamodules.lidc import RENDERED
from medrepro.datamodules.support.cache import atomic_write, writable_folder
from medrepro.datamodules.support.command_line import OneLineParser, guarded
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.identity import code_sha256, source_fingerprint
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job, Paper, load
from medrepro.reproduce.run.queue import Queue
from medrepro.reproduce.run.storage import HEARTBEAT, Address, without_password
from medrepro.reproduce.run.workers import Device, Watcher, run_workers
from medrepro.sweeps.outputs import parameters, spread, trials_table, write_best, write_plots
from medrepro.sweeps.study import PRUNERS, SAMPLERS, Range, Study, TrialTask

SHOWN = 5  # best trials on the terminal


def build_parser(key: str, studies: Mapping[str, Study]) -> OneLineParser:
    """Return the parser of a paper's studies."""
    told = "; ".join(f"{study.name}: {study.title}" for study in studies.values())
    parser = OneLineParser(prog=f"sweeps/{key}.py", description=f"Search {key}'s hyper-parameters on validation data.")
    parser.add_argument("--study", choices=list(studies), default=next(iter(studies)), help=told)
    parser.add_argument("--trials", type=int, help="trials of the whole study, those already run included")
    parser.add_argument("--timeout", type=float, help="seconds after which no trial is begun")
    parser.add_argument("--workers", type=int, default=1, help="processes on this machine, each with its own device")
    parser.add_argument("--storage", help="sqlite:///FILE (default: in the run's folder), postgresql+psycopg://...")
    parser.add_argument("--name", help="of the study in the storage; default: the run folder's")
    parser.add_argument("--sampler", choices=SAMPLERS, default="tpe", help="who chooses what the grid does not")
    parser.add_argument("--pruner", choices=PRUNERS, default="none", help="who ends hopeless trials early")
    parser.add_argument("--sampler-seed", type=int, default=0, help="of the sampler")
    parser.add_argument("--heartbeat", type=int, default=HEARTBEAT, help="seconds between a worker's signs of life")
    parser.add_argument("--preset", choices=("quick", "smoke", "paper"), default="quick", help="the paper's protocol")
    parser.add_argument("--seeds", type=int, nargs="+", help="seeds a trial; its value is their mean")
    parser.add_argument("--folds", type=int, help="folds a trial, where the data have no cohorts")
    parser.add_argument("--epochs", type=int, help="epochs a cell")
    parser.add_argument("--data", help="as the paper's command takes it")
    parser.add_argument("--data-root", help="folder that holds the data; default: MEDREPRO_DATA")
    parser.add_argument("--cache-dir", help="where computed data are kept; default: MEDREPRO_CACHE")
    parser.add_argument("--accelerator", default="cpu", help="cpu, gpu, mps or auto")
    parser.add_argument("--out", help="folder of the run, shared by all machines; default: runs/sweep-<key>-<study>")
    return parser


def main(key: str, studies: Mapping[str, Study], args: list[str] | None = None) -> int:
    """Run a paper's study; bad input is one line and exit code 2, Ctrl-C is 130."""
    words = sys.argv[1:] if args is None else args
    chosen = build_parser(key, studies).parse_args(words)
    return guarded(f"sweeps/{key}.py", lambda: _run(studies[chosen.study], chosen, words))


def _run(study: Study, chosen: argparse.Namespace, words: list[str]) -> int:
    paper = load(study.key)
    options = _options(paper, study, chosen, words)
    out = writable_folder(Path(options.out), "--out")
    address = Address(
        chosen.storage or f"sqlite:///{out / 'study.db'}", chosen.name or out.name, chosen.heartbeat, study.direction
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    queue = Queue(address)
    queue.agree(_facts(study, options), out)
    queue.study.set_metric_names([study.monitor])  # for plots and dashboard
    queue.fill_up(*_amount(study, chosen.trials))
    if study.prepare is not None:
        study.prepare(options)
    started = time.monotonic()
    _work(queue, study, chosen, options, address)
    _tell(queue, study, options, out, address)
    if study.answer is not None and len(queue.trials(TrialState.COMPLETE)) >= len(study.points()):
        _answer(study.answer, paper, options, out, time.monotonic() - started)
    return 0


def _amount(study: Study, trials: int | None) -> tuple[int, list[dict[str, Any]]]:
    points = study.points()
    return (trials or (len(points) if study.grid else study.trials)), points


def _options(paper: Paper, study: Study, chosen: argparse.Namespace, words: list[str]) -> Options:
    for name in ("trials", "workers", "heartbeat", "epochs", "folds"):
        value = getattr(chosen, name)
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: must be at least 1")
    if study.grid and (chosen.trials or 0) > len(study.points()):
        raise InputError(f"--trials {chosen.trials}: the grid of study {study.name} has {len(study.points())} points")
    data = chosen.data or next(iter(paper.data))
    if data not in paper.data:
        raise InputError(f"--data {data}: not known; allowed: {', '.join(paper.data)}")
    root = chosen.data_root or os.environ.get("MEDREPRO_DATA") if data not in RENDERED else None
    if data not in RENDERED and (root is None or not Path(root).expanduser().is_dir()):
        raise InputError(f"--data {data} needs --data-root DIR (or MEDREPRO_DATA); found {root}")
    name = "-".join(["sweep", study.key, study.name, chosen.preset, *([] if data == "embedded" else [data])])
    return Options(
        command=without_password(f"python sweeps/{study.key}.py {shlex.join(words)}".strip()),
        target=f"study {study.name}",
        preset=chosen.preset,
        data=data,
        data_root=root,
        seeds=tuple(chosen.seeds) if chosen.seeds else None,
        folds=chosen.folds,
        epochs=chosen.epochs,
        accelerator=chosen.accelerator,
        cache_dir=chosen.cache_dir,
        out=chosen.out or str(Path("runs") / name),
        named_out=True,
    )


def _facts(study: Study, options: Options) -> dict[str, object]:
    """Return what must be the same for all trials of one study."""
    space = {
        axis.name: [axis.low, axis.high, axis.log] if isinstance(axis, Range) else list(axis.values)
        for axis in study.space
    }
    return {
        "study": [study.key, study.name],
        "space": space,
        "preset": options.preset,
        "data": [options.data, source_fingerprint(options.data_root)],
        "seeds": options.seeds or study.seeds[options.preset],
        "folds": options.folds,
        "epochs": options.epochs,
        "code": code_sha256(study.key),
    }


def _work(queue: Queue, study: Study, chosen: argparse.Namespace, options: Options, address: Address) -> None:
    from medrepro.reproduce.report.terminal import Progress

    over = {trial.number for trial in queue.trials() if trial.state.is_finished()}
    task = TrialTask(study.place, study.name, options, chosen.sampler, chosen.pruner, chosen.sampler_seed)
    length = sum(cell.epochs or 0 for cell in study.trial_cells(options, _somewhere(study)))  # the same for all trials

    def describe(trial: FrozenTrial) -> tuple[str, str, int] | None:
        label = ", ".join(f"{name.partition('.')[2]} {_short(value)}" for name, value in trial.params.items())
        known = trial.params and trial.number not in over  # a trial has no parameters before its first moment is over
        return (str(trial.number), f"trial {trial.number}: {label}", length) if known else None

    devices = [Device(chosen.accelerator, number, options.runtime.threads) for number in range(chosen.workers)]
    deadline = time.time() + chosen.timeout if chosen.timeout else None
    with Progress(cells=len(queue.trials()), reused=len(over), quiet=False) as progress:
        codes = run_workers(address, task, devices, Watcher(queue, progress, describe).look, deadline)
    if all(codes):
        raise InputError(f"all {len(codes)} workers ended early (out of memory?); the same command goes on")


def _somewhere(study: Study) -> dict[str, Any]:
    return {
        axis.name: axis.low if isinstance(axis, Range) else next(iter(axis.values.values())) for axis in study.space
    }


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _tell(queue: Queue, study: Study, options: Options, out: Path, address: Address) -> None:
    """Write and print what the study has found so far."""
    trials = queue.trials()
    with atomic_write(out / "trials.csv") as temporary:
        trials_table(trials).to_csv(temporary, index=False)
    done = queue.trials(TrialState.COMPLETE)
    if not done:
        reasons = queue.errors() or ["none was begun; give it more --timeout"]
        raise InputError(f"no trial of {len(trials)} has a value: {reasons[0]}")
    best = queue.study.best_trial
    write_best(out / "best.yaml", study, best, f"preset {options.preset}, data {options.data}")
    missing = write_plots(out, queue.study, study.title)
    print(study.title)
    for trial in sorted(done, key=lambda trial: trial.value or 0.0, reverse=study.direction == "maximize")[:SHOWN]:
        told = "  ".join(f"{name} {_short(value)}" for name, value in parameters(study, trial).items())
        print(f"  trial {trial.number:>3}  {study.monitor} {spread(trial)}  {told}")
    others = len(trials) - len(done)
    print(f"{len(done)} trials with a value{f', {others} pruned, failed, revived or waiting' if others else ''}")
    for error in queue.errors()[:1]:
        print(f"failed   {error}")
    print(f"trials   {out / 'trials.csv'}")
    print(f"best     python reproduce/{study.key}.py --preset {options.preset} --config {out / 'best.yaml'}")
    print(f"plots    {out / 'plots.html'}", *(f"(without {note})" for note in missing))
    print(f"look     optuna-dashboard {shlex.quote(without_password(address.url))}")


def _answer(answer: Callable[[Options], Job], paper: Paper, options: Options, out: Path, seconds: float) -> None:
    """Show the table whose cells the grid has run, with its intervals; it took no part in choosing."""
    from medrepro.reproduce.report.publish import publish

    job = answer(options)
    publish(paper, options, job, out, trained=len(job.cells), seconds=seconds)
