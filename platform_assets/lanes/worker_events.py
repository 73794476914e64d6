"""What the worker tells of itself: what its steps used, and the errors that it met.

The worker appends a line of JSON for each event to a file, with the monotonic moment. Only this is
taken from it: how long each step took, how much memory and spill it needed, outages, and refusals. What
can be seen from outside is not taken from its word. A line that a kill has cut is passed over and
counted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.lanes.measured import Sample

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.lanes.load_clock import LoadClock

_MICROSECONDS = 1_000_000
_TOLD = ("started", "outage", "recovered", "refused", "stopped")


@dataclass(slots=True)
class WorkerEvents:
    """What was told.

    Attributes:
        series: metric -> samples; those of steps are labelled with the step and its thing.
        told: starts, outages, refusals and ends, as they were told, with the moment of the load.
        torn: how many lines were no whole events.
    """

    series: defaultdict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    told: list[dict[str, Any]] = field(default_factory=list)
    torn: int = 0


def read_worker_events(path: Path, clock: LoadClock) -> WorkerEvents:
    """Read the events of a worker; one that wrote none, as under Dagster, has told nothing."""
    events = WorkerEvents()
    lines = path.read_bytes().splitlines() if path.exists() else []
    for line in lines:
        try:
            event = json.loads(line)
            at = clock.of(event["monotonic_us"] * 1000)
        except (ValueError, KeyError, TypeError):
            events.torn += 1
            continue
        _take(events, event, at)
    return events


def _take(events: WorkerEvents, event: dict[str, Any], at: int) -> None:
    if event["event"] == "step":
        label = f"{event['step']} {event['thing']}".strip()
        seconds = round(event["wall_seconds"] * _MICROSECONDS)
        events.series["step_duration"].append(Sample(at, label, seconds))
        events.series["step_memory"].append(Sample(at, label, event["peak_rss_bytes"]))
        events.series["spilled"].append(Sample(at, label, event["spilled_bytes"]))
    if event["event"] in {"outage", "refused"}:
        events.series["errors"].append(Sample(at, event["error"], 1))
    if event["event"] in _TOLD:
        kept = {key: value for key, value in event.items() if not isinstance(value, float)}
        events.told.append({**kept, "at_us": at})
