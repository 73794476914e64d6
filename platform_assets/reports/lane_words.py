"""The verdict of a lane in words, for someone who never saw the platform.

It says first whether every limit was kept, then what was put under load and where, what became of the
events, how long the slowest took, and last what was furthest beyond its limit. What was not measured is
said to be unknown; it is never left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.reports import wording
from platform_assets.reports.lane_figures import figure, in_unit, limit, margin, statistic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.reports.lane_model import LaneReport, ThresholdView, TruthView

LANES = {
    "burst": "A burst: the load rises to several times its usual rate and falls back. It shows whether "
    "work queues up within limits, and how soon it is caught up with.",
    "soak": "A soak: the same load for a long time. It shows whether anything grows that must not: "
    "memory, open files, disks, waiting times.",
    "recovery": "A recovery: processes, servers, disks and clocks are made to fail while the load goes "
    "on. It shows how soon everything is steady again, and whether any event was lost.",
    "probe": "A probe: the amount of work in one run is doubled until a run no longer passes. It shows "
    "where the limit is, and how it shows itself.",
}
VERDICTS = {"PASS": "PASS", "FAIL": "FAIL", "NO_DATA": "NO DATA"}


def headline(view: LaneReport) -> str:
    """Return the verdict in one sentence."""
    total = wording.plural(len(view.thresholds), "limit")
    failed, silent = len(view.judged("FAIL")), len(view.judged("NO_DATA"))
    if view.verdict == "PASS":
        return f"All {total} were kept" if len(view.thresholds) > 1 else "The one limit was kept"
    parts = []
    if failed:
        parts.append(f"{failed:,} of {total} {_were(failed)} not kept")
    if silent:
        parts.append(f"{silent:,} of {total} could not be judged")
    if view.unmet:
        parts.append(f"{wording.plural(len(view.unmet), 'requirement')} not met")
    return "; ".join(parts) or "The lane was not judged"


def sentences(view: LaneReport) -> Iterator[str]:
    """Yield what happened, sentence by sentence."""
    truth = view.truth
    yield (
        f"{wording.plural(truth.acknowledged, 'event')} of {truth.planned:,} planned "
        f"{_were(truth.acknowledged)} acknowledged. {truth.closed:,} went through closed runs"
        f"{_sustained(view)}: {truth.certified:,} into certified products, {truth.duplicate:,} "
        f"left out as duplicates, {truth.quarantined:,} quarantined."
    )
    yield _truth(truth)
    if view.probe is None:  # whose windows are sent without a schedule, so that nothing is due
        yield _slowest(view)
    if view.faults:
        within = sum(fault.within for fault in view.faults)
        yield (
            f"{wording.plural(len(view.faults), 'fault')} of "
            f"{wording.plural(len({fault.kind for fault in view.faults}), 'kind')} struck under load; "
            f"after {within:,} of them all was steady again within the limit."
        )
    if view.probe is not None:
        yield _largest(view)


def furthest(view: LaneReport) -> str:
    """Return what was furthest beyond its limit and by how much; nothing where nothing failed."""
    failed = view.judged("FAIL")
    if not failed:
        return ""
    worst = max(failed, key=lambda each: each.excess)
    if worst.value is None:
        return f"{worst.name}: {worst.reason}"
    bar = margin(worst)
    by = f" ({bar.words})" if bar is not None else ""
    value = in_unit(worst.value, worst)
    return f"{described(worst)} was {value}, limit {limit(worst)}{by}"


def described(threshold: ThresholdView) -> str:
    """Return what a threshold is about: its statistic, its metric and its phases."""
    of = f" of {threshold.label}" if threshold.label else ""
    phases = f" in {' and '.join(threshold.phases)}" if threshold.phases else ""
    link = " of" if threshold.statistic == "slope" else ""
    metric = threshold.metric.replace("_", " ")
    return f"{statistic(threshold)}{link} {metric}{of}{phases}"


def _sustained(view: LaneReport) -> str:
    if view.sustained is None:
        return ""
    rate = figure(view.sustained, "rate")
    return f", {rate} from the first event to the last closed run"


def _truth(truth: TruthView) -> str:
    counts = ((truth.lost, "lost"), (truth.doubled, "doubled"), (truth.unexpected, "unexplained"))
    if any(number is None for number, _ in counts):
        unknown = " and ".join(name for number, name in counts if number is None)
        known = "; ".join(f"{n:,} {_were(n)} {name}" for n, name in counts if n is not None)
        return f"How many were {unknown} is unknown{'; ' + known if known else ''}."
    if not any(number for number, _ in counts):
        return (
            "None was lost and none was doubled: every acknowledged event stands in one closed run."
        )
    return "; ".join(f"{n or 0:,} {_were(n or 0)} {name}" for n, name in counts) + "."


def _slowest(view: LaneReport) -> str:
    latency = view.distribution("latency")
    if latency is None or latency.most is None:
        return "How long events took from end to end was not measured."
    usual = latency.all_but_one_in(100)
    begin = f"99 of 100 events were certified within {figure(usual, 'time')}" if usual else ""
    slowest = f"the slowest took {figure(latency.most, 'time')}"
    return (f"{begin}, {slowest}" if begin else slowest.capitalize()) + " from when it was due."


def _largest(view: LaneReport) -> str:
    largest = view.probe.largest if view.probe is not None else None
    if largest is None:
        return "No window was certified."
    return f"The largest window that was certified held {wording.plural(largest.events, 'event')}."


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
