"""What two runs of a lane have in common that can be laid side by side.

Two runs of one plan send the same events at the same moments, so that what was measured in one can be
paired with what was measured in the other. What there is one value of for each thing, for example the
duration of a step, is paired by its turn: the k-th of a phase with the k-th of the same phase. Gauges
and histograms are cut into slices of ten seconds of the load: the mean of a gauge, a percentile of all
values of a histogram. A slice that is not whole is left out, and so is the drain, which lasts as long
as it has to.

Neighbouring slices of one run tell how much it differs from itself. They are taken in turns, so that a
steady rise, as of a disk that fills up, cancels out.
"""

from __future__ import annotations

from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from platform_assets.lanes.histograms import merged
from platform_assets.lanes.metrics import METRICS
from platform_assets.lanes.paired import hodges_lehmann, log_ratios

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platform_assets.lanes.measured import Interval, Measured, Sample
    from platform_assets.lanes.paired import Floats

SLICE_MICROSECONDS = 10_000_000
DRAIN = "drain"
#: Statistic -> percentile; what is told of a histogram in each slice.
PERCENTILES: Mapping[str, float] = MappingProxyType({"p50": 50.0, "p99": 99.0})
#: Metrics whose label names a run; the k-th run of a phase is paired with the k-th, whatever its name.
_OF_RUNS = frozenset({"run_duration", "run_events", "memory_floor", "quarantined"})
#: So many pairs of blocks are needed to tell how much a run differs from itself over their length.
_LEAST_BLOCK_PAIRS = 4


class Subject(NamedTuple):
    """What is compared: a statistic of a metric, of one label."""

    metric: str
    label: str
    statistic: str

    def __str__(self) -> str:
        """Return it in words."""
        return " ".join(filter(None, [self.metric, self.label, self.statistic]))


def sequences(measured: Measured, metrics: Iterable[str]) -> dict[Subject, dict[str, Floats]]:
    """Return the values of each subject by phase, in their order; phases without values are absent."""
    found: dict[Subject, dict[str, Floats]] = {}
    for metric in metrics:
        kind = METRICS[metric].kind
        if kind == "histogram":
            found.update(_percentiles(measured, metric))
            continue
        for label, samples in _by_label(metric, measured.series.get(metric, ())).items():
            taken = _each(measured, samples) if kind == "each" else _slices(measured, samples)
            found[Subject(metric, label, "each" if kind == "each" else "mean")] = taken
    return {subject: phases for subject, phases in found.items() if phases}


def paired(before: Mapping[str, Floats], after: Mapping[str, Floats]) -> Floats:
    """Return the logarithm of the ratio of each pair."""
    ratios = [np.empty(0)]
    for phase, values in before.items():
        others = after.get(phase, np.empty(0))
        count = min(len(values), len(others))
        ratios.append(log_ratios(values[:count], others[:count]))
    return np.concatenate(ratios)


def self_difference(values: Mapping[str, Floats]) -> float:
    """Return how much a run differs from itself, as the logarithm of a ratio, 0 or more.

    It is the largest ratio of two halves that lie between each other, in blocks of one value, of two,
    of four, as long as there are enough of them.
    """
    largest, block = 0.0, 1
    while True:
        halves = [_halves(phase, block) for phase in values.values()]
        if sum(len(first) for first, _ in halves) < _LEAST_BLOCK_PAIRS * block:
            return largest
        ratios = np.concatenate([log_ratios(first, second) for first, second in halves])
        largest = max(largest, abs(hodges_lehmann(ratios)))
        block *= 2


def _halves(values: Floats, block: int) -> tuple[Floats, Floats]:
    """Return blocks and their neighbours, the later one first in every other pair."""
    whole = len(values) // (2 * block)
    blocks = values[: whole * 2 * block].reshape(whole, 2, block).copy()
    blocks[1::2] = blocks[1::2, ::-1].copy()
    return blocks[:, 0].ravel(), blocks[:, 1].ravel()


def _by_label(metric: str, samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        found["" if metric in _OF_RUNS else sample.label].append(sample)
    return {label: sorted(of) for label, of in sorted(found.items())}


def _each(measured: Measured, samples: Sequence[Sample]) -> dict[str, Floats]:
    found = {
        phase: np.array([float(sample.value) for sample in samples if begin <= sample.at < end])
        for phase, (begin, end) in measured.phases.items()
    }
    return {phase: values for phase, values in found.items() if len(values)}


def _slices(measured: Measured, samples: Sequence[Sample]) -> dict[str, Floats]:
    in_slices: dict[tuple[str, int], list[int]] = defaultdict(list)
    for sample in samples:
        where = _slice_of(measured, sample.at)
        if where is not None:
            in_slices[where].append(sample.value)
    return _by_phase({where: float(np.mean(values)) for where, values in in_slices.items()})


def _percentiles(measured: Measured, metric: str) -> dict[Subject, dict[str, Floats]]:
    in_slices: dict[tuple[str, str, int], list[Interval]] = defaultdict(list)
    for interval in measured.histograms.get(metric, ()):
        where = _slice_of(measured, interval.begin)
        if where is not None:
            in_slices[interval.label, *where].append(interval)
    told: dict[Subject, dict[tuple[str, int], float]] = defaultdict(dict)
    for (label, phase, number), intervals in in_slices.items():
        whole = merged(interval.histogram for interval in intervals)
        for name, percentile in PERCENTILES.items():
            value = float(whole.get_value_at_percentile(percentile))
            told[Subject(metric, label, name)][phase, number] = value
    return {subject: _by_phase(values) for subject, values in told.items()}


def _slice_of(measured: Measured, at: int) -> tuple[str, int] | None:
    """Return the phase and the number of the whole slice in which a moment lies."""
    for phase, (begin, end) in measured.phases.items():
        if phase != DRAIN and begin <= at < end:
            number = (at - begin) // SLICE_MICROSECONDS
            return (phase, number) if begin + (number + 1) * SLICE_MICROSECONDS <= end else None
    return None


def _by_phase(values: Mapping[tuple[str, int], float]) -> dict[str, Floats]:
    found: dict[str, list[float]] = defaultdict(list)
    for (phase, _), value in sorted(values.items()):
        found[phase].append(value)
    return {phase: np.array(of) for phase, of in found.items()}
