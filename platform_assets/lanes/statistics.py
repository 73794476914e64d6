"""Statistics of integers, exact, each as an integer again.

A percentile is the value of its rank: the smallest one that at least so many of all values are not
above. A mean that is no integer is rounded against whoever wants to pass: up where it may be at most so
much, down where it has to be at least so much.
"""

from __future__ import annotations

from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    #: Values in their order, each with how often it occurs.
    Counted = Sequence[tuple[int, int]]

#: Percentile -> parts of a thousand.
PERCENTILES: Mapping[str, int] = MappingProxyType(
    {"p50": 500, "p95": 950, "p99": 990, "p99_9": 999}
)


def statistic(name: str, values: Counted, *, round_up: bool) -> int:
    """Return a statistic of values that are counted and sorted; there is at least one."""
    if name in PERCENTILES:
        return percentile(values, PERCENTILES[name])
    return _STATISTICS[name](values, round_up)


def percentile(values: Counted, thousandths: int) -> int:
    """Return the value of which so many thousandths of all are not above."""
    total = sum(count for _, count in values)
    rank = -(-total * thousandths // 1000)
    reached = accumulate(count for _, count in values)
    return next(
        value for (value, _), so_many in zip(values, reached, strict=True) if so_many >= rank
    )


def _mean(values: Counted, round_up: bool) -> int:
    total, count = _sum(values), sum(count for _, count in values)
    return -(-total // count) if round_up else total // count


def _sum(values: Counted) -> int:
    return sum(value * count for value, count in values)


_STATISTICS: dict[str, Callable[[Counted, bool], int]] = {
    "min": lambda values, _: values[0][0],
    "max": lambda values, _: values[-1][0],
    "sum": lambda values, _: _sum(values),
    "mean": _mean,
}
