"""What two runs of a lane have in common that can be laid side by side.

Two runs of one plan send the same events at the same moments, so that what was measured in one can be
paired with what was measured in the other. What there is one value of for each thing, for example the
duration of a step, is paired by its turn: the k-th of a phase with the k-th of the same phase. Gauges
and histograms are cut into slices of ten seconds of the load: the mean of a gauge, a percentile of all
values of a histogram. A slice that is not whole is left out, and so is the drain, which lasts as long
as it has to.

What is measured while others keep the machine busy says little of what was put under load. So whatever
lies in ten seconds in which they took more than a quarter of a core is left out too.

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
    from collections.abc import Set as AbstractSet

    from platform_assets.lanes.measured import Interval, Measured, Sample
    from platform_assets.lanes.paired import Floats

    #: Phase -> turn -> value. The turn is that of a slice, or of a thing of which there is one value.
    Phases = Mapping[str, Mapping[int, float]]

SLICE_MICROSECONDS = 10_000_000
#: CPU time of others that keeps a machine busy: parts of a million of one core.
BUSY = 250_000
DRAIN = "drain"
_MACHINE = "cpu_machine"
#: The observer is told by itself, and is counted with the conductor, in whose process it is.
_PART_OF_CONDUCTOR = "observer"
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


class _Place(NamedTuple):
    """A slice of ten seconds: of which phase, and its number in it."""

    phase: str
    slice: int


def sequences(measured: Measured, metrics: Iterable[str]) -> dict[Subject, Phases]:
    """Return the values of each subject; a subject that has none is absent."""
    busy = _busy(measured)
    found: dict[Subject, Phases] = {}
    for metric in metrics:
        kind = METRICS[metric].kind
        if kind == "histogram":
            found.update(_percentiles(measured, metric, busy))
            continue
        for label, samples in _by_label(metric, measured.series.get(metric, ())).items():
            if kind == "each":
                found[Subject(metric, label, "each")] = _each(measured, samples, busy)
            else:
                found[Subject(metric, label, "mean")] = _means(measured, samples, busy)
    return {subject: phases for subject, phases in found.items() if phases}


def paired(before: Phases, after: Phases) -> Floats:
    """Return the logarithm of the ratio of each pair: of what both have at the same turn of a phase."""
    ratios = [np.empty(0)]
    for phase, values in before.items():
        others = after.get(phase, {})
        turns = sorted(values.keys() & others.keys())
        sides = (np.array([side[turn] for turn in turns]) for side in (values, others))
        ratios.append(log_ratios(*sides))
    return np.concatenate(ratios)


def in_order(values: Phases) -> list[Floats]:
    """Return the values of each phase in the order in which they were measured."""
    return [np.array([of[turn] for turn in sorted(of)]) for of in values.values()]


def busy_seconds(measured: Measured) -> int:
    """Return for how many seconds others kept the machine busy."""
    return len(_busy(measured)) * SLICE_MICROSECONDS // 1_000_000


def self_difference(values: Phases) -> float:
    """Return how much a run differs from itself, as the logarithm of a ratio, 0 or more.

    It is the largest ratio of two halves that lie between each other, in blocks of one value, of two,
    of four, as long as there are enough of them.
    """
    largest, block = 0.0, 1
    while True:
        halves = [_halves(phase, block) for phase in in_order(values)]
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


def _each(measured: Measured, samples: Sequence[Sample], busy: AbstractSet[_Place]) -> Phases:
    turns: dict[str, int] = defaultdict(int)
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for sample in samples:
        place = _place(measured, sample.at)
        if place is None:
            continue
        turns[place.phase] += 1
        if place not in busy:
            found[place.phase][turns[place.phase]] = float(sample.value)
    return found


def _means(measured: Measured, samples: Sequence[Sample], busy: AbstractSet[_Place]) -> Phases:
    in_slices: dict[_Place, list[int]] = defaultdict(list)
    for sample in samples:
        place = _place(measured, sample.at)
        if place is not None and place not in busy and _is_whole(measured, place):
            in_slices[place].append(sample.value)
    return _by_phase({place: float(np.mean(values)) for place, values in in_slices.items()})


def _percentiles(
    measured: Measured, metric: str, busy: AbstractSet[_Place]
) -> dict[Subject, Phases]:
    in_slices: dict[tuple[str, _Place], list[Interval]] = defaultdict(list)
    for interval in measured.histograms.get(metric, ()):
        place = _place(measured, interval.begin)
        if place is not None and place not in busy and _is_whole(measured, place):
            in_slices[interval.label, place].append(interval)
    told: dict[Subject, dict[_Place, float]] = defaultdict(dict)
    for (label, place), intervals in in_slices.items():
        whole = merged(interval.histogram for interval in intervals)
        for name, percentile in PERCENTILES.items():
            value = float(whole.get_value_at_percentile(percentile))
            told[Subject(metric, label, name)][place] = value
    return {subject: _by_phase(values) for subject, values in told.items()}


def _busy(measured: Measured) -> set[_Place]:
    """Return the slices in which others kept the machine busy, those of the drain among them."""
    others: dict[int, int] = {
        sample.at: sample.value for sample in measured.series.get(_MACHINE, ())
    }
    for metric in ("cpu", "cpu_beside"):
        for sample in measured.series.get(metric, ()):
            if sample.at in others and sample.label != _PART_OF_CONDUCTOR:
                others[sample.at] -= sample.value
    in_slices: dict[_Place, list[int]] = defaultdict(list)
    for at, value in others.items():
        place = _place(measured, at)
        if place is not None:
            in_slices[place].append(value)
    return {place for place, values in in_slices.items() if np.mean(values) > BUSY}


def _place(measured: Measured, at: int) -> _Place | None:
    for phase, (begin, end) in measured.phases.items():
        if begin <= at < end:
            return _Place(phase, (at - begin) // SLICE_MICROSECONDS)
    return None


def _is_whole(measured: Measured, place: _Place) -> bool:
    """Tell whether a slice is a whole one of the load."""
    begin, end = measured.phases[place.phase]
    return place.phase != DRAIN and begin + (place.slice + 1) * SLICE_MICROSECONDS <= end


def _by_phase(values: Mapping[_Place, float]) -> Phases:
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for place, value in values.items():
        found[place.phase][place.slice] = value
    return found
