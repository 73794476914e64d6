"""Histograms put together for people: nothing lost, and percentiles as the verdict has them."""

from __future__ import annotations

from random import Random

import pytest

from platform_assets.lanes.distributions import distribution
from platform_assets.lanes.histograms import counted, merged
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.statistics import PERCENTILES, percentile
from platform_assets_tests.lanes.measurements import interval


def seconds(number: int, values: int = 50) -> list[list[int]]:
    random = Random(number)  # noqa: S311 - made-up latencies
    return [[round(random.lognormvariate(9, 1)) for _ in range(values)] for _ in range(number)]


def test_percentiles_are_those_of_the_verdict() -> None:
    values = seconds(40)
    intervals = [interval(n * SECOND, each) for n, each in enumerate(values)]
    found = distribution("latency", intervals)
    whole = counted(merged(each.histogram for each in intervals))
    for n, name in ((2, "p50"), (20, "p95"), (100, "p99"), (1_000, "p99_9")):
        assert found.all_but_one_in(n) == percentile(whole, PERCENTILES[name])
    assert found.most == whole[-1][0]
    even = distribution("latency", [interval(0, range(1, 2_001))])
    assert [even.all_but_one_in(n) for n in (2, 20, 100, 1_000)] == [1_000, 1_900, 1_980, 1_998]
    first = counted(intervals[0].histogram)
    assert found.over_time[0].p95 == percentile(first, PERCENTILES["p95"])
    assert found.over_time[0].most == first[-1][0]


def test_no_value_is_lost_and_the_largest_is_seen_whatever_is_put_together() -> None:
    values = seconds(1_000, values=3)
    values[777].append(90 * SECOND)
    found = distribution("slip", [interval(n * SECOND, each) for n, each in enumerate(values)])
    assert found.count == 3_001
    assert len(found.over_time) == 200
    assert {each.end - each.begin for each in found.over_time} == {5 * SECOND}
    worst = max(found.over_time, key=lambda each: each.most)
    assert worst.begin <= 777 * SECOND < worst.end
    assert found.curve[-1] == (3_001.0, found.most)
    assert found.most == pytest.approx(90 * SECOND, rel=0.001)


def test_what_several_processes_measured_in_a_second_is_one() -> None:
    found = distribution(
        "slip", [interval(0, [10, 10], "generator-0"), interval(0, [30, 30], "generator-1")]
    )
    (only,) = found.over_time
    assert (only.count, only.p50, only.most) == (4, 10, 30)


def test_a_curve_rises_and_has_few_points() -> None:
    values = seconds(100, values=1_000)
    found = distribution("latency", [interval(n * SECOND, each) for n, each in enumerate(values)])
    assert list(found.curve) == sorted(found.curve)
    assert len(found.curve) < 300


def test_of_nothing_there_is_nothing() -> None:
    found = distribution("latency", [])
    assert (found.over_time, found.curve, found.most) == ((), (), None)
