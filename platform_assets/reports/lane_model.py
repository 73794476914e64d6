"""What the report of a lane shows, as plain values.

A lane puts the pipeline under a planned load and holds what it measured against limits that were
signed before the first event. The report is a function of these values and of nothing else: it judges
nothing itself. Verdicts, statistics and limits arrive as they were judged.

Moments are integers in microseconds since the load began, on the lane's own clock; only texts that say
so are times of day. Values are in base units: microseconds, bytes, counts, events a second, parts of a
million. A value that was not measured is ``None`` or absent, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from platform_assets.reports.model import RequirementView

Dimension = Literal["time", "bytes", "count", "rate", "share"]
Verdict = Literal["PASS", "FAIL", "NO_DATA"]


@dataclass(frozen=True, slots=True)
class PhaseView:
    """A stretch ``[begin, end)`` of the lane; ``rate`` is events a second, ``None`` without load."""

    name: str
    begin: int
    end: int
    rate: int | None = None


@dataclass(frozen=True, slots=True)
class ThresholdView:
    """One threshold as it was judged.

    ``unit`` is the one of the plan and ``scale`` how many base units it has; ``value`` and ``limit``
    are in base units, and of a slope they are per hour. ``phases`` are those whose samples counted,
    none meaning all; ``reason`` says what is missing where there is no data.
    """

    name: str
    metric: str
    about: str
    dimension: Dimension
    statistic: str
    phases: tuple[str, ...]
    label: str | None
    at_most: bool
    limit: float
    unit: str
    scale: int
    value: float | None
    samples: int
    verdict: Verdict
    reason: str = ""
    why: str = ""

    @property
    def excess(self) -> float:
        """By which part of its limit the value lies beyond it; below zero, it keeps to it."""
        if self.value is None:
            return 0.0
        beyond = self.value - self.limit if self.at_most else self.limit - self.value
        if self.limit:
            return beyond / abs(self.limit)
        return float("inf") if beyond > 0 else 0.0


@dataclass(frozen=True, slots=True)
class SeriesView:
    """Samples of a metric, ``(moment, value)`` by moment.

    ``label`` is empty where a metric has one series. Gauges are sampled once a second; of what there
    is one for each run (``run_duration``, ``memory_floor``, ``quarantined``) there is one sample for
    each run, when it was closed; ``step_duration`` has a series for each step and what it works on.
    """

    metric: str
    label: str
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How long the events of ``[begin, end)`` took, in microseconds."""

    begin: int
    end: int
    count: int
    p50: int
    p95: int
    p99: int
    most: int


