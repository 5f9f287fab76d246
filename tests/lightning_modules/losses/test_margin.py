"""MarginLoss against plain loops, its properties, the hinges, its errors, and value and gradient under gloo."""

from typing import get_args

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from medrepro.lightning_modules.losses.margin import MarginForm, MarginLoss, balanced_weights
from tests._gloo import Run

FORMS = get_args(MarginForm)
WEIGHTS = (None, [0.2, 3.0, 1.0])


def test_both_forms_are_tested() -> None:
    assert FORMS == ("printed", "capsule")


def loop(v: Tensor, labels: Tensor, form: str, weights: list[float] | None) -> float:
    total = 0.0
    for row, label in zip(v.tolist(), labels.tolist(), strict=True):
        for k, length in enumerate(row):
            if form == "printed":
                present, absent = max(0.0, 0.9 - length**2), max(0.0, length**2 - 0.1)
            else:
                present, absent = max(0.0, 0.9 - abs(length)) ** 2, max(0.0, abs(length) - 0.1) ** 2
            term = present if k == label else 0.5 * absent
            total += term * (1.0 if weights is None else weights[label])
    return total / len(labels)


def batch(count: int = 12, classes: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    v = torch.randn(count, classes, generator=generator, dtype=torch.float64)
    return v, torch.randint(0, classes, (count,), generator=generator)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_equals_a_loop(form: MarginForm, weights: list[float] | None) -> None:
    v, labels = batch()
    for outputs in (v, v.softmax(dim=1)):
        loss = MarginLoss(class_weights=weights, form=form)(outputs, labels)
        assert loss.item() == pytest.approx(loop(outputs, labels, form, weights), abs=1e-7)


def test_the_two_forms_differ_and_the_papers_is_the_default() -> None:
    v, labels = torch.tensor([[0.5, 0.5]], dtype=torch.float64), torch.tensor([0])
    assert MarginLoss()(v, labels).item() == pytest.approx(0.65 + 0.5 * 0.15)
    assert MarginLoss(form="capsule")(v, labels).item() == pytest.approx(0.4**2 + 0.5 * 0.4**2)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_equals_finite_differences_away_from_the_hinges(form: MarginForm) -> None:
    v, labels = batch()
    v = v.softmax(dim=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: MarginLoss(form=form)(x, labels), (v,))


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_finite_at_the_hinges_and_at_zero(form: MarginForm) -> None:
    edges = [0.0, 0.1, 0.1**0.5, 0.9, 0.9**0.5, 1.0]
    v = torch.tensor([[a, b] for a in edges for b in edges], requires_grad=True)
    MarginLoss(form=form)(v, torch.zeros(len(v), dtype=torch.long)).backward()
    assert v.grad is not None
    assert v.grad.isfinite().all()
    assert v.grad.ne(0).any()


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_of_one_class_keeps_its_weight(form: MarginForm) -> None:
    v, _ = batch()
    rare = torch.full((len(v),), 1)
    plain, weighted = MarginLoss(form=form)(v, rare), MarginLoss(class_weights=[0.2, 3.0, 1.0], form=form)(v, rare)
    assert plain.item() > 0
    assert weighted.item() == pytest.approx(3 * plain.item())


@pytest.mark.parametrize("form", FORMS)
def test_confident_and_right_costs_nothing_and_wrong_costs_most(form: MarginForm) -> None:
    v = torch.tensor([[0.96, 0.04], [0.04, 0.96]])
    assert MarginLoss(form=form)(v, torch.tensor([0, 1])).item() == 0
    assert MarginLoss(form=form)(v, torch.tensor([1, 0])).item() > 0.9


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5), st.sampled_from(FORMS))
@settings(max_examples=40, deadline=None)
def test_more_of_the_true_class_never_costs_more(lengths: list[float], form: MarginForm) -> None:
    v, label = torch.tensor([lengths], dtype=torch.float64), torch.tensor([0])
    more = v.clone()
    more[0, 0] = (v[0, 0] + 1) / 2
    assert MarginLoss(form=form)(more, label) <= MarginLoss(form=form)(v, label)


def test_an_empty_batch_costs_nothing_and_can_be_differentiated() -> None:
    v = torch.zeros(0, 3, requires_grad=True)
    loss = MarginLoss()(v, torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0


@given(st.lists(st.integers(1, 500), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_balanced_weights_give_every_class_the_same_share(counts: list[int]) -> None:
    weights = np.array(balanced_weights(counts))
    shares = weights * counts
    np.testing.assert_allclose(shares, shares[0])
    assert shares.sum() == pytest.approx(sum(counts))


def test_refuses_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="every class needs at least one"):
        balanced_weights([3, 0])
    with pytest.raises(ValueError, match="0 <= m_neg < m_pos"):
        MarginLoss(m_pos=0.1, m_neg=0.9)
    with pytest.raises(ValueError, match="'printed' and 'capsule'"):
        MarginLoss(form="squared")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="finite and >= 0"):
        MarginLoss(class_weights=[-1.0, 1.0])
    v = torch.rand(4, 2)
    with pytest.raises(ValueError, match=r"\(4, 2\) and labels \(3,\)"):
        MarginLoss()(v, torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"labels span 0\.\.2; allowed: 0\.\.1"):
        MarginLoss()(v, torch.tensor([0, 1, 2, 0]))
    with pytest.raises(ValueError, match="3 class weights for 2 classes"):
        MarginLoss(class_weights=[1.0, 1.0, 1.0])(v, torch.zeros(4, dtype=torch.long))


def _on_a_rank(form: MarginForm) -> tuple[float, list[list[float]], int]:
    """Loss and gradient of this rank's share: two samples fewer on every further rank."""
    v, labels = batch(12)
    rank, ranks = dist.get_rank(), dist.get_world_size()
    begins = [0, 7, 12] if ranks == 2 else [0, 6, 10, 12]
    share = v[begins[rank] : begins[rank + 1]].clone().requires_grad_()
    loss = MarginLoss(class_weights=WEIGHTS[1], form=form)(share, labels[begins[rank] : begins[rank + 1]])
    loss.backward()
    assert share.grad is not None
    return loss.item(), share.grad.tolist(), ranks


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("form", FORMS)
def test_value_and_gradient_under_ddp_are_the_global_batchs(gloo: Run, ranks: int, form: MarginForm) -> None:
    v, labels = batch(12)
    v.requires_grad_()
    expected = MarginLoss(class_weights=WEIGHTS[1], form=form)(v, labels)
    expected.backward()
    answers = gloo(ranks, _on_a_rank, form)
    assert np.mean([value for value, _, _ in answers]) == pytest.approx(expected.item(), abs=1e-12)
    averaged = torch.tensor([row for _, rows, _ in answers for row in rows], dtype=torch.float64) / ranks
    torch.testing.assert_close(averaged, v.grad, rtol=0, atol=1e-12)
