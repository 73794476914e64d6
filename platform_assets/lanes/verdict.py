"""The verdict of a lane: each threshold of its plan held against what was measured.

A threshold is PASS, FAIL or NO_DATA, and a lane is PASS only if all of its thresholds are. There is no
data where a metric was never sampled; where a gauge was not sampled all the time (see `coverage`);
where there are fewer samples or values than there have to be; where a slope has too few points. What is
missing is told, never estimated.

A load that the generator slowed down proves nothing: where it did not send every planned event, or sent
one in a thousand later than `MOST_SLIP`, no time and no rate has data.

1. Samples of one label count if the threshold names one. A gauge of several labels counts where all of
   them were sampled at one moment: added up, or of a time the largest. Values in histograms are put
   together, and so are samples of which there is one for each thing.
2. Those of the named phases count, or all. A slope without phases leaves out the first one, in which
   things are warming up, and the drain.
3. All is computed in integers of the base unit, exactly; a slope is per hour (see `trend`).

Nothing here looks at a clock or a file: the same plan and the same measurements give the same verdict.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from platform_assets.lanes.coverage import joined, problem_of_coverage
from platform_assets.lanes.histograms import counted, merged
from platform_assets.lanes.metrics import METRICS
from platform_assets.lanes.statistics import PERCENTILES, percentile, statistic
from platform_assets.lanes.trend import LEAST_POINTS, slope_per_hour

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platform_assets.lanes.coverage import Stretch
    from platform_assets.lanes.measured import Interval, Measured, Sample
    from platform_assets.lanes.plan import LanePlan, Threshold
    from platform_assets.lanes.statistics import Counted

#: Above it the generator did not keep its schedule, whatever a plan allows: microseconds, p99_9.
MOST_SLIP = 500_000
DRAIN = "drain"


class Verdict(StrEnum):
    """What became of a threshold, or of a lane."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    NO_DATA = "NO_DATA"


