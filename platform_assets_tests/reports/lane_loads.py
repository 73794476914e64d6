"""Made-up measurements that hang together: they follow from when runs are pinned and closed."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.reports.lane_model import (
    DistributionView,
    Percentiles,
    PhaseView,
    RunView,
    SeriesView,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

SECOND = 1_000_000
MIB, GIB = 2**20, 2**30
WINDOW = 10
_STEPS = {"landing": 1.1, "admission": 1.6, "products": 1.9, "checks": 0.8, "closure": 0.4}


def sha(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Load:
    """The phases of a load and how long its runs take; outages make runs wait."""

    lane: str
    phases: tuple[tuple[str, int, int], ...]  # name, seconds, rate
    drain: int
    busy: Callable[[int], float]
    seed: int = 7

    @property
    def seconds(self) -> int:
        return sum(seconds for _, seconds, _ in self.phases)

    def rate(self, second: int) -> int:
        for _, seconds, rate in self.phases:
            if second < seconds:
                return rate
            second -= seconds
        return 0

    def views(self) -> tuple[PhaseView, ...]:
        begin, views = 0, []
        for name, seconds, rate in self.phases:
            views.append(PhaseView(name, begin * SECOND, (begin + seconds) * SECOND, rate))
            begin += seconds
        views.append(PhaseView("drain", begin * SECOND, (begin + self.drain) * SECOND))
        return tuple(views)


def runs_of(load: Load, random: Random) -> list[RunView]:
    """Windows of ten seconds, one run after the other."""
    runs: list[RunView] = []
    free = 0.0
    for number, begin in enumerate(range(0, load.seconds, WINDOW), 1):
        pinned = max(begin + WINDOW + 0.2, free)
        events = sum(load.rate(s) for s in range(begin, min(begin + WINDOW, load.seconds)))
        took = (1.2 + events / 46_000) * load.busy(begin) * random.uniform(0.93, 1.12)
        free = pinned + took
        bad, twice = events // 200, events // 100
        runs.append(
            RunView(
                run_id=f"load-{number:08d}",
                pinned=round(pinned * SECOND),
                closed=round(free * SECOND),
                delivered=events,
                admitted=events - bad - twice,
                duplicate=twice,
                quarantined=bad,
                bundle_digest=sha(f"{load.lane} {number}"),
            )
        )
    return runs


def series_of(load: Load, runs: Sequence[RunView], random: Random) -> tuple[SeriesView, ...]:
    end = max(load.seconds + load.drain, math.ceil((runs[-1].closed or 0) / SECOND) + 1)
    gauges: dict[str, list[tuple[int, int]]] = {}

    def note(metric: str, second: int, value: float) -> None:
        gauges.setdefault(metric, []).append((second * SECOND, round(value)))

    closed = {}
    for run in runs:
        closed.setdefault((run.closed or 0) // SECOND, []).append(run.delivered)
    oldest = 0
    certified = sent = 0
    for second in range(end):
        while oldest < len(runs) and (runs[oldest].closed or 0) <= second * SECOND:
            certified += runs[oldest].delivered
            oldest += 1
        rate = load.rate(second)
        sent += rate
        waiting = max(second - oldest * WINDOW, 0) if sent > certified else 0
        working = any(
            r.pinned <= second * SECOND < (r.closed or 0) for r in runs[max(oldest - 1, 0) :][:3]
        )
        if second < load.seconds:
            note("offered", second, rate)
            note("achieved", second, rate * random.uniform(0.995, 1.005))
            note("acknowledged", second, rate * random.uniform(0.97, 1.03))
        note("certified", second, sum(closed.get(second, ())))
        note("backlog", second, sent - certified)
        note("lag", second, waiting * SECOND)
        note("open_runs", second, sum(r.pinned <= second * SECOND for r in runs[oldest:]))
        held = 610 * MIB + (240 * MIB if working else 0) + random.gauss(0, 6 * MIB)
        note("memory_held", second, held + second * 1_800)
        note("memory", second, held * 1.32 + 190 * MIB + random.gauss(0, 11 * MIB))
        note("descriptors", second, 212 + (38 if working else 0) + random.randint(-3, 3))
        note("threads", second, 46 + (9 if working else 0) + random.randint(-1, 1))
        note("cpu", second, (1_640_000 if working else 420_000) * random.uniform(0.86, 1.12))
        note("memory_beside generator-0", second, 210 * MIB + random.gauss(0, MIB))
        note("memory_beside kafka", second, 900 * MIB + random.gauss(0, 4 * MIB))
        note("memory_beside conductor", second, 330 * MIB + second * 4_000)
        note("cpu_beside generator-0", second, rate * 16 * random.uniform(0.9, 1.1))
        note("cpu_beside kafka", second, rate * 9 * random.uniform(0.8, 1.3))
        note("cpu_beside conductor", second, 42_000 * random.uniform(0.6, 2))
        note("store_size", second, 64 * MIB + certified * 92)
        note("scratch_size", second, (310 * MIB if working else 3 * MIB) * random.uniform(0.4, 1))
        note("log_size", second, 90_000 + second * 1_500)
    each: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for run in runs:
        at = run.closed or run.pinned
        took = at - run.pinned
        each.setdefault(("run_duration", ""), []).append((at, took))
        share = round(run.quarantined * 1_000_000 / run.delivered * random.uniform(0.9, 1.1))
        each.setdefault(("quarantined", ""), []).append((at, share))
        floor = round(604 * MIB + at / SECOND * 1_800 + random.gauss(0, 4 * MIB))
        each.setdefault(("memory_floor", ""), []).append((at, floor))
        whole = sum(_STEPS.values())
        for step, part in _STEPS.items():
            value = round(took * part / whole * random.uniform(0.85, 1.15))
            each.setdefault(("step_duration", step), []).append((at, value))
    return (
        *(
            SeriesView(metric.partition(" ")[0], metric.partition(" ")[2], tuple(points))
            for metric, points in gauges.items()
        ),
        *(SeriesView(metric, label, tuple(points)) for (metric, label), points in each.items()),
    )


def latency_of(load: Load, runs: Sequence[RunView], random: Random) -> DistributionView:
    """Every event waits from when it was due until its run was closed."""
    points, waits = [], []
    for second in range(0, load.seconds, WINDOW):
        run = runs[second // WINDOW]
        last = (run.closed or 0) - (second + WINDOW) * SECOND
        whole = WINDOW * SECOND
        p50, p95, p99 = (last + round(whole * part) for part in (0.5, 0.95, 0.99))
        most = last + whole + random.randint(0, SECOND // 5)
        count = run.delivered
        points.append(
            Percentiles(second * SECOND, (second + WINDOW) * SECOND, count, p50, p95, p99, most)
        )
        waits += [last + round(whole * random.random()) for _ in range(200)]
    waits.sort()
    return DistributionView("latency", tuple(points), _curve(waits, points))


def quick(metric: str, load: Load, middle: int, random: Random) -> DistributionView:
    """A latency with a long tail."""
    points, values = [], []
    for second in range(0, load.seconds, WINDOW):
        drawn = sorted(round(middle * random.lognormvariate(0, 0.8)) for _ in range(400))
        if random.random() < 0.04:
            drawn[-1] *= 12
        count = load.rate(second) * WINDOW
        begin = second * SECOND
        p50, p95, p99 = drawn[200], drawn[380], drawn[396]
        points.append(Percentiles(begin, begin + WINDOW * SECOND, count, p50, p95, p99, drawn[-1]))
        values += drawn
    values.sort()
    return DistributionView(metric, tuple(points), _curve(values, points))


def _curve(values: list[int], points: Sequence[Percentiles]) -> tuple[tuple[float, int], ...]:
    total = len(values)
    curve, one_in = [], 1.0
    while one_in < total:
        curve.append((one_in, values[min(int(total * (1 - 1 / one_in)), total - 1)]))
        one_in *= 1.12
    events = sum(point.count for point in points)
    most = max(point.most for point in points)
    return (*curve, (float(max(events, total)), max(most, values[-1])))
