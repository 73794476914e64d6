"""What came of a lane, for its report: its events, its runs, its faults, and the windows of a probe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import parse_canonical
from platform_assets.lanes.evidence_files import NOTES_FILE
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.windows import WINDOWS_FILE, read_windows
from platform_assets.reports.lane_figures import clock
from platform_assets.reports.lane_model import FaultView, ProbeView, RunView, TruthView, WindowView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from platform_assets.flow.verification import BundleFiles
    from platform_assets.lanes.measured import Sample
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.lanes.recorded import Recorded
    from platform_assets.lanes.windows import Tried, Window


def truth_of(recorded: Recorded) -> TruthView:
    """Return what became of the events; what was not counted is None."""
    totals = [bundle["totals"] for bundle in recorded.bundles.values()]
    closed, certified, duplicate, quarantined = (
        sum(each[name] for each in totals)
        for name in ("delivered", "admitted", "duplicate", "quarantined")
    )
    ledgers, series = recorded.ledgers, recorded.measured.series
    return TruthView(
        planned=recorded.plan.workload.events,
        sent=sum(ledger.sent for ledger in ledgers),
        acknowledged=sum(ledger.acknowledged for ledger in ledgers),
        ambiguous=sum(ledger.counted(ledger.ambiguous) for ledger in ledgers),
        refused=sum(ledger.counted(ledger.refused) for ledger in ledgers),
        closed=closed,
        certified=certified,
        duplicate=duplicate,
        quarantined=quarantined,
        lost=_total(series.get("lost")),
        doubled=_total(series.get("doubled")),
        unexpected=_total(series.get("unexpected")),
    )


def _total(samples: Sequence[Sample] | None) -> int | None:
    return sum(sample.value for sample in samples) if samples else None


def runs_of(recorded: Recorded) -> Iterator[RunView]:
    """Yield every run that was pinned; one whose closure does not verify is not closed."""
    for run in recorded.runs:
        bundle = recorded.bundles.get(run.run_id)
        totals = (bundle["totals"] if bundle is not None else run.counts) or {}
        yield RunView(
            run_id=run.run_id,
            pinned=run.pinned_us,
            closed=run.closed_us if bundle is not None else None,
            delivered=totals.get("delivered", 0),
            admitted=totals.get("admitted", 0),
            duplicate=totals.get("duplicate", 0),
            quarantined=totals.get("quarantined", 0),
            bundle_digest=run.bundle_digest,
        )


def faults_of(recorded: Recorded) -> Iterator[FaultView]:
    """Yield every fault that struck, with the limit of its kind."""
    planned = recorded.plan.schedule.faults if recorded.plan.schedule is not None else ()
    limits: dict[str, int] = {fault.kind: fault.recover_within_seconds for fault in planned}
    for number, struck in enumerate(recorded.faults, 1):
        yield FaultView(
            number=number,
            kind=struck.kind,
            at=struck.at_us,
            ended=struck.ended_us,
            steady=struck.steady_us,
            limit=limits.get(struck.kind, 0) * SECOND,
            detail=struck.detail,
        )


def probe_of(plan: LanePlan, files: BundleFiles, lane_run: str) -> ProbeView | None:
    """Return the windows of a probe; of another lane there are none."""
    if plan.doubling is None:
        return None
    windows = read_windows(files.read(WINDOWS_FILE)) if WINDOWS_FILE in files.paths() else []
    return ProbeView(
        windows=tuple(_window(window, lane_run) for window in windows),
        time_limit=plan.doubling.window_seconds * SECOND,
        memory_limit=int(plan.doubling.memory_limit),
        spill_limit=int(plan.doubling.spill_limit),
    )


def notes_of(files: BundleFiles, lane_run: str) -> Iterator[tuple[str, str]]:
    """Yield what the notes of a lane say, a line for each thing, as name and text."""
    yield from ((name, _from_its_folder(text, lane_run)) for name, text in _notes_of(files))


def _notes_of(files: BundleFiles) -> Iterator[tuple[str, str]]:
    if NOTES_FILE not in files.paths():
        return
    for key, value in parse_canonical(files.read(NOTES_FILE), NOTES_FILE).items():
        name = key.replace("_", " ")
        if isinstance(value, list):
            yield from ((name, _told(each)) for each in value)
        elif isinstance(value, dict):
            yield from ((f"{name}: {part}", _told(each)) for part, each in value.items() if each)
        elif value:
            yield name, _told(value)


def _from_its_folder(text: str, lane_run: str) -> str:
    """Tell a path from the lane's folder on: where that stood concerns no reader of a report."""
    return re.sub(rf"(?<!\S)/\S*/(?={re.escape(lane_run)}/)", "", text)


def _told(value: Any) -> str:
    """Write a note in words; its moment comes first."""
    if isinstance(value, list):
        return ", ".join(_told(each) for each in value)
    if not isinstance(value, dict):
        return str(value)
    moment = f"{clock(value['at_us'])}: " if isinstance(value.get("at_us"), int) else ""
    facts = {key: each for key, each in value.items() if key != "at_us" and (each or each == 0)}
    return moment + ", ".join(f"{key} {_told(each)}" for key, each in facts.items())


def _window(window: Window, lane_run: str) -> WindowView:
    first = window.attempts[0] if window.attempts else None
    parts = [_ending(tried) for tried in window.attempts]
    if window.ended:
        parts.append(window.ended)
    return WindowView(
        events=window.events,
        run_id=window.run_id or "none",
        certified=window.certified,
        ending=_from_its_folder("; ".join(parts), lane_run),
        duration=first.duration_us if first is not None else None,
        memory=first.held_bytes if first is not None else None,
        spilled=first.spilled_bytes if first is not None else None,
    )


def _ending(tried: Tried) -> str:
    how = tried.how.replace("_", " ")
    by = f" by {tried.by}" if tried.by else ""
    ending = f"{how}{by}, exit {tried.exit_code}" if tried.exit_code else how
    error = f" ({tried.error})" if tried.error else ""
    return f"{'' if tried.limited else 'then without limits: '}{ending}{error}"
