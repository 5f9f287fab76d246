"""Which process of a launch this is: alone, or one of the many that torchrun, SLURM or Lightning started.

In: the environment; out: a rank, and for each cell the environment in which the ranks find each other. Imports no
torch: the parent decides with this what it runs, writes and prints.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import filelock

from medrepro.datamodules.support.errors import InputError

Launcher = Literal["", "torchrun", "srun"]
DOCS = "docs/many-devices.md"
SLURM_PORT = 15_000  # where the last four digits of a job's number are added
LOWEST_PORT, PORTS = 10_000, 50_000


@dataclass(frozen=True)
class Place:
    """This process among those that one command line started.

    Attributes:
        launcher: who started it; empty if nobody did.
        rank: 0 .. world - 1.
        world: how many there are.
    """

    launcher: Launcher = ""
    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that computes, writes and prints what only one may."""
        return self.rank == 0


def place(environment: Mapping[str, str] = os.environ) -> Place:
    """Read who started this process, and which one of how many it is."""
    if "TORCHELASTIC_RUN_ID" in environment:
        return Place("torchrun", int(environment["RANK"]), int(environment["WORLD_SIZE"]))
    if "SLURM_STEP_ID" in environment and int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        return Place("srun", int(environment["SLURM_PROCID"]), int(environment["SLURM_STEP_NUM_TASKS"]))
    return Place()


def checked_place(devices: int, num_nodes: int, environment: Mapping[str, str] = os.environ) -> Place:
    """Return this process's place in a launch of ``devices`` on each of ``num_nodes`` machines.

    With one device a cell, tasks of SLURM are workers on their own, so each is alone.

    Raises:
        InputError: the processes started are not the devices asked for, or several machines without a launcher.
    """
    found, wanted = place(environment), devices * num_nodes
    if found.launcher == "srun" and wanted == 1:
        return Place()
    if found.launcher and found.world != wanted:
        raise InputError(
            f"{found.launcher} started {found.world} processes, but --devices {devices} x --num-nodes {num_nodes} "
            f"is {wanted}; start one process for each device, see {DOCS}"
        )
    if num_nodes > 1 and not found.launcher:
        raise InputError(
            f"--num-nodes {num_nodes} needs torchrun or srun, which start this command on every machine; see {DOCS}"
        )
    return found


def is_first_process(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is the first process of a cell, whoever started it; Lightning's own launcher sets LOCAL_RANK."""
    found = place(environment)
    return found.is_first if found.launcher else environment.get("LOCAL_RANK", "0") == "0"


def first_only(lock: filelock.BaseFileLock) -> AbstractContextManager[Any]:
    """Return ``lock`` in a cell's first process, nothing in the others: the first waits for them while it holds it."""
    return lock if is_first_process() else nullcontext()


def cell_environment(
    found: Place, number: int, threads: int, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment of a cell's process: its own meeting point, and only the launcher that counts.

    Args:
        found: this process's place.
        number: of the cell among those of this run; each has a port of its own, the same on all ranks.
        threads: of the process.
        environment: of this process.
    """
    skipped = {"": ("SLURM_", "TORCHELASTIC_"), "torchrun": ("SLURM_",), "srun": ("TORCHELASTIC_",)}[found.launcher]
    kept = {name: value for name, value in environment.items() if not name.startswith(skipped)}
    kept["OMP_NUM_THREADS"] = str(threads)
    if found.launcher == "torchrun":
        kept["TORCHELASTIC_USE_AGENT_STORE"] = "False"  # its keys serve one process group only; a cell makes its own
    if found.launcher:
        kept["MASTER_PORT"] = str(_port(environment, number))
    if found.launcher == "srun":
        kept["SLURM_JOB_NAME"] = "medrepro"  # Lightning takes a job called bash or interactive for no launch at all
    return kept


def _port(environment: Mapping[str, str], number: int) -> int:
    job = int(environment.get("SLURM_JOB_ID", "0")[-4:])
    base = int(environment.get("MASTER_PORT", SLURM_PORT + job))
    return LOWEST_PORT + (base + 1 + number - LOWEST_PORT) % PORTS


def own_file(path: Path, found: Place) -> Path:
    """Return ``path`` for the first process, and a name of its own beside it for every other."""
    return path if found.is_first else path.with_name(f"{path.stem}.{found.rank}{path.suffix}")
