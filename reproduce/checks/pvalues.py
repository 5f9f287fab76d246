"""p values of a small table of counts, by every usual test.

In: counts, one list a row (attribute value), one entry a column (group of patients). Out: p values by
Pearson's chi-square (with and without Yates' correction), the likelihood ratio, the trend test and
Fisher's exact test. Plain Python, so that the audit starts at once; tested against SciPy.
"""

import math
from collections.abc import Iterator, Sequence

Counts = Sequence[Sequence[int]]
EXACT_LIMIT = 200_000


def chi_square_tail(statistic: float, df: int) -> float:
    """P(X >= statistic) for a chi-square variable with ``df`` degrees of freedom.

    >>> round(chi_square_tail(3.841, 1), 3)
    0.05
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    tail = math.erfc(math.sqrt(half)) if df % 2 else math.exp(-half)
    exponent = 0.5 if df % 2 else 1.0
    while exponent < df / 2 - 1e-9:
        tail += math.exp(exponent * math.log(half) - half - math.lgamma(exponent + 1))
        exponent += 1
    return min(tail, 1.0)


def _expected(counts: Counts) -> list[list[float]]:
    rows = [sum(row) for row in counts]
    columns = [sum(column) for column in zip(*counts, strict=True)]
    return [[r * c / sum(rows) for c in columns] for r in rows]


def _degrees(counts: Counts) -> int:
    return (len(counts) - 1) * (len(counts[0]) - 1)


def pearson(counts: Counts, *, yates: bool = False) -> float:
    """Pearson's chi-square test of independence."""
    shift = 0.5 if yates else 0.0
    statistic = sum(
        max(abs(seen - mean) - shift, 0.0) ** 2 / mean
        for row, means in zip(counts, _expected(counts), strict=True)
        for seen, mean in zip(row, means, strict=True)
    )
    return chi_square_tail(statistic, _degrees(counts))


def likelihood_ratio(counts: Counts) -> float:
    """The G test of independence."""
    statistic = 2 * sum(
        seen * math.log(seen / mean)
        for row, means in zip(counts, _expected(counts), strict=True)
        for seen, mean in zip(row, means, strict=True)
        if seen
    )
    return chi_square_tail(statistic, _degrees(counts))


def trend(counts: Counts) -> float:
    """Linear-by-linear association of the ordered rows (scores 0, 1, 2, ...) with two columns."""
    n = sum(map(sum, counts))
    x = [(score, sum(row)) for score, row in enumerate(counts)]
    mean_x = sum(score * size for score, size in x) / n
    mean_y = sum(row[1] for row in counts) / n
    var_x = sum(size * (score - mean_x) ** 2 for score, size in x)
    var_y = n * mean_y * (1 - mean_y)
    joint = sum((score - mean_x) * (row[1] - mean_y * sum(row)) for score, row in enumerate(counts))
    return chi_square_tail((n - 1) * joint**2 / (var_x * var_y), 1)


def fisher(counts: Counts) -> float | None:
    """Fisher's exact test (Freeman-Halton for more than two rows), two columns; None if too large."""
    rows = [sum(row) for row in counts]
    first = sum(row[0] for row in counts)
    if math.prod(size + 1 for size in rows[:-1]) > EXACT_LIMIT:
        return None
    seen = _log_weight([row[0] for row in counts], rows)
    weights = [_log_weight(column, rows) for column in _columns(rows, first)]
    largest = max(weights)
    scaled = [(weight, math.exp(weight - largest)) for weight in weights]
    rarer = math.fsum(share for weight, share in scaled if weight <= seen + 1e-7)
    return min(1.0, rarer / math.fsum(share for _, share in scaled))


def _columns(rows: Sequence[int], first: int) -> Iterator[list[int]]:
    """All first columns with these row sums that add up to ``first``."""
    if len(rows) == 1:
        if first <= rows[0]:
            yield [first]
        return
    for count in range(min(rows[0], first) + 1):
        for rest in _columns(rows[1:], first - count):
            yield [count, *rest]


def _log_weight(column: Sequence[int], rows: Sequence[int]) -> float:
    return sum(
        math.lgamma(size + 1) - math.lgamma(k + 1) - math.lgamma(size - k + 1)
        for k, size in zip(column, rows, strict=True)
    )


def all_tests(counts: Counts) -> dict[str, float]:
    """Every test that applies, by name.

    Raises:
        ValueError: fewer than two rows or columns, or a row or column of zeros.
    """
    if len(counts) < 2 or len(counts[0]) < 2 or any(min(row) < 0 for row in counts):
        raise ValueError("a table of counts needs two rows and two columns of whole numbers >= 0")
    if not all(map(sum, counts)) or not all(map(sum, zip(*counts, strict=True))):
        raise ValueError("a table of counts needs something in every row and column")
    tests = {"chi-square": pearson(counts), "likelihood ratio": likelihood_ratio(counts)}
    if len(counts[0]) != 2:
        return tests
    if len(counts) == 2:
        tests["chi-square with Yates' correction"] = pearson(counts, yates=True)
    else:
        tests["linear trend"] = trend(counts)
    exact = fisher(counts)
    return tests if exact is None else {**tests, "Fisher's exact test": exact}