@dataclass(frozen=True, slots=True)
class DistributionView:
    """A metric with one value for each event: over time, and in all.

    ``curve`` has points ``(n, value)``: all but one in ``n`` events took at most ``value``; the last
    one is the largest of all, where ``n`` is their number.
    """

    metric: str
    over_time: tuple[Percentiles, ...]
    curve: tuple[tuple[float, int], ...]

    @property
    def count(self) -> int:
        """How many events."""
        return sum(each.count for each in self.over_time)

    @property
    def most(self) -> int | None:
        """The largest value."""
        return max((each.most for each in self.over_time if each.count), default=None)

    def all_but_one_in(self, n: int) -> int | None:
        """Return what all but one in ``n`` events took at most, where the curve tells."""
        return next((value for one_in, value in self.curve if one_in >= n), None)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run of the lane; ``closed`` is ``None`` of one that was not closed."""

    run_id: str
    pinned: int
    closed: int | None
    delivered: int
    admitted: int
    duplicate: int
    quarantined: int
    bundle_digest: str | None


@dataclass(frozen=True, slots=True)
class FaultView:
    """A fault: when it struck, when it was over, when all was steady again, and its limit."""

    number: int
    kind: str
    at: int
    ended: int | None
    steady: int | None
    limit: int
    detail: str = ""

    @property
    def recovery(self) -> int | None:
        """How long it took from the fault until all was steady again."""
        return None if self.steady is None else self.steady - self.at

    @property
    def within(self) -> bool:
        """Whether all was steady again within the limit."""
        return self.recovery is not None and self.recovery <= self.limit


@dataclass(frozen=True, slots=True)
class WindowView:
    """One window of a probe: its size, what it took, and how it ended."""

    events: int
    run_id: str
    certified: bool
    ending: str
    duration: int | None = None
    memory: int | None = None
    spilled: int | None = None


@dataclass(frozen=True, slots=True)
class ProbeView:
    """The windows of a probe by size, and what one may take."""

    windows: tuple[WindowView, ...]
    time_limit: int
    memory_limit: int
    spill_limit: int

    @property
    def largest(self) -> WindowView | None:
        """The largest window that was certified."""
        certified = [window for window in self.windows if window.certified]
        return max(certified, key=lambda window: window.events, default=None)


@dataclass(frozen=True, slots=True)
class TruthView:
    """What became of the events, by the ledgers of the generators and the rows of the closed runs.

    ``closed`` came into closed runs: ``certified`` of them into certified products, the others were
    duplicates or quarantined.
    """

    planned: int
    sent: int
    acknowledged: int
    ambiguous: int
    refused: int
    closed: int
    certified: int
    duplicate: int
    quarantined: int
    lost: int | None
    doubled: int | None
    unexpected: int | None


@dataclass(frozen=True, slots=True)
class PinView:
    """What was signed before the first event; digests are of exact bytes."""

    digest: str
    plan_digest: str
    configuration_digest: str
    nonce: str
    pinned_at: str
    policies: tuple[tuple[str, str], ...]  # product, digest of its policy
    code: tuple[tuple[str, str], ...]  # name, value


@dataclass(frozen=True, slots=True)
class LaneKeyView:
    """A key that signed evidence of the lane, and what."""

    keyid: str
    signed: str
    development: bool


@dataclass(frozen=True, slots=True)
class LaneReport:
    """Everything that the report of one lane shows.

    Attributes:
        machine: on what it ran, in a few words, as ``2 cores, 23.4 GiB, Linux 6.8``.
        system: what was put under load, in a few words.
        begun_at: the first event was due, RFC 3339.
        requirements: what the lane had to meet beside its thresholds, as evaluated.
        environment: name and value, as pinned.
        notes: what the processes met, and what was not measured and why, as name and text.
    """

    lane_run: str
    lane: str
    profile: str
    description: str
    verdict: Verdict
    begun_at: str
    ended_at: str
    machine: str
    system: str
    cores: int
    memory_budget: int
    truth: TruthView
    phases: tuple[PhaseView, ...]
    thresholds: tuple[ThresholdView, ...]
    requirements: tuple[RequirementView, ...]
    series: tuple[SeriesView, ...]
    distributions: tuple[DistributionView, ...]
    runs: tuple[RunView, ...]
    faults: tuple[FaultView, ...]
    probe: ProbeView | None
    pin: PinView
    keys: tuple[LaneKeyView, ...]
    environment: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    package: str

    @property
    def sustained(self) -> float | None:
        """Events of closed runs a second, from when the first was due until the last run was closed."""
        closed = [run.closed for run in self.runs if run.closed is not None]
        if not closed or max(closed) <= 0:
            return None
        return self.truth.closed * 1_000_000 / max(closed)

    @property
    def unmet(self) -> tuple[RequirementView, ...]:
        """The requirements that were not met."""
        return tuple(each for each in self.requirements if not each.satisfied)

    @property
    def development_key(self) -> bool:
        """Whether a key that was made on first use signed the pin or the verdict."""
        return any(key.development for key in self.keys)

    def judged(self, verdict: Verdict) -> tuple[ThresholdView, ...]:
        """Return the thresholds with a verdict, in the order of the plan."""
        return tuple(each for each in self.thresholds if each.verdict == verdict)

    def samples(self, metric: str) -> tuple[SeriesView, ...]:
        """Return the series of a metric that have a sample."""
        return tuple(each for each in self.series if each.metric == metric and each.points)

    def distribution(self, metric: str) -> DistributionView | None:
        """Return a metric's distribution, where there is one with a value."""
        found = (each for each in self.distributions if each.metric == metric and each.count)
        return next(found, None)
