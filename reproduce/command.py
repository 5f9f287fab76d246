"""The command line that all papers share: from words to :class:`Options`, and from options to a report.

Importing this file loads neither torch nor Lightning: ``--help`` and a mistyped flag answer at once.
"""

import inspect
import os
import pkgutil
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from medrepro.datamodules.lidc import RENDERED
from medrepro.datamodules.support.cache import writable_folder
from medrepro.datamodules.support.errors import InputError, ended_early
from medrepro.reproduce.plan.options import Options, slug
from medrepro.reproduce.plan.paper import Paper, load, plan_job
from medrepro.reproduce.run.ranks import checked_place
from medrepro.reproduce.run.storage import ALLOWED, HEARTBEAT, check_storage, without_password
from medrepro.reproduce.run.wandb_cells import check_wandb

PRESETS = ("quick", "judge", "smoke", "paper")
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "64-true")
COUNTS = ("devices", "num_nodes", "jobs", "epochs", "folds", "checkpoint_every", "accumulate", "workers", "heartbeat")
STOPPED = "stopped; finished cells are kept: the same command goes on (--resume continues half-run cells too)"
WANDB = ("disabled", "offline", "online")
HEAVY = ("--config", "--print_config", "--module", "--datamodule")


class _Parser(ArgumentParser):
    """Argument parser whose errors are one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print one line and exit with code 2."""
        del ex
        text = " ".join(str(message).split())
        print(f"{self.prog}: error: {text}", file=sys.stderr)
        raise SystemExit(2)


def build_parser(paper: Paper, heavy: bool) -> _Parser:
    """Return the parser; with ``heavy`` also the arguments of the module and datamodule classes (imports torch)."""
    parser = _Parser(
        prog=f"reproduce/{paper.key}.py",
        description=paper.title,
        epilog=_targets_help(paper),
        default_env=False,
    )
    names = {kind: _named(paper, kind) for kind in ("table", "figure", "study")}
    what = parser.add_argument_group("what to reproduce")
    for kind, found in names.items():
        if found:
            every = ", all" if kind == "table" else ""
            what.add_argument(f"--{kind}", type=str, help=f"one of: {', '.join(found)}{every}")
    what.add_argument("--preset", default="quick", help="quick (minutes), judge (decides claims, hours), smoke, paper")
    what.add_argument("--seeds", type=int, nargs="+", help="seeds to run; default: the preset's")
    what.add_argument("--folds", type=int, help="folds to run, where the data have no cohorts; default: the preset's")
    what.add_argument("--rows", nargs="+", default=[], help="only these rows, by id; default: all of the table's")
    what.add_argument("--epochs", type=int, help="epochs a cell; default: the preset's")
    what.add_argument("--split", default="patient", help="patient, or image (leaky: only to measure what it inflates)")
    data = parser.add_argument_group("data")
    data.add_argument("--data", default=next(iter(paper.data)), help=f"one of: {', '.join(paper.data)}")
    data.add_argument("--data-root", type=str, help="folder that holds the data; default: MEDREPRO_DATA")
    data.add_argument("--cache-dir", type=str, help="where computed data are kept; default: MEDREPRO_CACHE")
    for flag, text in paper.flags.items():
        data.add_argument(f"--{flag}", type=str, help=text)
    _add_machine(parser.add_argument_group("machine"))
    _add_output(parser.add_argument_group("output"))
    for group, described in zip(("module", "datamodule"), paper.classes() if heavy else (), strict=False):
        parser.add_class_arguments(described, group, help=f"the paper's {group}", as_group=True)
    parser.add_argument("--config", action=ActionConfigFile, help="YAML with any of these options; see --print_config")
    return parser


def _add_machine(group: Any) -> None:
    group.add_argument("--accelerator", default="cpu", help="cpu, gpu, mps or auto")
    group.add_argument("--devices", type=int, default=1, help="devices a cell")
    group.add_argument("--num-nodes", type=int, default=1, help="machines a cell, started by torchrun or SLURM")
    group.add_argument("--precision", default="32-true", help=f"one of: {', '.join(PRECISIONS)}")
    group.add_argument("--compile", action="store_true", help="torch.compile the network")
    group.add_argument("--channels-last", help="on or off: NHWC memory for 2-D networks; default: the module's")
    group.add_argument("--accumulate", type=int, default=1, help="batches a step; not with losses of whole batches")
    group.add_argument("--jobs", type=int, default=2, help="cells at a time, one thread each")
    group.add_argument("--workers", type=int, help="share the cells among so many processes, each on its own device")
    group.add_argument("--storage", type=str, help=f"share them with other machines too: {ALLOWED}")
    group.add_argument("--heartbeat", type=int, help=f"seconds between a worker's signs of life; default: {HEARTBEAT}")


