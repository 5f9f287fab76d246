"""How fast, and how large, is the exact pairwise AUC loss? Against the pair matrix and against LibAUC.

In: nothing (seeded scores). Out: one line a size and method: milliseconds of value and gradient, peak memory
above the idle process. Each measurement is a process of its own, so that one's peak is not another's; what
would need more memory than is free is not run, and said so. Run: ``python benchmarks/pairwise_auc.py``
(with LibAUC: ``pip install libauc``).
"""

import multiprocessing as mp
import resource
import time
from collections.abc import Callable

import psutil
import torch
from torch import Tensor

from medrepro.lightning_modules.losses.pairwise_auc import PairwiseAUCLoss

SIZES = (4096, 65536)
PREVALENCE = 0.3
REPEATS = 3
MATRICES = 8  # pair matrices held at once, measured at N = 4096

Loss = Callable[[Tensor, Tensor], Tensor]


def pair_matrix(scores: Tensor, labels: Tensor) -> Tensor:
    """Eq. 12 with power 2 as it is written: all T+ T- pairs in memory."""
    return (1 - scores[labels == 1, None] + scores[labels == 0]).pow(2).mean() / 2


def ours(scores: Tensor, labels: Tensor) -> Tensor:
    """Power 2 from power sums."""
    loss: Tensor = PairwiseAUCLoss(2.0)(scores, labels)
    return loss


def ours_chunked(scores: Tensor, labels: Tensor) -> Tensor:
    """Power 2.5, which is no polynomial: pairs in chunks."""
    loss: Tensor = PairwiseAUCLoss(2.5)(scores, labels)
    return loss


def libauc(scores: Tensor, labels: Tensor) -> Tensor:
    """LibAUC's squared surrogate with margin 1: twice Eq. 12 with power 2."""
    from libauc.losses import PairwiseAUCLoss as Theirs

    loss: Tensor = Theirs(surr_loss="squared", hparam=1.0)(scores, labels)
    return loss / 2


METHODS: dict[str, tuple[Loss, bool]] = {  # whether it holds the pair matrix
    "ours, power 2 (power sums)": (ours, False),
    "ours, power 2.5 (chunks)": (ours_chunked, False),
    "pair matrix, power 2": (pair_matrix, True),
    "LibAUC, squared": (libauc, True),
}


def peak_mib() -> float:
    """Largest resident memory of this process so far, in MiB (Linux counts KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, size: int) -> tuple[float, float, float]:
    """Return the loss, the best seconds of value and gradient, and the peak MiB above the start."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(size, generator=generator).requires_grad_()
    labels = (torch.rand(size, generator=generator) < PREVALENCE).long()
    loss, _ = METHODS[name]
    small = torch.tensor([0.5, 0.5], requires_grad=True)
    torch.autograd.grad(loss(small, torch.tensor([0, 1])), small)  # imports and first-call costs are not the method's
    idle, seconds, value = peak_mib(), [], 0.0
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = loss(scores, labels)
        torch.autograd.grad(result, scores)
        seconds.append(time.perf_counter() - start)
        value = float(result.detach())
    return value, min(seconds), peak_mib() - idle


def needed_gib(size: int) -> float:
    """Memory that the pair matrix will ask for, in GiB."""
    return size**2 * PREVALENCE * (1 - PREVALENCE) * 4 * MATRICES / 2**30


def line(name: str, size: int) -> str:
    """Measure one method at one size in a fresh process and describe it."""
    head = f"N = {size:>6}  {name:<28}"
    free = psutil.virtual_memory().available / 2**30
    if METHODS[name][1] and needed_gib(size) > free:
        return f"{head} not run: the pairs need about {needed_gib(size):.0f} GiB, {free:.0f} are free"
    with mp.get_context("spawn").Pool(1) as pool:
        try:
            value, seconds, memory = pool.apply(measure, (name, size))
        except ModuleNotFoundError as error:
            return f"{head} not run: {error}"
    return f"{head} loss {value:.6f}  {1000 * seconds:10.2f} ms  peak +{memory:8.1f} MiB"


def main() -> None:
    """Print one line a size and method."""
    print("value and gradient, float32, one thread, best of", REPEATS)
    for size in SIZES:
        for name in METHODS:
            print(line(name, size), flush=True)


if __name__ == "__main__":
    main()
