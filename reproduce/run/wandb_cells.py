"""Log the training of a cell to Weights & Biases."""

import hashlib
import json
import netrc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell, leading_number
from medrepro.reproduce.plan.identity import code_sha256

if TYPE_CHECKING:
    import pandas as pd


INSTALL = "pip install 'medrepro[wandb]'"

MAX_LINES = 2000  # of predictions shown as a table; all of them are in the artifact


def check_wandb(mode: str, asked: str = "") -> None:
    """See before anything is run whether W&B can be logged to; ``asked`` is the flag that wants it, if not --wandb.

    Raises:
        InputError: wandb is not installed, or ``online`` was asked for and there is no account.
    """
    if mode == "disabled":
        return
    if find_spec("wandb") is None:
        raise InputError(f"{asked or f'--wandb {mode}'} needs the wandb package: {INSTALL}; or leave it out")
    if mode == "online" and not has_account():
        known = "`wandb login` or WANDB_API_KEY; --wandb offline needs none"
        raise InputError(f"{asked or '--wandb online'} needs an account: {known}")


def has_account() -> bool:
    """Whether wandb knows a key (environment, settings, ``wandb login``); asks neither the user nor a server."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    import wandb

    settings = wandb.setup().settings
    host = urlparse(settings.base_url).hostname or ""
    return bool(settings.api_key or settings.identity_token_file or _stored_key(host))


def _stored_key(host: str) -> str | None:
    """Return the key for ``host`` in the netrc file, where ``wandb login`` leaves it."""
    path = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        found = netrc.netrc(path).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return found[2] if found else None


def run_id(*words: str) -> str:
    """Return a run's id: the same cell, code and folder are the same run, also when it is resumed."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


@contextmanager
def cell_run(cell: Cell) -> Iterator[None]:
    """Open the W&B run of a cell; what is raised inside marks the run as failed."""
    runtime = cell.runtime
    data = str(cell.config["data"].get("data", "none"))
    about: dict[str, Any] = {
        "key": cell.key, "table": cell.table, "row": cell.row, "label": cell.label, "seed": cell.seed,
        "fold": cell.fold, "preset": cell.preset, "epochs": cell.epochs or 0, "command": cell.command,
        "config_sha256": cell.config_sha256, "code_sha256": code_sha256(cell.key),
    }  # fmt: skip
    with _run(
        runtime.wandb,
        Path(cell.out),
        project=runtime.wandb_project,
        group=f"{cell.key}/{cell.table}",
        job_type="cell",
        name=f"{cell.label} · seed {cell.seed} · fold {cell.fold}",
        tags=list(dict.fromkeys([cell.key, f"table {cell.table}", cell.preset, data, *runtime.wandb_tags])),
        config={**cell.config, "cell": about},
        id=run_id(cell.config_sha256, about["code_sha256"], str(Path(cell.out).resolve())),
    ):
        yield


@contextmanager
def _run(mode: str, folder: Path, **described: Any) -> Iterator[None]:
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    quiet = wandb.Settings(silent=True, console="off", show_errors=True)  # stdout is the terminal table's
    wandb.init(
        mode="offline" if mode == "offline" else "online", dir=folder, resume="allow", settings=quiet, **described
    )
    code = 1
    try:
        yield
        code = 0
    finally:
        wandb.finish(exit_code=code)


def live_logger() -> Any:
    """Return Lightning's logger on the run that is open in this process; False if there is none."""
    import wandb
    from pytorch_lightning.loggers import WandbLogger

    return False if wandb.run is None else WandbLogger(experiment=wandb.run)


def log_cell(cell: Cell) -> None:
    """Add to the open run what the result file of its cell says: numbers, curves, predictions, the checkpoint."""
    import wandb

    run = wandb.run
    if run is None:
        return
    result = json.loads(cell.path.read_text())
    run.summary.update(_summary(cell, result))
    history = result["history"]
    if history:
        names = [name for name, values in history.items() if len(values) == max(map(len, history.values()))]
        lines = [[epoch + 1, *(history[name][epoch] for name in names)] for epoch in range(len(history[names[0]]))]
        run.log({"curves": _table(["epoch", *names], lines), "figures/curves": _curves(history)})
    if result["predictions"]:
        frame = _read_frame(cell.path.with_suffix(".parquet"))
        run.log({"predictions": wandb.Table(dataframe=frame.head(MAX_LINES))})
    _log_files(run, f"result-{run.id}", "result", [p for p in _result_files(cell) if p.is_file()])
    _log_files(run, f"model-{run.id}", "model", [p for p in [cell.work_dir / "model.ckpt"] if p.is_file()])


def _read_frame(path: Path) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_parquet(path)


def _summary(cell: Cell, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics with their intervals, and the paper's numbers beside ours in the paper's unit."""
    found: dict[str, Any] = dict(result["metrics"])
    for name, (low, high, *_) in result["ci"].items():
        found |= {f"{name}.low": low, f"{name}.high": high}
    for printed in cell.runtime.paper:
        number = leading_number(printed.value)
        found[f"paper/{printed.label}"] = printed.value if number is None else number
        ours = result["metrics"].get(printed.metric)
        if isinstance(ours, int | float):
            found[f"ours/{printed.label}"] = ours * printed.scale
    return found | {name: result[name] for name in ("seconds", "peak_rss_mb", "parameters", "macs") if result[name]}


def _curves(history: Mapping[str, Sequence[float]]) -> Any:
    """Draw the loss curves."""
    import wandb
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for name in (name for name in history if name.endswith("/loss")):
        axes.plot(range(1, len(history[name]) + 1), history[name], marker="o", label=name)
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(frameon=False)
    return wandb.Image(figure)


def _result_files(cell: Cell) -> list[Path]:
    return [cell.path.with_suffix(suffix) for suffix in (".json", ".yaml", ".parquet")]


def _log_files(run: Any, name: str, kind: str, files: Sequence[Path]) -> None:
    """Log files as one artifact; none, no artifact."""
    import wandb

    if not files:
        return
    artifact = wandb.Artifact(name, type=kind)
    for file in files:
        artifact.add_file(str(file))
    run.log_artifact(artifact)


def _table(columns: list[str], lines: Iterable[Iterable[Any]]) -> Any:
    import wandb

    return wandb.Table(columns=list(columns), data=list(lines))