def _add_output(group: Any) -> None:
    group.add_argument("--wandb", default="disabled", help=f"log to Weights & Biases; one of: {', '.join(WANDB)}")
    group.add_argument("--wandb-project", default="medrepro", help="W&B project; groups are <key>/<table>")
    group.add_argument("--wandb-tags", nargs="+", default=[], help="tags beside key, table, preset and data")
    group.add_argument("--out", type=str, help="folder of the run; default: runs/<key>-<table>-<preset>")
    group.add_argument("--resume", action="store_true", help="continue killed cells from their last checkpoint")
    group.add_argument("--checkpoint-every", type=int, default=200, help="steps between checkpoints")
    group.add_argument("--quiet", action="store_true", help="print the path of the report only")


def _named(paper: Paper, kind: str) -> list[str]:
    return [target.split(" ", 1)[1] for target in paper.offered if target.startswith(kind)]


def _targets_help(paper: Paper) -> str:
    return "regenerates: " + "; ".join(f"--{name}: {target.help}" for name, target in paper.offered.items())


def parse(paper: Paper, args: list[str] | None) -> list[Options]:
    """Return the options of each target asked for; one unless ``--table all``.

    Raises:
        SystemExit: code 2 with one line for anything unknown, code 0 for ``--help`` and ``--print_config``.
    """
    words = sys.argv[1:] if args is None else args
    heavy = any(word.startswith(HEAVY) for word in words)
    parser = build_parser(paper, heavy)
    try:
        chosen = parser.parse_args(words)
    except (UnicodeDecodeError, RecursionError) as error:
        parser.error(f"--config: not a YAML file of options ({type(error).__name__})")
    given = parser.parse_args(words, defaults=False) if heavy else chosen
    try:
        targets = _targets(paper, chosen)
        shared = _options(paper, chosen, words)
        memory = _channels_last(paper, chosen.channels_last)
    except InputError as error:
        parser.error(str(error))
    changed = {name: _changed(parser, chosen, given, name) if heavy else {} for name in ("module", "datamodule")}
    changed["module"] |= memory
    common = {**shared, **changed}
    return [Options(**common, target=target, out=_out(chosen, paper, target)) for target in targets]


def _targets(paper: Paper, chosen: Namespace) -> list[str]:
    asked = [(kind, chosen.get(kind)) for kind in ("table", "figure", "study") if chosen.get(kind) is not None]
    if len(asked) > 1:
        raise InputError("choose one of --table, --figure and --study")
    if not asked:
        return [next(iter(paper.offered))]
    kind, name = asked[0]
    if (kind, name) == ("table", "all"):
        return [f"table {found}" for found in _named(paper, "table")]
    _check(f"--{kind}", name, _named(paper, kind))
    return [f"{kind} {name}"]


def _check(flag: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"{flag} {value}: not known; allowed: {', '.join(allowed)}")


def _options(paper: Paper, chosen: Namespace, words: list[str]) -> dict[str, Any]:
    _check("--preset", chosen.preset, PRESETS)
    _check("--data", chosen.data, list(paper.data))
    _check("--precision", chosen.precision, PRECISIONS)
    _check("--wandb", chosen.wandb, WANDB)
    _check("--split", chosen.split, ("patient", "image"))
    _check("--accelerator", chosen.accelerator, ("cpu", "gpu", "cuda", "mps", "auto"))
    check_storage(chosen.storage)
    for flag in COUNTS:
        value = chosen.get(flag)
        if value is not None and value < 1:
            raise InputError(f"--{flag.replace('_', '-')} {value}: must be at least 1")
    root = chosen.data_root or os.environ.get("MEDREPRO_DATA") if chosen.data not in RENDERED else None
    if chosen.data not in RENDERED and root is None:
        raise InputError(f"--data {chosen.data} needs --data-root DIR (or MEDREPRO_DATA)")
    if root is not None and not Path(root).expanduser().is_dir():
        raise InputError(f"--data-root {root}: no such folder")
    special = {"command", "target", "out", "named_out", "module", "datamodule", "flags", "data_root", "seeds", "rows"}
    names = {item.name for item in fields(Options)} - special
    values = {name: value for name, value in vars(chosen.clone()).items() if name in names}
    given = {flag: chosen.get(flag.replace("-", "_")) for flag in paper.flags}
    seeds = tuple(chosen.seeds) if chosen.seeds else None
    return {
        **values,
        "data_root": root,
        "seeds": seeds,
        "rows": tuple(chosen.rows),
        "wandb_tags": tuple(chosen.wandb_tags),
        "command": without_password(f"python reproduce/{paper.key}.py {shlex.join(words)}".strip()),
        "named_out": bool(chosen.out),
        "flags": {flag: word for flag, word in given.items() if word is not None},
    }


