"""What a worker tells of itself becomes samples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.worker_events import read_worker_events

if TYPE_CHECKING:
    from pathlib import Path

STEP = {
    "run_id": "load-00000001",
    "step": "build",
    "thing": "orders",
    "wall_seconds": 1.25,
    "cpu_seconds": 2.0,
    "peak_rss_bytes": 7,
    "spilled_bytes": 3,
}


def line(event: str, **facts: Any) -> str:
    return json.dumps({"event": event, "monotonic_us": 5_000_000, "pid": 1, **facts}) + "\n"


def test_steps_outages_and_refusals_become_samples(tmp_path: Path) -> None:
    file = tmp_path / "events"
    outage = line("outage", error="SourceUnreachable", found="none")
    file.write_text(line("started") + line("step", **STEP) + outage + line("refused", error="X"))
    events = read_worker_events(file, LoadClock(2_000_000_000))
    at = 3_000_000
    assert events.series["step_duration"] == [Sample(at, "build orders", 1_250_000)]
    assert events.series["step_memory"] == [Sample(at, "build orders", 7)]
    assert events.series["spilled"] == [Sample(at, "build orders", 3)]
    assert events.series["errors"] == [Sample(at, "SourceUnreachable", 1), Sample(at, "X", 1)]
    assert [told["event"] for told in events.told] == ["started", "outage", "refused"]
    assert events.torn == 0


def test_a_line_that_a_kill_has_cut_is_counted_and_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text(line("step", **STEP)[:30] + "\n" + line("step", **STEP))
    events = read_worker_events(file, LoadClock(0))
    assert events.torn == 1
    assert len(events.series["step_duration"]) == 1


def test_a_worker_that_wrote_nothing_has_told_nothing(tmp_path: Path) -> None:
    events = read_worker_events(tmp_path / "none", LoadClock(0))
    assert not events.series
    assert not events.told
