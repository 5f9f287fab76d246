"""What a user asks of a paper's command, and how it is to be run."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from medrepro.datamodules.lidc import RENDERED
from medrepro.reproduce.plan.cell import Runtime


def slug(target: str) -> str:
    """Return a target as part of a file name: ``table5``."""
    return target.replace(" ", "")


@dataclass(frozen=True)
class Options:
    """What the user asked for; None means: whatever the preset says."""

    command: str
    target: str
    preset: str = "quick"
    data: str = "embedded"
    data_root: str | None = None
    seeds: tuple[int, ...] | None = None
    folds: int | None = None
    rows: tuple[str, ...] = ()
    epochs: int | None = None
    split: str = "patient"
    accelerator: str = "cpu"
    devices: int = 1
    num_nodes: int = 1
    precision: str = "32-true"
    compile: bool = False
    accumulate: int = 1
    wandb: str = "disabled"
    wandb_project: str = "medrepro"
    wandb_tags: tuple[str, ...] = ()
    jobs: int = 2
    workers: int | None = None
    storage: str | None = None
    heartbeat: int | None = None
    resume: bool = False
    checkpoint_every: int = 200
    cache_dir: str | None = None
    out: str = ""
    quiet: bool = False
    flags: dict[str, str] = field(default_factory=dict)
    module: dict[str, Any] = field(default_factory=dict)
    datamodule: dict[str, Any] = field(default_factory=dict)
    named_out: bool = False

    @property
    def embedded(self) -> bool:
        """Whether the data are embedded, the whole cohort or its pairs of one size: nothing is to be fetched."""
        return self.data in RENDERED

    @property
    def runtime(self) -> Runtime:
        """How the cells are run, as opposed to what they are."""
        names = {item.name for item in fields(Runtime)}
        return Runtime(**{name: value for name, value in vars(self).items() if name in names})

    def sharing(self, target: str) -> "Options":
        """Return these options with the run folder of another target, whose finished cells this one reads too.

        With ``--out`` both share that folder.
        """
        if self.named_out:
            return self
        folder = Path(self.out)
        return replace(self, out=str(folder.with_name(folder.name.replace(slug(self.target), slug(target), 1))))
