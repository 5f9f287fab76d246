"""Run one cell, given as a JSON file, in a process of its own: what several devices need.

``python -m medrepro.reproduce.run.child cell.json``: Lightning's launcher runs this very command again for every
further rank. A rank that fails says so in one line, first, and exits non-zero; its peers then fail too, so none is
left behind. A rank stops after the current step once its parent process is gone.
"""

import os
import sys
from pathlib import Path

from medrepro.reproduce.plan.cell import Cell

FAILED = "cell failed"


def main(args: list[str] | None = None) -> int:
    """Run the cell described by the file ``args[0]``; progress goes to standard output, one line a report."""
    from medrepro.reproduce.run.execute import execute
    from medrepro.reproduce.run.outcome import Context

    path, parent = Path((sys.argv[1:] if args is None else args)[0]), os.getppid()
    rank = next((os.environ[name] for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK") if name in os.environ), "0")
    try:
        execute(Cell.from_json(path.read_text()), Context(_report, lambda: os.getppid() != parent))
    except Exception as error:  # whatever it is, the parent must get it from the rank where it happened
        print(f"{FAILED} on rank {rank}: {type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)  # not sys.exit: at-exit handlers would wait for the other ranks
    return 0


def _report(done: float, detail: str) -> None:
    print(f"{done:.3f} {detail}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
