"""Statistics of drift are those of the books and of SciPy, and their bins come from the baseline."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from platform_assets.adapters.profiling import log_buckets
from platform_assets.flow.drift import bins, distance, jensen_shannon, ks, psi
from platform_assets.flow.profile import ColumnProfile

COUNTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8).filter(
    lambda pairs: any(a for a, _ in pairs) and any(b for _, b in pairs)
)


def numbers(*buckets: int) -> ColumnProfile:
    return ColumnProfile("x", "int64", buckets=Counter(buckets))


def bucket_of(number: float) -> int:
    (bucket,) = log_buckets(np.array([number]))
    return bucket


def texts(**values: int) -> ColumnProfile:
    return ColumnProfile("x", "string", values=values)


@given(pairs=COUNTS)
def test_the_distance_of_jensen_and_shannon_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    p, q = ([pair[side] for pair in pairs] for side in (0, 1))
    # the square root widens what is left of two equal sides
    assert jensen_shannon(p, q) == pytest.approx(float(jensenshannon(p, q, base=2)), abs=1e-7)


@given(pairs=COUNTS)
def test_the_statistic_of_kolmogorov_and_smirnov_is_that_of_scipy(
    pairs: list[tuple[int, int]],
) -> None:
    p, q = ([pair[side] for pair in pairs] for side in (0, 1))
    drawn = [[n for n, count in enumerate(side) for _ in range(count)] for side in (p, q)]
    assert ks(p, q) == pytest.approx(float(ks_2samp(*drawn, method="asymp").statistic), abs=1e-12)


def test_the_stability_index_is_that_of_the_book() -> None:
    # 0.1 ln(0.6 / 0.5) - 0.1 ln(0.4 / 0.5), by hand
    assert psi([50, 50], [60, 40]) == pytest.approx(0.1 * 0.1823215568 + 0.1 * 0.2231435513)
    assert psi([30, 70], [3, 7]) == 0
    # an empty bin is taken for one of 0.0001: (0.5 - 0.0001) ln(0.5 / 0.0001) and 0.5 ln(2)
    assert psi([100, 0], [50, 50]) == pytest.approx(0.4999 * 8.5171931914 + 0.5 * 0.6931471806)


def test_the_bins_of_numbers_are_the_deciles_of_the_baseline() -> None:
    baseline = numbers(*range(100))
    assert distance("psi", baseline, baseline) == 0
    # within a decile, what moves is not seen; across its border it is
    assert distance("psi", baseline, numbers(*[10 * (n // 10) for n in range(100)])) == 0
    # all below the first border: (1 - 0.1) ln(10) and nine times (0.1 - 0.0001) ln(1000)
    found = distance("psi", baseline, numbers(*[-5] * 30))
    assert found is not None
    assert float(found) == pytest.approx(0.9 * 2.302585093 + 9 * 0.0999 * 6.907755279, abs=1e-6)
    # above all of the baseline is the last decile too
    assert distance("psi", baseline, numbers(*[500] * 30)) == found
    assert distance("ks", baseline, numbers(*[-5] * 30)) == 1
    assert distance("ks", baseline, numbers(*range(50))) == Decimal("0.500000")


def test_a_bin_of_numbers_is_named_by_where_it_ends() -> None:
    edges = [-2.0, -1.0, 1.0, 2.0]
    found = ColumnProfile("x", "float64", buckets=dict.fromkeys(map(bucket_of, edges), 1))
    labels = [each.label for each in bins(found, found)]
    assert labels == ["up to -2", "up to -1", "below 1.03125", "the rest"]
    decimals = ColumnProfile("x", "decimal", buckets=found.buckets)
    assert [each.label for each in bins(decimals, decimals)][:2] == ["decile 1", "decile 2"]


def test_a_baseline_of_one_value_has_one_bin() -> None:
    assert distance("psi", numbers(7, 7, 7), numbers(7)) == 0
    assert distance("ks", numbers(7, 7, 7), numbers(8)) == 1


def test_values_that_the_baseline_does_not_list_are_one_bin() -> None:
    baseline = texts(a=50, b=50)
    assert distance("jensen_shannon", baseline, texts(a=1, b=1)) == 0
    assert distance("jensen_shannon", baseline, texts(c=3, d=4)) == 1
    assert distance("psi", baseline, texts(c=3, a=4)) == distance(
        "psi", baseline, texts(c=1, d=2, a=4)
    )


def test_instants_are_compared_by_the_hour() -> None:
    noon = ColumnProfile("x", "timestamp", buckets={48: 5, 51: 5})
    assert distance("psi", noon, ColumnProfile("x", "timestamp", buckets={49: 1})) == 0
    later = ColumnProfile("x", "timestamp", buckets={52: 1})
    assert distance("jensen_shannon", noon, later) == 1


def test_without_values_there_is_no_distance() -> None:
    for statistic in ("psi", "ks", "jensen_shannon"):
        assert distance(statistic, numbers(), numbers(1)) is None
        assert distance(statistic, numbers(1), numbers()) is None


@pytest.mark.parametrize("whose", ["baseline", "product"])
def test_values_that_are_not_listed_cannot_be_compared(whose: str) -> None:
    listed, unlisted = texts(a=1), ColumnProfile("x", "string", buckets={1: 300})
    pair = (unlisted, listed) if whose == "baseline" else (listed, unlisted)
    with pytest.raises(ValueError, match=f"too many different values in the {whose}"):
        distance("psi", *pair)
