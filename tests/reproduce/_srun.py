"""What SLURM gives a job, without SLURM: ``srun`` that starts the tasks here, ``scontrol`` that names the machines.

``python -m tests.reproduce._srun TASKS COMMAND...`` runs the command once a task, as one step on one machine, and ends
with the worst exit code; what tests put on the PATH as ``srun`` calls it.
"""

import os
import subprocess
import sys
from pathlib import Path

from medrepro.reproduce.plan.identity import ROOT


def run(tasks: int, command: list[str]) -> int:
    """Start every task with the variables that srun sets, and wait for all."""
    words = [sys.executable if word == "python" else word for word in command if not word.startswith("--kill-on")]
    step = {
        "SLURM_JOB_ID": "12017", "SLURM_STEP_ID": "0", "SLURM_NTASKS": str(tasks), "SLURM_STEP_NUM_TASKS": str(tasks),
        "SLURM_NTASKS_PER_NODE": str(tasks), "SLURM_NNODES": "1", "SLURM_NODEID": "0", "SLURM_JOB_NAME": "medrepro",
    }  # fmt: skip
    ranks = [{**os.environ, **step, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)} for rank in range(tasks)]
    started = [subprocess.Popen(words, env=rank) for rank in ranks]
    return max(process.wait() for process in started)


def install(folder: Path, srun: str) -> dict[str, str]:
    """Put ``srun`` and ``scontrol`` into ``folder``; returns the environment of a job on one machine with them."""
    folder.mkdir()
    for name, text in (("srun", srun), ("scontrol", "echo 127.0.0.1")):
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()
    (folder / "reproduce").symlink_to(ROOT / "reproduce")
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    job = {"SLURM_SUBMIT_DIR": str(folder), "SLURM_JOB_NODELIST": "here", "SLURM_JOB_NUM_NODES": "1"}
    return {**os.environ, **job, "PATH": path}


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), sys.argv[2:]))
