"""A queue in a database: trials that any number of workers on any number of machines take one by one, each once.

In: a database URL, a study's name, what a trial runs. Out: an Optuna study whose trials are done. It rests on one rule:
whoever takes, ends or revives a trial holds the *turn*, a lock that its owner's death releases. Optuna alone reads a
trial's state and then writes it, so that on SQLite two workers can take one trial, or revive it twice.
"""

import copy
import hashlib
import json
import os
import socket
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock
import optuna
import sqlalchemy
from optuna.exceptions import OptunaError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, Trial, TrialState

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.run.storage import Address, check_storage, without_password

PATIENCE = 3  # heartbeats that a worker may miss before its trial is given to another
RETRIES = 3  # a trial whose worker died so often is left alone: it may be what kills them
OPENING = 5  # attempts to open a database that another machine is just filling with its tables
RUNS = (TrialState.WAITING, TrialState.RUNNING)
CLAIMED, ENTRY, ERROR, WORKER = "claimed", "entry", "error", "worker"  # what a trial's user attributes say

warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


class TakenOverError(Exception):
    """This worker was silent for so long that its trial was given to another; what it has done does not count."""


def open_storage(address: Address) -> RDBStorage:
    """Open the database, create its tables if it is empty.

    Raises:
        InputError: the URL is of another kind, or the database cannot be opened.
    """
    check_storage(address.url)
    is_file = address.url.startswith("sqlite")
    if is_file:
        Path(address.url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    alive = {"keepalives_idle": 30, "keepalives_interval": 10, "connect_timeout": 10}  # a dead machine frees its turn
    for attempt in range(OPENING):
        try:
            return RDBStorage(
                address.url,
                engine_kwargs={"connect_args": {"timeout": 60} if is_file else alive},
                heartbeat_interval=address.heartbeat,
                grace_period=PATIENCE * address.heartbeat,
                heartbeat_stale_trial_callback=revive,
            )
        except (sqlalchemy.exc.SQLAlchemyError, OptunaError) as error:
            if attempt + 1 == OPENING:
                reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
                raise InputError(f"--storage {without_password(address.url)}: cannot be opened: {reason}") from error
            time.sleep(0.2 * 2**attempt)
    raise InputError(f"--storage {without_password(address.url)}: cannot be opened")  # not reached


def revive(study: optuna.Study, trial: FrozenTrial) -> None:
    """Put a dead worker's trial back into the queue, with the same parameters; once, however often it is asked."""
    successors = (other.system_attrs.get("retry_history", []) for other in study.get_trials(deepcopy=False))
    if all(history[-1:] != [trial.number] for history in successors):
        RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)(study, copy.deepcopy(trial))  # it changes what it is given


