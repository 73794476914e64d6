"""What a lane would have measured that went well, as values; tests change one thing of it."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from platform_assets.lanes.histograms import new_histogram, record_values
from platform_assets.lanes.measured import Interval, Measured, Sample
from platform_assets.lanes.metrics import METRICS
from platform_assets.lanes.plan import LanePlan
from platform_assets.lanes.plan_loading import resolve
from platform_assets.lanes.schedule import SECOND, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DRAIN_SECONDS = 4


def plan_with(thresholds: Mapping[str, Any], *, lane: str = "burst", **changed: Any) -> LanePlan:
    """Return the smoke plan of a lane with these thresholds alone."""
    return LanePlan.model_validate({**_smoke(lane), "thresholds": dict(thresholds), **changed})


@functools.cache
def _smoke(lane: str) -> dict[str, Any]:
    return resolve(lane, "smoke", plan=None, target=None).record()


def threshold(metric: str, statistic: str, **changed: Any) -> dict[str, Any]:
    """Return a threshold in base units, as a plan declares it."""
    unit = {"time": "us", "bytes": "B", "count": "1", "rate": "/s", "share": "ppm"}
    return {
        "metric": metric,
        "statistic": statistic,
        "unit": unit[METRICS[metric].dimension],
        **changed,
    }


def phases_of(plan: LanePlan) -> dict[str, tuple[int, int]]:
    end = plan.workload.seconds * SECOND
    return {**Schedule(plan.workload).phases(), "drain": (end, end + DRAIN_SECONDS * SECOND)}


def measured_well(plan: LanePlan, value: int = 100) -> Measured:
    """Return every metric of ``value`` all the time: gauges by second, of each thing ten samples."""
    phases = phases_of(plan)
    seconds = range(max(end for _, end in phases.values()) // SECOND)
    gauge = [Sample(second * SECOND + 7_000, "", value) for second in seconds]
    each = [Sample(number * 2 * SECOND, f"thing {number}", value) for number in range(10)]
    return Measured(
        phases=phases,
        series={
            name: list(gauge if metric.kind == "gauge" else each)
            for name, metric in METRICS.items()
            if metric.kind != "histogram"
        },
        histograms={
            name: intervals_of(plan, value)
            for name, metric in METRICS.items()
            if metric.kind == "histogram"
        },
    )


def intervals_of(plan: LanePlan, value: int, label: str = "") -> list[Interval]:
    """Return a histogram for each second of the load, with ``value`` for each event of the plan."""
    schedule = Schedule(plan.workload)
    counts = np.bincount(schedule.intended(np.arange(plan.workload.events)) // SECOND)
    return [
        interval(second * SECOND, [value] * int(count), label)
        for second, count in enumerate(counts)
    ]


def interval(begin: int, values: Sequence[int], label: str = "") -> Interval:
    histogram = new_histogram()
    record_values(histogram, np.array(values, dtype=np.int64))
    return Interval.of(begin, begin + SECOND, label, histogram)


def with_series(measured: Measured, metric: str, samples: Iterable[Sample]) -> Measured:
    return replace(measured, series={**measured.series, metric: list(samples)})


def with_histograms(measured: Measured, metric: str, intervals: Iterable[Interval]) -> Measured:
    return replace(measured, histograms={**measured.histograms, metric: list(intervals)})
