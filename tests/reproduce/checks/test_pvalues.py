"""p values against SciPy."""

import math

import numpy as np
import pytest
from scipy import stats

from medrepro.reproduce.checks.pvalues import all_tests, chi_square_tail, fisher, likelihood_ratio, pearson, trend

TABLES = [
    [[57, 32], [98, 24]],
    [[115, 36], [40, 20]],
    [[3, 1], [1, 30]],
    [[37, 15], [95, 30], [23, 11]],
    [[135, 40], [17, 16], [3, 0]],
    [[1, 9], [9, 1], [4, 4]],
]


@pytest.mark.parametrize("df", range(1, 9))
@pytest.mark.parametrize("x", [0.0, 0.01, 1.3, 7.3, 40.0])
def test_chi_square_tail(x: float, df: int) -> None:
    assert chi_square_tail(x, df) == pytest.approx(stats.chi2.sf(x, df), rel=1e-10)


@pytest.mark.parametrize("counts", TABLES)
def test_independence_tests(counts: list[list[int]]) -> None:
    assert len(TABLES) == 6
    assert pearson(counts) == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue, rel=1e-9)
    g = stats.chi2_contingency(counts, correction=False, lambda_="log-likelihood").pvalue
    assert likelihood_ratio(counts) == pytest.approx(g, rel=1e-9)


@pytest.mark.parametrize("counts", TABLES[:2])
def test_two_by_two_tests(counts: list[list[int]]) -> None:
    assert pearson(counts, yates=True) == pytest.approx(stats.chi2_contingency(counts).pvalue, rel=1e-9)
    assert fisher(counts) == pytest.approx(stats.fisher_exact(np.array(counts)).pvalue, rel=1e-6)


@pytest.mark.parametrize("counts", TABLES[3:])
def test_freeman_halton_by_a_plain_loop(counts: list[list[int]]) -> None:
    sizes, first = [sum(row) for row in counts], sum(row[0] for row in counts)

    def weight(a: int, b: int) -> int:
        c = first - a - b
        if not 0 <= c <= sizes[2]:
            return 0
        return math.comb(sizes[0], a) * math.comb(sizes[1], b) * math.comb(sizes[2], c)

    weights = [weight(a, b) for a in range(sizes[0] + 1) for b in range(sizes[1] + 1)]
    seen = weight(counts[0][0], counts[1][0])
    assert fisher(counts) == pytest.approx(sum(w for w in weights if w <= seen) / sum(weights), rel=1e-6)


@pytest.mark.parametrize("counts", TABLES[3:])
def test_trend_is_the_squared_correlation(counts: list[list[int]]) -> None:
    x = np.repeat(np.arange(3), [sum(row) for row in counts])
    y = np.concatenate([np.repeat([0, 1], row) for row in counts])
    r = np.corrcoef(x, y)[0, 1]
    assert trend(counts) == pytest.approx(stats.chi2.sf((len(x) - 1) * r**2, 1), rel=1e-9)


def test_which_tests_apply() -> None:
    assert set(all_tests(TABLES[0])) == {
        "chi-square",
        "likelihood ratio",
        "chi-square with Yates' correction",
        "Fisher's exact test",
    }
    assert "linear trend" in all_tests(TABLES[3])
    assert set(all_tests([[1, 2, 3], [4, 5, 6]])) == {"chi-square", "likelihood ratio"}
    assert fisher([[10_000, 1], [1, 10_000], [5, 5]]) is None


@pytest.mark.parametrize("counts", [[[1, 2]], [[1], [2]], [[0, 0], [1, 2]], [[0, 1], [0, 2]], [[-1, 2], [3, 4]]])
def test_degenerate_counts_are_refused(counts: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="a table of counts needs"):
        all_tests(counts)
