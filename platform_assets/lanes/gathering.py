"""Gathers what all parts of a lane measured, when it is over.

Besides what was sampled: events that came into closed runs in each second, by the moments of their
closures; truth, by ledgers and audit; failed runs, which are those that were pinned
and never closed, whose seal does not verify, or that the gate refuses; errors, which are outages and
refusals that the worker told of and, unless faults are part of the plan, every process that ended.
"""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from platform_assets.lanes.drains import drains, spikes_ended
from platform_assets.lanes.evidence_files import MadeRun
from platform_assets.lanes.fitting import lacking
from platform_assets.lanes.measured import SAMPLE_MICROSECONDS, Sample
from platform_assets.lanes.schedule import Schedule
from platform_assets.lanes.worker_events import WorkerEvents, read_worker_events
from platform_assets.lanes.writing import Measurements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.lanes.auditor import Truth
    from platform_assets.lanes.closures import SeenClosure
    from platform_assets.lanes.load import Load
    from platform_assets.lanes.load_clock import LoadClock
    from platform_assets.lanes.measuring import Measuring
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.lanes.recovery import Injector
    from platform_assets.lanes.stack import Stack

#: So many of the events that the worker told of are kept.
_MOST_TOLD = 1_000


class Gathering:
    """What a lane's parts measured.

    Args:
        plan: the pinned plan.
        clock: the lane's clock.
        measuring: what looked on.
        stack: the system under load.
        load: the generators.
        injector: what let faults strike, where the plan has some.
    """

    def __init__(
        self,
        plan: LanePlan,
        clock: LoadClock,
        measuring: Measuring,
        *,
        stack: Stack,
        load: Load,
        injector: Injector | None,
    ) -> None:
        self._plan, self._clock, self._stack, self._load = plan, clock, stack, load
        self._measuring, self._injector = measuring, injector

    def until_now(self) -> Measurements:
        """Return what was sampled until now, of a lane that will have no verdict."""
        return Measurements(series=self._sampled(), runs=self._runs())

    def whole(self, stopped: int) -> Measurements:
        """Return everything, when the lane is over.

        Args:
            stopped: when the observer was stopped; what ends later was ended by the lane.
        """
        measuring, ledgers = self._measuring, self._load.ledgers()
        truth = measuring.auditor.truth(ledgers)
        worker = read_worker_events(self._stack.events, self._clock)
        series = self._sampled()
        for metric, samples in worker.series.items():
            series[metric] += samples
        series["errors"] += [Sample(stopped, "", 0), *self._ends(stopped)]
        series["failed_runs"].append(Sample(stopped, "", len(self._failed())))
        series["lost"].append(Sample(stopped, "", truth.lost))
        series["unexpected"].append(Sample(stopped, "by the ledgers", truth.never_sent))
        for label, error in _errors_of_quarantine(truth):
            series["quarantine_error"].append(Sample(stopped, label, error))
        histograms = {**self._load.histograms(), "latency": measuring.auditor.latencies.intervals()}
        return Measurements(
            series=series,
            runs=self._runs(),
            histograms=histograms,
            ledgers=ledgers,
            faults=tuple(self._injector.struck) if self._injector else (),
            notes=self._notes(worker, truth, series),
        )

    def _sampled(self) -> defaultdict[str, list[Sample]]:
        measuring = self._measuring
        series: defaultdict[str, list[Sample]] = defaultdict(list)
        for metric, samples in tuple(measuring.observer.series.items()):
            series[metric] += samples
        series["backlog"] += measuring.waiting.backlog
        series["lag"] += measuring.waiting.lag
        series["unexpected"] += measuring.auditing.unexpected
        series["doubled"] += measuring.auditing.doubled
        series["certified"] += _certified(series["open_runs"], measuring.closures.closed)
        return series

    def _runs(self) -> list[MadeRun]:
        closures = self._measuring.closures
        closed = [
            MadeRun(str(c.run), c.pinned, c.closed, dict(c.counts), c.bundle_digest)
            for c in closures.closed
        ]
        still_open = [MadeRun(str(run), pinned) for run, pinned in closures.open().items()]
        return sorted((*closed, *still_open), key=lambda run: run.run_id)

    def _failed(self) -> set[str]:
        measuring = self._measuring
        failed = (*measuring.closures.open(), *measuring.auditing.refused)
        return set(map(str, failed))

    def _ends(self, stopped: int) -> Iterator[Sample]:
        if self._plan.schedule is not None:
            return
        for end in self._stack.ends():
            at = self._clock.of(end.at)
            if at < stopped:
                yield Sample(at, f"{end.name} {end.how}", 1)

    def _notes(
        self, worker: WorkerEvents, truth: Truth, series: Mapping[str, Sequence[Sample]]
    ) -> dict[str, Any]:
        measuring = self._measuring
        observer, closures = measuring.observer, measuring.closures
        ends = [
            {"name": end.name, "pid": end.pid, "at_us": self._clock.of(end.at), "how": end.how}
            for end in self._stack.ends()
        ]
        refused = {**closures.refused, **measuring.auditing.refused}
        return {
            "ends": ends,
            "worker": worker.told[:_MOST_TOLD],
            "worker_lines_torn": worker.torn,
            "observer": {
                "late": observer.late,
                "missed": observer.missed,
                "latest_us": observer.latest,
            },
            "store_did_not_answer": closures.outages,
            "runs_refused": {str(run): why for run, why in refused.items()},
            "wrong_events": truth.examples,
            "not_measured": list(self._not_measured(worker, series)),
        }

    def _not_measured(
        self, worker: WorkerEvents, series: Mapping[str, Sequence[Sample]]
    ) -> Iterator[str]:
        if not worker.told:
            yield "steps: the worker tells of them only where it follows the feed by itself"
        if self._plan.schedule is not None:
            for kind in self._plan.schedule.left_out:
                yield f"{kind}: left out, for it needs {lacking(kind, self._plan.target)}"
        if self._injector is not None:
            yield from self._injector.not_injected
        if not series["store_size"]:
            yield "store_size: the store is a bucket"
        phases = Schedule(self._plan.workload).phases()
        drained = {sample.label for sample in drains(self._plan, phases, series["lag"])}
        for name in spikes_ended(self._plan):
            if name not in drained:
                yield f"drain of {name}: it was not steady again while the lane lasted"


def _certified(looks: Sequence[Sample], closed: Sequence[SeenClosure]) -> Iterator[Sample]:
    """Yield for each look how many events a second came into closed runs until the next one."""
    runs = deque(sorted(closed, key=lambda run: run.closed))
    for look, following in pairwise(looks):
        events = 0
        while runs and runs[0].closed <= following.at:
            run = runs.popleft()
            events += run.counts["delivered"] if run.closed > look.at else 0
        yield Sample(look.at, "", events * SAMPLE_MICROSECONDS // (following.at - look.at))


def _errors_of_quarantine(truth: Truth) -> Iterator[tuple[str, int]]:
    yield "quarantined", truth.quarantine_error
    yield "duplicates", truth.duplicate_error
