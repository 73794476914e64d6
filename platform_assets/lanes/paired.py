"""Paired statistics: how much one series lies above another, how sure that is, and by what chance.

Everything is computed with logarithms of ratios, so that a half and a double are equally far from no
change. The estimate is the one of Hodges and Lehmann (1963), the median of the means of all pairs of
differences, which single outliers do not move. Its interval is a bootstrap of blocks of neighbours
(Politis and Romano 1992), because what is measured one after another is not independent; the seed is
fixed, so that the same evidence gives the same interval. The chance is that of Wilcoxon's signed-rank
test, and is corrected for how many tests there are (Holm 1979).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
_SEED = 6
_RESAMPLES = 2_000
_AT_ONCE = 250
#: More pairs than these are put together with their neighbours: the work grows with their square.
_MOST_PAIRS = 128


class Estimate(NamedTuple):
    """The ratio of two series as its logarithm, the ends of its interval, and dependence.

    ``alike`` is how many pairs count as one, because neighbours resemble each other; 1 or more.
    """

    middle: float
    low: float
    high: float
    alike: float


def log_ratios(before: Floats, after: Floats) -> Floats:
    """Return the logarithm of each ratio; what is below one base unit counts as one."""
    return np.log(np.maximum(after, 1.0)) - np.log(np.maximum(before, 1.0))


def estimate(ratios: Floats) -> Estimate:
    """Return what differences of logarithms come to.

    Args:
        ratios: one for each pair, in the order in which they were measured; at least two.
    """
    few = _neighbours_together(ratios)
    first, second = np.triu_indices(len(few))
    middle = float(np.median((few[first] + few[second]) / 2))
    rows = few[np.random.default_rng(_SEED).integers(0, len(few), (_RESAMPLES, len(few)))]
    middles = np.concatenate(
        [
            np.median((some[:, first] + some[:, second]) / 2, axis=1)
            for some in np.split(rows, _RESAMPLES // _AT_ONCE)
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(middles, [tail, 1 - tail])
    fewer = _counted_as_one(few)
    freedom = max(1.0, len(few) / fewer - 1)
    wider = math.sqrt(fewer) * float(stats.t.isf(tail, freedom) / stats.norm.isf(tail))
    return Estimate(
        middle,
        middle + (float(low) - middle) * wider,
        middle + (float(high) - middle) * wider,
        fewer,
    )


def chance_beyond(ratios: Floats, found: Estimate, margin: float) -> float:
    """Return the chance to find such a ratio where the true one is no further from none than a margin.

    Of the signed-rank test, with as many pairs as count.
    """
    beyond = math.copysign(1.0, found.middle) * _neighbours_together(ratios) - margin
    if not beyond.any():
        return 1.0
    one_way = float(stats.wilcoxon(beyond, zero_method="zsplit", alternative="greater").pvalue)
    return min(1.0, float(2 * stats.norm.sf(stats.norm.isf(one_way) / math.sqrt(found.alike))))


def hodges_lehmann(ratios: Floats) -> float:
    """Return the median of the means of all pairs."""
    few = _neighbours_together(ratios)
    first, second = np.triu_indices(len(few))
    return float(np.median((few[first] + few[second]) / 2))


def holm(chances: Sequence[float]) -> list[float]:
    """Return chances as they are after correction for how many there are, in the same order."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    corrected = [1.0] * len(chances)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, chances[index] * (len(chances) - rank)))
        corrected[index] = largest
    return corrected


def _neighbours_together(ratios: Floats) -> Floats:
    groups = min(len(ratios), _MOST_PAIRS)
    return np.array([group.mean() for group in np.array_split(ratios, groups)])


def _counted_as_one(ratios: Floats) -> float:
    """Return how many pairs count as one, because neighbours resemble each other."""
    around = ratios - ratios.mean()
    square = float(around @ around)
    if square == 0:
        return 1.0
    alike = float(around[:-1] @ around[1:]) / square
    # what so few pairs show is too low by about so much (Marriott and Pope 1954)
    alike = min(max(0.0, alike + (1 + 3 * alike) / len(ratios)), 0.95)
    return (1 + alike) / (1 - alike)
