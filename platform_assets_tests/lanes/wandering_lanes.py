"""Lanes of one rate whose figures wander, as those of real ones do, made from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platform_assets.lanes.histograms import new_histogram, record_values
from platform_assets.lanes.measured import Interval, Measured, Sample

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

SECOND = 1_000_000
#: Steps of every window, and how many seconds they take.
STEPS = {"land orders": 0.4, "admit orders": 1.5, "build orders": 0.9, "certify orders": 1.2}
GAUGES = {"memory": 900_000_000, "lag": 6_000_000, "descriptors": 90, "open_runs": 2}
_WINDOW_SECONDS = 5


def wandering(random: Generator, count: int, *, alike: float, spread: float) -> NDArray[np.float64]:
    """Return factors that wander around 1: each resembles the one before it."""
    steps = random.normal(0, spread * np.sqrt(1 - alike**2), count)
    found = np.zeros(count)
    found[0] = random.normal(0, spread)
    for index in range(1, count):
        found[index] = alike * found[index - 1] + steps[index]
    return np.exp(found)


def steady_lane(
    seed: int, *, seconds: int = 240, slower: dict[str, float] | None = None, offset: float = 0.02
) -> Measured:
    """Return what a lane measures: steps, gauges and latencies that wander.

    ``slower`` gives steps a factor. ``offset`` is how far each figure of this run lies off as a whole.
    """
    random = np.random.default_rng(seed)
    factors = slower or {}
    steps = []
    for step, duration in STEPS.items():
        off = np.exp(random.normal(0, offset)) * factors.get(step, 1.0) * duration * SECOND
        values = off * wandering(random, seconds // _WINDOW_SECONDS, alike=0.3, spread=0.1)
        steps += [
            Sample((turn * _WINDOW_SECONDS + 4) * SECOND, step, int(value))
            for turn, value in enumerate(values)
        ]
    series = {"step_duration": steps}
    for metric, level in GAUGES.items():
        off = np.exp(random.normal(0, offset)) * level
        values = off * wandering(random, seconds, alike=0.9, spread=0.1)
        series[metric] = [Sample(turn * SECOND, "", int(v)) for turn, v in enumerate(values)]
    phases = {"steady": (0, seconds * SECOND), "drain": (seconds * SECOND, (seconds + 8) * SECOND)}
    return Measured(phases, series, {"latency": _latencies(random, seconds, offset)})


def _latencies(random: Generator, seconds: int, offset: float) -> list[Interval]:
    off = 6 * SECOND * np.exp(random.normal(0, offset))
    found = []
    for turn, level in enumerate(wandering(random, seconds, alike=0.9, spread=0.1)):
        histogram = new_histogram()
        record_values(histogram, (off * level * random.lognormal(0, 0.3, 200)).astype(np.int64))
        found.append(Interval.of(turn * SECOND, (turn + 1) * SECOND, "", histogram))
    return found
