"""What follows from the plan, the ledgers, the closures of runs and the faults of a lane.

None of it is sampled: how long a run took, from its pin to its seal, how many events it held and which
share of them was quarantined, by its own evidence; how many events are ambiguous or were refused, by
the ledgers; how many faults struck, and how soon all was steady again. A fault after which it was not
took as long as it was waited for.

How much there has to be of what is sampled follows from the same: a value of slip for each event of the
plan, of acknowledgement for each that was acknowledged, of latency for each row that was admitted; of
what is told of each run, a sample for each closed run; of recovery one for each fault of the schedule.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from platform_assets.lanes.measured import Sample
from platform_assets.lanes.schedule import SECOND, Schedule
from platform_assets.lanes.verdict import DRAIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.lanes.evidence_files import MadeRun, StruckFault
    from platform_assets.lanes.ledger import ProcessLedger
    from platform_assets.lanes.plan import LanePlan

_MILLION = 1_000_000


def phases_of(plan: LanePlan, runs: Sequence[MadeRun]) -> dict[str, tuple[int, int]]:
    """Return the phases of the load, and the drain: until the last run was closed."""
    end = plan.workload.seconds * SECOND
    last = max((run.closed_us + 1 for run in runs if run.closed_us is not None), default=end)
    return {**Schedule(plan.workload).phases(), DRAIN: (end, max(end, last))}


def derived(
    plan: LanePlan,
    ledgers: Sequence[ProcessLedger],
    runs: Sequence[MadeRun],
    bundles: Mapping[str, Mapping[str, Any]],
    faults: Sequence[StruckFault],
) -> dict[str, list[Sample]]:
    """Return metric -> its samples, of every metric that follows from what else is recorded."""
    end, found = plan.workload.seconds * SECOND, _of_runs(runs, bundles)
    for ledger in ledgers:
        for metric in ("ambiguous", "refused"):
            count = ledger.counted(getattr(ledger, metric))
            found[metric].append(Sample(end, str(ledger.process), count))
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


def _of_runs(
    runs: Sequence[MadeRun], bundles: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Sample]]:
    names = ("run_duration", "run_events", "quarantined", "ambiguous", "refused")
    found: dict[str, list[Sample]] = {name: [] for name in names}
    for run in runs:
        if run.closed_us is None or run.run_id not in bundles:
            continue
        totals = bundles[run.run_id]["totals"]
        share = -(-totals["quarantined"] * _MILLION // max(1, totals["delivered"]))
        values = (run.closed_us - run.pinned_us, totals["delivered"], share)
        for metric, value in zip(names, values, strict=False):
            found[metric].append(Sample(run.closed_us, run.run_id, value))
    return found


def expected(
    plan: LanePlan,
    ledgers: Sequence[ProcessLedger],
    bundles: Mapping[str, Mapping[str, Any]],
) -> dict[str, int]:
    """Return how many samples and values there have to be of what is not derived."""
    closed = len(bundles)
    found = {
        "slip": sum(ledger.events for ledger in ledgers),
        "acknowledgement": sum(ledger.acknowledged for ledger in ledgers),
        "latency": sum(bundle["totals"]["admitted"] for bundle in bundles.values()),
        "memory_floor": closed - 1,  # between two closures
        **dict.fromkeys(("doubled", "unexpected"), closed),
        **dict.fromkeys(("step_duration", "step_memory", "spilled"), closed),
    }
    faults = plan.schedule.faults if plan.schedule else ()
    for fault in faults:
        found["recovery"] = found.get("recovery", 0) + fault.times
        found[f"recovery/{fault.kind}"] = fault.times
    return found
