"""What the command line adds to a training: several batches a step, a compiled network; refused where it cannot be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.losses.auc_cross_entropy import AUCCrossEntropyLoss
from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss
from medrepro.lightning_modules.losses.dice_cross_entropy import DiceCrossEntropyLoss
from medrepro.lightning_modules.losses.margin import MarginLoss
from medrepro.lightning_modules.losses.metric_learning import LiftedCrossEntropyLoss, TripletCrossEntropyLoss
from medrepro.lightning_modules.losses.mixed import MixedLoss
from medrepro.reproduce import command as _cli
from medrepro.reproduce.plan.cell import Cell, Runtime
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load, plan_job
from medrepro.reproduce.run.outcome import Context, Outcome
from medrepro.reproduce.run.training import fit as fit_cell
from medrepro.reproduce.run.training import network_of
from tests._toy import ToyData, ToyModule


class MeanToy(ToyModule):
    """The toy with a mean over samples, dropout off."""

    def __init__(self) -> None:
        super().__init__(dropout=0.0, augmented=False)
        self.loss = MixedLoss(gamma=0.0)


class SteppingToy(MeanToy):
    """Counts the optimiser's steps."""

    steps = 0

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        type(self).steps += 1


PLAIN = Runtime()


def cell(folder: Path, runtime: Runtime = PLAIN, **train: object) -> Cell:
    settings = {"epochs": 1, "precision": "32-true", "select": "last", **train}
    config = {"module": {}, "data": {}, "train": settings}
    return Cell("egfr", "5", "toy", "a toy", 0, 0, "smoke", config, str(folder), runtime=runtime)


def fit(job: Cell, make: Callable[[], ToyModule], **data: Any) -> Outcome:
    outcome = fit_cell(job, make, ToyData(**data), Context())
    assert outcome is not None
    return outcome


WHOLE = [
    (MixedLoss(), "compares the samples"),
    (TripletCrossEntropyLoss(), "compares the samples"),
    (LiftedCrossEntropyLoss(), "compares the samples"),
    (AUCCrossEntropyLoss(0.5), "positives with negatives"),
    (CrossEntropyLoss([1.0, 2.0]), "class weights"),
]
MEANS = [MixedLoss(gamma=0.0), AUCCrossEntropyLoss(0.0), CrossEntropyLoss(), MarginLoss(), DiceCrossEntropyLoss()]


@pytest.mark.parametrize(("loss", "reason"), WHOLE)
def test_losses_of_a_whole_batch_are_known(loss: nn.Module, reason: str) -> None:
    assert len(WHOLE) == 5
    assert reason in str(loss.whole_batch)


@pytest.mark.parametrize("loss", MEANS)
def test_means_over_samples_may_be_accumulated(loss: nn.Module) -> None:
    assert len(MEANS) == 5
    assert getattr(loss, "whole_batch", "") == ""


def test_the_margin_loss_is_a_mean_over_samples() -> None:
    """The same number from a batch and from its halves, weights and all: what accumulation rests on."""
    generator = torch.Generator().manual_seed(0)
    v, labels = torch.rand(8, 3, generator=generator), torch.randint(0, 3, (8,), generator=generator)
    loss = MarginLoss(class_weights=[1.0, 5.0, 0.2])
    halves = (loss(v[:4], labels[:4]) + loss(v[4:], labels[4:])) / 2
    assert float(halves) == pytest.approx(float(loss(v, labels)))
    weighted = CrossEntropyLoss([1.0, 5.0, 0.2])
    apart = (weighted(v[:4], labels[:4]) + weighted(v[4:], labels[4:])) / 2
    assert abs(float(apart) - float(weighted(v, labels))) > 1e-3


def test_accumulation_is_refused_where_it_changes_the_loss(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--accumulate 2: a toy compares the samples of a batch.*Use --devices"):
        fit(cell(tmp_path, accumulate=2), ToyModule)


def test_the_optimiser_steps_once_in_so_many_batches(tmp_path: Path) -> None:
    SteppingToy.steps = 0
    fit(cell(tmp_path / "one"), SteppingToy)
    every = SteppingToy.steps
    fit(cell(tmp_path / "two", accumulate=2), SteppingToy)
    assert every >= 6
    assert SteppingToy.steps - every == (every + 1) // 2


def test_accumulation_is_part_of_a_cell_s_identity(tmp_path: Path) -> None:
    options = Options("", "table 5", preset="smoke", out=str(tmp_path))
    (one, *_), (two, *_) = (
        plan_job(load("egfr"), Options(**{**vars(options), "accumulate": count})).cells for count in (1, 2)
    )
    assert "accumulate" not in one.config["train"]  # results made before the flag existed stay valid
    assert two.config["train"]["accumulate"] == 2
    assert one.config_sha256 != two.config_sha256


def test_a_compiled_network_learns_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled is what the steps call: a counting backend sees the network's graph."""
    graphs: list[int] = []

    def counting(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., object]:
        graphs.append(len(graph.graph.nodes))
        return graph.forward

    compiled = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled(self, backend=counting))

    class NetworkToy(MeanToy):
        def __init__(self) -> None:
            super().__init__()
            self.network = self.features

    plain = fit(cell(tmp_path / "a"), NetworkToy)
    assert graphs == []
    quick = fit(cell(tmp_path / "b", Runtime(compile=True)), NetworkToy)
    assert graphs
    assert quick.history["train/loss"] == pytest.approx(plain.history["train/loss"], abs=1e-5)
    assert quick.macs == plain.macs
    torch.compiler.reset()


@pytest.mark.slow
def test_the_compiler_itself_agrees(tmp_path: Path) -> None:
    """With the real backend (a C++ compiler, a minute) on the paper's network."""
    from medrepro.lightning_modules.egfr import EGFRModule

    runs = [
        fit_cell(
            cell(tmp_path / name, Runtime(compile=compile_it)), lambda: EGFRModule("resnet18", scale="quick"),
            ToyData(), Context(),
        )
        for name, compile_it in (("plain", False), ("compiled", True))
    ]  # fmt: skip
    first, second = (run.history["train/loss"] for run in runs if run is not None)
    assert second == pytest.approx(first, abs=1e-4)


def test_the_network_is_what_is_compiled() -> None:
    from medrepro.lightning_modules.quadsnet import QuadSNetModule

    module = QuadSNetModule(1, 2, widths=[4, 4, 4, 4], class_counts=[1, 1])
    assert network_of(module) is module.network
    toy = ToyModule()
    assert network_of(toy) is toy


def test_bf16_learns_about_the_same(tmp_path: Path) -> None:
    exact, rough = (fit(cell(tmp_path / p, precision=p), MeanToy) for p in ("32-true", "bf16-mixed"))
    assert rough.history["train/loss"] != exact.history["train/loss"]
    assert rough.history["train/loss"] == pytest.approx(exact.history["train/loss"], rel=0.05)


def test_channels_last_is_a_flag_of_2d_networks(capsys: pytest.CaptureFixture[str]) -> None:
    (off,) = _cli.parse(load("quadsnet"), ["--channels-last", "off"])
    assert off.module == {"channels_last": False}
    (unset,) = _cli.parse(load("egfr"), [])
    assert unset.module == {}
    for command, word, message in (
        (load("multiscale"), "on", "--channels-last: MultiScaleModule decides it by itself"),
        (load("egfr"), "maybe", "--channels-last maybe: not known; allowed: on, off"),
    ):
        with pytest.raises(SystemExit) as stop:
            _cli.parse(command, ["--channels-last", word])
        assert stop.value.code == 2
        assert message in capsys.readouterr().err
