"""Who started this process, which rank it is, and where a cell's ranks meet."""

from pathlib import Path

import filelock
import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.run import ranks as _ranks
from medrepro.reproduce.run.ranks import Place, cell_environment, checked_place, is_first_process, own_file, place

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_PORT": "29500"}
STEP = {
    "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_NTASKS": "4", "SLURM_PROCID": "2", "SLURM_LOCALID": "0",
    "SLURM_JOB_ID": "1234567", "SLURM_JOB_NAME": "interactive",
}  # fmt: skip
BATCH = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "PATH": "/bin"}  # a batch script without srun


def test_each_launcher_is_recognised() -> None:
    assert place({}) == Place("", 0, 1)
    assert place(TORCHRUN) == Place("torchrun", 3, 4)
    assert place(STEP) == Place("srun", 2, 4)
    assert place(BATCH) == Place("", 0, 1)
    assert place({**STEP, "SLURM_STEP_NUM_TASKS": "1"}) == Place("", 0, 1)


def test_a_launch_has_one_process_a_device() -> None:
    assert checked_place(2, 2, TORCHRUN) == Place("torchrun", 3, 4)
    assert checked_place(4, 1, STEP) == Place("srun", 2, 4)
    assert checked_place(4, 1, {}) == Place()
    assert checked_place(4, 1, BATCH) == Place()
    assert checked_place(1, 1, STEP) == Place()  # four workers, each with a queue's cells of its own


MISTAKES = [
    (2, 1, TORCHRUN, "torchrun started 4 processes, but --devices 2 x --num-nodes 1 is 2"),
    (1, 1, TORCHRUN, "torchrun started 4 processes, but --devices 1 x --num-nodes 1 is 1"),
    (8, 1, STEP, "srun started 4 processes, but --devices 8 x --num-nodes 1 is 8"),
    (2, 2, {}, "--num-nodes 2 needs torchrun or srun"),
    (2, 2, BATCH, "--num-nodes 2 needs torchrun or srun"),
]


@pytest.mark.parametrize(("devices", "nodes", "environment", "message"), MISTAKES)
def test_a_launch_that_does_not_fit_is_refused(
    devices: int, nodes: int, environment: dict[str, str], message: str
) -> None:
    assert len(MISTAKES) == 5
    with pytest.raises(InputError, match=message):
        checked_place(devices, nodes, environment)


def test_first_process_of_each_launcher() -> None:
    assert is_first_process({})
    assert not is_first_process(TORCHRUN)
    assert is_first_process({**TORCHRUN, "RANK": "0"})
    assert not is_first_process(STEP)
    assert not is_first_process({"LOCAL_RANK": "1"})  # Lightning's own launcher
    assert is_first_process({"LOCAL_RANK": "0"})


def test_only_the_first_process_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = filelock.FileLock(tmp_path / "lock")
    with _ranks.first_only(lock):
        assert lock.is_locked
    monkeypatch.setattr(_ranks, "is_first_process", lambda: False)
    with _ranks.first_only(lock):
        assert not lock.is_locked


def test_cells_meet_at_ports_of_their_own_the_same_on_all_ranks() -> None:
    other = {**TORCHRUN, "RANK": "0"}
    first = [cell_environment(place(TORCHRUN), number, 2, TORCHRUN) for number in range(3)]
    second = [cell_environment(place(other), number, 2, other) for number in range(3)]
    ports = [found["MASTER_PORT"] for found in first]
    assert ports == ["29501", "29502", "29503"]
    assert ports == [found["MASTER_PORT"] for found in second]
    assert all(found["TORCHELASTIC_USE_AGENT_STORE"] == "False" for found in first)
    assert all(found["OMP_NUM_THREADS"] == "2" for found in first)
    assert cell_environment(place(STEP), 0, 1, STEP)["MASTER_PORT"] == str(15000 + 4567 + 1)
    high = cell_environment(place(TORCHRUN), 40_000, 1, {**TORCHRUN, "MASTER_PORT": "59999"})["MASTER_PORT"]
    assert 10_000 <= int(high) < 60_000


def test_a_cell_sees_only_the_launcher_that_counts() -> None:
    alone = cell_environment(Place(), 0, 1, {**BATCH, "TORCHELASTIC_RUN_ID": "x"})
    assert alone == {"PATH": "/bin", "OMP_NUM_THREADS": "1"}
    stepped = cell_environment(place(STEP), 0, 1, STEP)
    assert stepped["SLURM_NTASKS"] == "4"
    assert stepped["SLURM_JOB_NAME"] == "medrepro"
    both = cell_environment(place(TORCHRUN), 0, 1, {**TORCHRUN, **STEP})
    assert not any(name.startswith("SLURM_") for name in both)


def test_ranks_write_files_of_their_own() -> None:
    assert own_file(Path("a/ranks.log"), Place()) == Path("a/ranks.log")
    assert own_file(Path("a/ranks.log"), Place("srun", 2, 4)) == Path("a/ranks.2.log")
