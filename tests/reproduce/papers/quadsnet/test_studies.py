"""The studies: which rows they have and what each changes."""

from medrepro.reproduce.papers.quadsnet.studies import imbalance, losses, streams
from medrepro.reproduce.plan.options import Options

OPTIONS = Options(command="c", target="study", out="runs/x", seeds=(0,))


def test_streams_alone_in_pairs_and_all() -> None:
    chosen = [cell.config["module"]["streams"] for cell in streams(OPTIONS).cells]
    assert len(chosen) == 9
    assert [len(names) for names in chosen] == [1, 1, 1, 1, 2, 2, 2, 2, 4]
    assert len({tuple(names) for names in chosen}) == 9


def test_losses_weighted_and_not_on_sigmoid_and_softmax() -> None:
    cells = losses(OPTIONS).cells
    found = {
        (
            module.get("loss", "margin"),
            module.get("squash", "sigmoid"),
            module["class_weights"],
        )
        for module in (cell.config["module"] for cell in cells)
    }
    assert len(found) == len(cells) == 8


def test_imbalance_three_ratios_four_losses() -> None:
    cells = imbalance(OPTIONS).cells
    assert len(cells) == 12
    assert {cell.config["data"]["imbalance"] for cell in cells} == {1, 10, 100}