def _channels_last(paper: Paper, word: str | None) -> dict[str, Any]:
    """Return the module's argument for ``--channels-last``; the classes are imported only if it was given."""
    if word is None:
        return {}
    _check("--channels-last", word, ("on", "off"))
    module = paper.classes()[0]
    if "channels_last" not in inspect.signature(module).parameters:
        raise InputError(f"--channels-last: {module.__name__} decides it by itself, as NHWC is for 2-D images only")
    return {"channels_last": word == "on"}


def _out(chosen: Namespace, paper: Paper, target: str) -> str:
    if chosen.out:
        return str(chosen.out)
    parts = [paper.key, slug(target), chosen.preset]
    parts += [chosen.data] if chosen.data != next(iter(paper.data)) else []
    parts += ["leaky"] if chosen.split == "image" else []
    return str(Path("runs") / "-".join(parts))


def _changed(parser: _Parser, chosen: Namespace, given: Namespace, group: str) -> dict[str, Any]:
    """Return the values of a class's arguments that the user set.

    A file that names all of them is one that ``--print_config`` wrote: of it, what differs from the defaults counts.
    A file that names some, such as a sweep's ``best.yaml``, means each of them, for a preset may have another default.
    """
    values: dict[str, Any] = chosen[group].as_dict()
    named: dict[str, Any] = given[group].as_dict() if group in given else {}
    if len(named) < len(values):
        return {name: values[name] for name in named}
    usual: dict[str, Any] = parser.get_defaults()[group].as_dict()
    return {name: value for name, value in values.items() if value != usual.get(name)}


def main_of(key: str) -> Callable[..., int]:
    """Return the ``main`` of a paper's script."""

    def run(args: list[str] | None = None) -> int:
        """Run the command with ``args`` (default: the shell's); see :func:`main`."""
        return main(load(key), sys.argv[1:] if args is None else args)

    return run


def main(paper: Paper, args: list[str] | None = None) -> int:
    """Run a paper's command: what shell, tests, sweeps and notebooks call.

    Returns:
        0. Bad input, found anywhere, is one line on stderr and ``SystemExit(2)``; Ctrl-C is ``SystemExit(130)``.
    """
    words = sys.argv[1:] if args is None else args
    given = {word.partition("=")[0] for word in words}
    for flag, function in paper.commands.items():
        if f"--{flag}" in given:
            return int(pkgutil.resolve_name(function)(words))
    try:
        for options in parse(paper, args):
            _run_or_explain(paper, options)
    except (InputError, FileNotFoundError, PermissionError) as error:
        print(f"reproduce/{paper.key}.py: error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        raise SystemExit(130) from None
    return 0


def _run_or_explain(paper: Paper, options: Options) -> None:
    try:
        run_job(paper, options)
    except EOFError as error:
        raise InputError(ended_early(error, options.data_root)) from error


def run_job(paper: Paper, options: Options) -> Path:
    """Run what is missing for one table, then render it: terminal, HTML and Markdown from the result files alone.

    Started by torchrun or SLURM, every process comes here; the first alone prints and renders.
    """
    started = time.monotonic()
    place = checked_place(options.devices, options.num_nodes)
    check_wandb(options.wandb)
    out = writable_folder(Path(options.out), "--out")
    job = plan_job(paper, options)
    from medrepro.reproduce.report.terminal import Progress
    from medrepro.reproduce.run import experiment as _experiment

    cells = [cell for one in (*job.before, job) for cell in one.cells]
    plan = _experiment.plan(cells)
    count = len(plan.todo) + len(plan.reused)
    if plan.todo and job.prepare is not None:
        job.prepare()
    with Progress(cells=count, reused=len(plan.reused), quiet=options.quiet or not place.is_first) as progress:
        if options.storage or options.workers:
            from medrepro.reproduce.run.shared import run_shared

            run_shared(cells, options, progress)
        else:
            _experiment.run(plan.todo, options.jobs, progress, place)
    if not place.is_first:
        return out
    from medrepro.reproduce.report.publish import publish

    return publish(
        paper, options, job, out, trained=len(plan.todo), reused=len(plan.reused), seconds=time.monotonic() - started
    )