@dataclass(frozen=True, slots=True)
class Judged:
    """A threshold and what became of it.

    Attributes:
        name: its name in the plan.
        threshold: what the plan says.
        verdict: what became of it.
        value: the statistic in base units, a slope per hour; None where there is no data.
        samples: how many samples, or values in histograms, it was computed from.
        reason: what is missing, where there is no data.
    """

    name: str
    threshold: Threshold
    verdict: Verdict
    value: int | None
    samples: int
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the evidence: the plan's words, and the limit in base units."""
        said = self.threshold.model_dump(mode="json", exclude_none=True)
        return {
            "name": self.name,
            **{key: said[key] for key in ("metric", "statistic", "unit", "phases")},
            "label": self.threshold.label,
            "at_most": self.threshold.at_most is not None,
            "limit": f"{self.threshold.limit.normalize():f}",
            "value": self.value,
            "samples": self.samples,
            "verdict": str(self.verdict),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """All thresholds of a plan as they were judged, in its order."""

    thresholds: tuple[Judged, ...]

    @property
    def verdict(self) -> Verdict:
        """FAIL if any threshold failed, else NO_DATA if any has none, else PASS."""
        found = {judged.verdict for judged in self.thresholds}
        if Verdict.FAIL in found:
            return Verdict.FAIL
        return Verdict.PASS if found == {Verdict.PASS} else Verdict.NO_DATA

    @property
    def failing(self) -> tuple[Judged, ...]:
        """Every threshold that did not pass."""
        return tuple(judged for judged in self.thresholds if judged.verdict is not Verdict.PASS)


def judge(plan: LanePlan, measured: Measured) -> Judgement:
    """Hold what was measured against every threshold of a plan."""
    slowed = _slowed_down(plan, measured)
    judged = []
    for name, threshold in plan.thresholds.items():
        reason = slowed if METRICS[threshold.metric].dimension in {"time", "rate"} else ""
        found = _Found(0, None, reason) if reason else _found(threshold, measured)
        judged.append(_judged(name, threshold, found))
    return Judgement(tuple(judged))


@dataclass(frozen=True, slots=True)
class _Found:
    """What a statistic came to: of how many samples, its value, or what is missing."""

    samples: int
    value: int | None
    reason: str = ""


def _judged(name: str, threshold: Threshold, found: _Found) -> Judged:
    if found.value is None:
        return Judged(name, threshold, Verdict.NO_DATA, None, found.samples, found.reason)
    limit = threshold.limit
    kept = found.value <= limit if threshold.at_most is not None else found.value >= limit
    verdict = Verdict.PASS if kept else Verdict.FAIL
    return Judged(name, threshold, verdict, found.value, found.samples)


def _slowed_down(plan: LanePlan, measured: Measured) -> str:
    """Say how the generator departed from its schedule; a probe's windows have none."""
    if plan.lane == "probe":
        return ""
    slip = _together(measured.histograms.get("slip", ()))
    sent = sum(count for _, count in slip)
    if sent != plan.workload.events:
        return f"the load was not as planned: {sent} of {plan.workload.events} events were sent"
    late = percentile(slip, PERCENTILES["p99_9"])
    if late > MOST_SLIP:
        return f"the load was not as planned: sent {late} us late (p99_9), at most {MOST_SLIP}"
    return ""


def _found(threshold: Threshold, measured: Measured) -> _Found:
    metric = METRICS[threshold.metric]
    if metric.kind == "histogram":
        return _of_histograms(threshold, measured)
    samples = [
        sample
        for sample in sorted(measured.series.get(threshold.metric, ()))
        if threshold.label in {None, sample.label}  # 1
    ]
    lacking = _lacking(threshold, measured, len(samples))
    if lacking:
        return _Found(len(samples), None, lacking)
    if metric.kind == "gauge":
        points = _gauge(samples, largest=metric.dimension == "time")
        asked = _asked(threshold, measured)
        stretches = list(measured.phases.values()) if asked is None else asked
        uncovered = problem_of_coverage([at for at, _ in points], stretches)
        if uncovered:
            return _Found(len(samples), None, uncovered)
    else:
        points = [(sample.at, sample.value) for sample in samples]
    return _of_points(threshold, _within(points, _asked(threshold, measured)))


def _of_points(threshold: Threshold, points: Sequence[tuple[int, int]]) -> _Found:
    if not points:
        return _Found(0, None, "no sample in these phases")
    if threshold.statistic == "slope":
        return _slope(points)
    if threshold.statistic == "last":
        return _Found(len(points), points[-1][1])
    values = sorted(Counter(value for _, value in points).items())
    return _Found(len(points), _statistic(threshold, values))


def _of_histograms(threshold: Threshold, measured: Measured) -> _Found:
    intervals = [
        each
        for each in measured.histograms.get(threshold.metric, ())
        if threshold.label in {None, each.label}  # 1
    ]
    values = _together(intervals)
    total = sum(count for _, count in values)
    lacking = _lacking(threshold, measured, total)
    if lacking:
        return _Found(total, None, lacking)
    asked = _asked(threshold, measured)
    if asked is not None:
        intervals = [each for each in intervals if _within([(each.begin, 0)], asked)]
        values = _together(intervals)
    if not values:
        return _Found(0, None, "no value in these phases")
    if threshold.statistic == "slope":
        return _slope(_medians(intervals))
    return _Found(sum(count for _, count in values), _statistic(threshold, values))


def _lacking(threshold: Threshold, measured: Measured, found: int) -> str:
    """Say how many samples or values are missing, or nothing."""
    if not found:
        return "it was never sampled"
    metric, label = threshold.metric, threshold.label
    expected = measured.expected.get(metric if label is None else f"{metric}/{label}", 0)
    return f"{found} of {expected} samples" if found < expected else ""


def _slope(points: Sequence[tuple[int, int]]) -> _Found:
    slope = slope_per_hour(points)
    reason = f"{len(points)} points; a slope needs {LEAST_POINTS}" if slope is None else ""
    return _Found(len(points), slope, reason)


def _statistic(threshold: Threshold, values: Counted) -> int:
    return statistic(threshold.statistic, values, round_up=threshold.at_most is not None)


def _gauge(samples: Iterable[Sample], *, largest: bool) -> list[tuple[int, int]]:
    """Return one value for each moment at which every label was sampled."""
    labels: set[str] = set()
    moments: dict[int, dict[str, int]] = {}
    for sample in samples:
        labels.add(sample.label)
        moments.setdefault(sample.at, {})[sample.label] = sample.value
    together = max if largest else sum
    return [
        (at, together(values.values()))
        for at, values in moments.items()
        if len(values) == len(labels)
    ]


def _together(intervals: Iterable[Interval]) -> Counted:
    return counted(merged(interval.histogram for interval in intervals))


def _medians(intervals: Iterable[Interval]) -> list[tuple[int, int]]:
    by_begin: dict[int, list[Interval]] = {}
    for interval in intervals:
        by_begin.setdefault(interval.begin, []).append(interval)
    half = PERCENTILES["p50"]
    return [(at, percentile(_together(of), half)) for at, of in sorted(by_begin.items())]


def _asked(threshold: Threshold, measured: Measured) -> list[Stretch] | None:
    """Return the time that a threshold asks about, in stretches; None where it is all of it."""
    names = threshold.phases
    if not names and threshold.statistic == "slope":
        load = [name for name in measured.phases if name != DRAIN]
        names = tuple(load[1:] or load)
    if not names:
        return None
    return joined(measured.phases[name] for name in names if name in measured.phases)


def _within(
    points: Sequence[tuple[int, int]], stretches: list[Stretch] | None
) -> list[tuple[int, int]]:
    if stretches is None:
        return list(points)
    return [(at, value) for at, value in points if any(b <= at < e for b, e in stretches)]
