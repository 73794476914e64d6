"""How long events took, over time and in all: histograms put together for people to look at.

Histograms of all labels are added up; adding loses nothing. Over time they are put together for round
lengths of time, so that a plot of a long lane has as many points as one of a short lane. Of all values
every one is on the curve whose share of slower events differs enough to be seen, and the percentiles
that thresholds are about are on it exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platform_assets.lanes.histograms import counted, merged
from platform_assets.lanes.statistics import PERCENTILES
from platform_assets.reports.lane_model import DistributionView, Percentiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hdrh.histogram import HdrHistogram

    from platform_assets.lanes.measured import Interval

_SECOND = 1_000_000
_LENGTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_MOST_POINTS = 200
#: The next point of a curve has so many times fewer slower events.
_RATIO = 1.05
#: All but one in so many: where p50, p95, p99 and p99.9 are.
_EXACT = (2, 20, 100, 1_000)


def distribution(metric: str, intervals: Sequence[Interval]) -> DistributionView:
    """Return the distribution of a metric's values."""
    length = _length(max((each.end for each in intervals), default=0))
    groups: dict[int, list[Interval]] = {}
    for interval in sorted(intervals, key=lambda each: (each.begin, each.label)):
        groups.setdefault(interval.begin // length * length, []).append(interval)
    whole, over_time = merged(()), []
    for begin, members in sorted(groups.items()):
        histogram = merged(each.histogram for each in members)
        over_time.append(_percentiles(begin, begin + length, histogram))
        whole.add(histogram)
    return DistributionView(metric, tuple(over_time), _curve(counted(whole)))


def _length(end: int) -> int:
    """Return the least round length of time of which few enough make up all of it."""
    lengths = (length * _SECOND for length in _LENGTHS)
    return next((each for each in lengths if end <= each * _MOST_POINTS), _LENGTHS[-1] * _SECOND)


def _percentiles(begin: int, end: int, histogram: HdrHistogram) -> Percentiles:
    reached = np.cumsum(np.frombuffer(histogram.counts, dtype=np.uint64).astype(np.int64))
    total = int(reached[-1])

    def at(thousandths: int) -> int:
        """Return the value of a rank, as the verdict does."""
        place = int(np.searchsorted(reached, -(-total * thousandths // 1000)))
        value = histogram.get_value_from_index(place)
        return int(histogram.get_highest_equivalent_value(value))

    p50, p95, p99 = (at(PERCENTILES[name]) for name in ("p50", "p95", "p99"))
    return Percentiles(begin, end, total, p50, p95, p99, at(1000))


def _curve(values: Sequence[tuple[int, int]]) -> tuple[tuple[float, int], ...]:
    """Return for each value worth a point: all but one in how many are at most so much."""
    total = sum(count for _, count in values)
    points: list[tuple[float, int]] = []
    reached, marks = 0, list(_EXACT)
    for value, count in values:
        reached += count
        slower = total - reached
        one_in = total / slower if slower else float(total)
        crosses = bool(marks) and one_in >= marks[0]
        if not points or crosses or one_in >= points[-1][0] * _RATIO or not slower:
            points.append((one_in, value))
        while marks and one_in >= marks[0]:
            marks.pop(0)
    return tuple(points)