class Turn:
    """The one at a time: a file lock beside an SQLite file, an advisory lock of PostgreSQL."""

    def __init__(self, storage: RDBStorage, name: str) -> None:
        url, self._connection = storage.engine.url, None
        if url.get_backend_name() == "sqlite":
            self._file: filelock.BaseFileLock | None = filelock.FileLock(f"{url.database}.lock")
        else:
            self._file = None
            self._connection = storage.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)

    def acquire(self) -> None:
        """Wait for the turn."""
        self._file.acquire() if self._file else self._ask("lock")

    def release(self) -> None:
        """Give the turn to the next."""
        self._file.release() if self._file else self._ask("unlock")

    def _ask(self, what: str) -> None:
        if self._connection is not None:
            self._connection.execute(sqlalchemy.text(f"SELECT pg_advisory_{what}(:key)"), {"key": self._key})

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the turn."""
        self.acquire()
        try:
            yield
        finally:
            self.release()


class Queue:
    """A study, and the rules by which its trials are taken.

    Args:
        address: where it is; created if it is not there.
        sampler: chooses the parameters that a trial does not bring.
        pruner: says which trials are hopeless.

    Attributes:
        study: the Optuna study.
    """

    def __init__(
        self,
        address: Address,
        sampler: optuna.samplers.BaseSampler | None = None,
        pruner: optuna.pruners.BasePruner | None = None,
    ) -> None:
        self.storage = open_storage(address)
        self.study = optuna.create_study(
            storage=self.storage,
            study_name=address.name,
            direction=address.direction,
            sampler=sampler or optuna.samplers.RandomSampler(),
            pruner=pruner or optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        self.turn = Turn(self.storage, address.name)
        self._lost = False

    def agree(self, facts: Mapping[str, object], folder: Path, may_change: bool = False) -> None:
        """Make sure that everybody who joins runs the same thing, and sees the same run folder.

        Args:
            facts: what must be the same.
            folder: where the results go; the same one for all.
            may_change: whether a study in which nobody works takes the facts of whoever comes next.

        Raises:
            InputError: the study was begun with other facts, or its results go to a folder that is not this one.
        """
        mark, name = folder / ".queue", self.study.study_name
        with self.turn.held():
            self.drain()
            if "facts" not in self.study.user_attrs or (may_change and not self.trials(TrialState.RUNNING)):
                with suppress(FileExistsError), mark.open("x") as new:
                    new.write(uuid.uuid4().hex)
                self.study.set_user_attr("folder", mark.read_text())
                self.study.set_user_attr("facts", dict(facts))
        known = self.study.user_attrs
        same = json.loads(json.dumps(dict(facts)))
        other = [key for key in same if same[key] != known["facts"].get(key)]
        if other:
            raise InputError(
                f"study {name} was begun with another {', '.join(other)}; "
                "the same name takes the same settings and code, another name a new study"
            )
        if not mark.is_file() or mark.read_text() != known["folder"]:
            raise InputError(
                f"study {name} writes its results to another folder than {folder}: "
                "--out must be one folder that all machines share"
            )

    def fill(self, entries: Sequence[str]) -> None:
        """Put what is not already waiting or running into the queue, one trial an entry."""
        with self.turn.held():
            live = {trial.user_attrs.get(ENTRY) for trial in self.trials(*RUNS)}
            for entry in entries:
                if entry not in live:
                    self.study.enqueue_trial({}, user_attrs={ENTRY: entry})

    def fill_up(self, total: int, points: Sequence[Mapping[str, object]] = ()) -> None:
        """Enlarge the study to ``total`` trials, a revived trial and its dead ones counted once.

        Args:
            total: how many.
            points: parameters of the first trials; the sampler chooses those of the others.
        """
        with self.turn.held():
            begun = sum("failed_trial" not in trial.system_attrs for trial in self.trials())
            for number in range(begun, total):
                self.study.enqueue_trial(dict(points[number]) if number < len(points) else {})

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the trials in these states; all, if none is named."""
        return self.study.get_trials(deepcopy=False, states=states or None)

    def errors(self, since: int = 0) -> list[str]:
        """Return what went wrong in trials from number ``since`` on."""
        failed = self.trials(TrialState.FAIL)
        return [trial.user_attrs[ERROR] for trial in failed if ERROR in trial.user_attrs and trial.number >= since]

    def take(self, run: Callable[[Trial], float]) -> bool:
        """Run the next waiting trial; False if none waits.

        Raises:
            TakenOverError: this worker was taken for dead, the trial is another's.
            Exception: whatever ``run`` raised, except that a trial is pruned; the trial has failed.
        """
        with self.turn.held():
            self.drain()
            if not self.trials(TrialState.WAITING):
                return False
            try:
                self.study.optimize(self._between_turns(run), n_trials=1)
            except ValueError as error:  # a trial that has ended cannot be ended again
                if self._lost:
                    raise TakenOverError from error
                raise
        return True

    def _between_turns(self, run: Callable[[Trial], float]) -> Callable[[Trial], float]:
        """Let the others have their turn while the trial runs; :meth:`take` holds it before and after."""

        def objective(trial: Trial) -> float:
            self.storage.record_heartbeat(trial._trial_id)
            trial.set_user_attr(WORKER, f"{socket.gethostname()}:{os.getpid()}")
            trial.set_user_attr(CLAIMED, trial.number)
            self.turn.release()
            try:
                return run(trial)
            except UpdateFinishedTrialError as error:
                raise TakenOverError from error
            finally:
                self.turn.acquire()
                self._lost = self.storage.get_trial(trial._trial_id).state != TrialState.RUNNING
                if self._lost:
                    raise TakenOverError

        return objective

    def drain(self) -> None:
        """Revive the trials of the dead; the turn must be held.

        Dead is who missed his heartbeats, who had no time for the first one, and who failed without an error: he was
        stopped, or died between failing a dead worker's trial and reviving it.
        """
        fail_stale_trials(self.study)
        for trial in self.trials(TrialState.RUNNING):
            if trial.user_attrs.get(CLAIMED) != trial.number:
                with suppress(UpdateFinishedTrialError):
                    self.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        for trial in self.trials(TrialState.FAIL):
            if ERROR not in trial.user_attrs:
                revive(self.study, trial)
