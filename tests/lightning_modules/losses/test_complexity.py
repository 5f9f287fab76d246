"""Eqs. 12-14 against the paper's own breakdown, term by term."""

import pytest

from medrepro.lightning_modules.losses import complexity


def _eq14_by_its_paragraph(batch: int, length: int, classes: int) -> int:
    normalisation = (2 * length - 1) * batch
    similarities = (length**2 + length - 1) * batch**2
    one_hot = 2 * batch
    binary = (classes**2 + classes - 1) * batch**2
    discriminative = 3 * batch**2 + batch
    rows = 2 * batch**2 + 2 * batch
    return normalisation + similarities + one_hot + binary + discriminative + rows + batch


@pytest.mark.parametrize("sizes", [(36, 512, 2), (6, 512, 2), (48, 128, 5)], ids=str)
def test_eq14_is_the_sum_of_its_paragraph(sizes: tuple[int, int, int]) -> None:
    assert complexity.mixed_loss_flops(*sizes) == _eq14_by_its_paragraph(*sizes)


def test_the_model_charges_hundreds_of_millions_where_a_million_is_done() -> None:
    assert complexity.mixed_loss_flops(36) == 340_450_884
    assert 1.3e6 < complexity.mixed_loss_operations(36) < 1.5e6


def test_eq12_is_eq13_plus_eq14() -> None:
    assert complexity.batch_training_flops(12_835, 36, groups=6, clustering=1000) == 12_835 + 1000 + 6 + 36
    assert complexity.training_flops(12_835, 36) == 12_835 + 6 + 36 + complexity.mixed_loss_flops(36)
