"""What follows from the plan, the ledgers, the closures of runs and the faults of a lane.

None of it is sampled: how long a run took, from its pin to its seal, how many events it held and which
share of them was quarantined, by its own evidence; how many events are ambiguous or were refused, by
the ledgers; how many faults struck, and how soon all was steady again. A fault after which it was not
took as long as it was waited for. How long a spike took to be drained follows from the lag, if that was
sampled all the time. The largest window of a probe is the largest one that was certified within its
limits, as long as its run is closed and holds exactly its events.

How much there has to be of what is sampled follows from the same: a value of slip for each event of the
plan, of acknowledgement for each that was acknowledged, of latency for each row that was admitted; of
what is told of each run, a sample for each closed run; of recovery one for each fault of the schedule.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from platform_assets.lanes.coverage import problem_of_coverage
from platform_assets.lanes.drains import drains, spikes_ended
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.schedule import SECOND, Schedule
from platform_assets.lanes.verdict import DRAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.lanes.evidence_files import MadeRun, StruckFault
    from platform_assets.lanes.ledger import ProcessLedger
    from platform_assets.lanes.measured import Measured
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.lanes.windows import Window

    #: A run whose closure verifies, and what its evidence says.
    ClosedRun = tuple[MadeRun, Mapping[str, Any]]

_MILLION = 1_000_000


def phases_of(plan: LanePlan, runs: Sequence[MadeRun]) -> dict[str, tuple[int, int]]:
    """Return the phases of the load, and the drain: until the last run was closed."""
    end = plan.workload.seconds * SECOND
    last = max((run.closed_us + 1 for run in runs if run.closed_us is not None), default=end)
    return {**Schedule(plan.workload).phases(), DRAIN: (end, max(end, last))}


def derived(
    plan: LanePlan,
    measured: Measured,
    ledgers: Sequence[ProcessLedger],
    closed: Sequence[ClosedRun],
    faults: Sequence[StruckFault],
) -> dict[str, list[Sample]]:
    """Return metric -> its samples, of every metric that follows from what else is recorded."""
    end, found = plan.workload.seconds * SECOND, _of_runs(closed)
    for ledger in ledgers:
        for metric in ("ambiguous", "refused"):
            count = ledger.counted(getattr(ledger, metric))
            found[metric].append(Sample(end, str(ledger.process), count))
    found["drain"] = list(_drains(plan, measured))
    if plan.schedule is None:
        return found
    given_up = plan.schedule.give_up_seconds * SECOND
    found["recovery"] = [
        Sample(f.at_us, f.kind, given_up if f.steady_us is None else f.steady_us - f.at_us)
        for f in faults
    ]
    struck = Counter(fault.kind for fault in faults)
    found["faults"] = [Sample(end, kind, count) for kind, count in sorted(struck.items())]
    return found


def largest_window(windows: Sequence[Window], closed: Sequence[ClosedRun]) -> Sample:
    """Return how many events the largest window of a probe has that passed; 0 if none did."""
    held = {run.run_id: bundle["totals"]["delivered"] for run, bundle in closed}
    passed = [
        window.events
        for window in windows
        if window.certified and held.get(window.run_id or "") == window.events
    ]
    return Sample(0, "", max(passed, default=0))


def _drains(plan: LanePlan, measured: Measured) -> Iterator[Sample]:
    lag = sorted(measured.series.get("lag", ()))
    if not problem_of_coverage([sample.at for sample in lag], measured.phases.values()):
        yield from drains(plan, measured.phases, lag)


def _of_runs(closed: Sequence[ClosedRun]) -> dict[str, list[Sample]]:
    names = ("run_duration", "run_events", "quarantined", "ambiguous", "refused")
    found: dict[str, list[Sample]] = {name: [] for name in names}
    for run, bundle in closed:
        assert run.closed_us is not None  # it has evidence
        totals = bundle["totals"]
        share = -(-totals["quarantined"] * _MILLION // max(1, totals["delivered"]))
        values = (run.closed_us - run.pinned_us, totals["delivered"], share)
        for metric, value in zip(names, values, strict=False):
            found[metric].append(Sample(run.closed_us, run.run_id, value))
    return found


def expected(
    plan: LanePlan, ledgers: Sequence[ProcessLedger], closed: Sequence[ClosedRun]
) -> dict[str, int]:
    """Return metric, or metric and label, -> how many samples or values there have to be."""
    found = {
        "slip": sum(ledger.events for ledger in ledgers),
        "acknowledgement": sum(ledger.acknowledged for ledger in ledgers),
        "latency": sum(bundle["totals"]["admitted"] for _, bundle in closed),
        "memory_floor": len(closed) - 1,  # between two closures
        "drain": len(spikes_ended(plan)),
        **dict.fromkeys(("doubled", "unexpected"), len(closed)),
        **dict.fromkeys(("step_duration", "step_memory", "spilled"), len(closed)),
    }
    faults = plan.schedule.faults if plan.schedule else ()
    for fault in faults:
        found["recovery"] = found.get("recovery", 0) + fault.times
        found[f"recovery/{fault.kind}"] = fault.times
    return found
