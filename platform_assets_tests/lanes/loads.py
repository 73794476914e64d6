"""Loads for tests: real generating processes that send to a lane's home."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from platform_assets.examples.home import create_home
from platform_assets.identifiers import LaneRunId
from platform_assets.lanes.home import make_lane_home
from platform_assets.lanes.load import Load
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.rendering import Rendering
from platform_assets.pipeline import Platform
from platform_assets.pipeline.produce import create_streams
from platform_assets.ports.streams import Gap, Look, Position, Span
from platform_assets_tests.lanes.plans import burst
from platform_assets_tests.lanes.workloads import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from platform_assets.lanes.measured import Interval
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.ports.sinks import Outgoing

SOON_NS = 500_000_000
_PATIENCE_SECONDS = 120


def loaded_home(
    folder: Path, *, source: dict[str, Any] | None = None, **workload: Any
) -> tuple[LanePlan, Platform]:
    """Return a plan, and the lane's home that it is for, with an empty stream."""
    create_home(folder / "in_use", [])
    plan = burst(of=workload, **({"source": source} if source else {}))
    in_use = Platform.open(folder / "in_use")
    platform = Platform.open(make_lane_home(plan, in_use, folder / "home", LaneRunId("burst", 1)))
    create_streams(platform, "load", {"orders": plan.workload.partitions})
    return plan, platform


@contextmanager
def sending(plan: LanePlan, platform: Platform, folder: Path) -> Iterator[tuple[Load, LoadClock]]:
    """Let a load begin; what still sends in the end is ended."""
    load = Load(plan, PREFIX, platform.home, folder / "load")
    try:
        load.prepare()
        clock = LoadClock(time.monotonic_ns() + SOON_NS)
        load.start(clock.start_ns)
        yield load, clock
    finally:
        load.stop()


def until(met: Callable[[], object]) -> None:
    """Wait until something is so."""
    patience = time.monotonic() + _PATIENCE_SECONDS
    while not met():
        assert time.monotonic() < patience, "it did not come about"
        time.sleep(0.01)


def rendered(plan: LanePlan, platform: Platform, load: Load) -> list[Outgoing]:
    """Return every event of a load, in the order of their numbers."""
    events = platform.feed("load").streams["orders"].events
    rendering = Rendering(plan.workload, PREFIX, events, platform.contracts)
    assert load.begun_us is not None
    return rendering.outgoing(rendering.schedule.of(np.arange(plan.workload.events)), load.begun_us)


def standing(platform: Platform) -> dict[str, list[bytes]]:
    """Return what stands in the partitions of the stream, by their numbers."""
    found: dict[str, list[bytes]] = {}
    with closing(platform.source(platform.feed("load"), "orders")) as source:
        for number, extent in enumerate(source.extents(Look(max_records=1_000_000))):
            values = found.setdefault(str(number), [])
            start = extent.entry.position if extent.entry else Position(extent.start)
            end = Position(extent.end, source.native(extent.partition, extent.end))
            for item in source.read(Span(extent.partition, start, end, extent.facts)):
                assert not isinstance(item, Gap)
                values += item.column("value").to_pylist()
    return found


def by_partition(
    events: list[Outgoing], stands: NDArray[np.bool_] | None = None
) -> dict[str, list[bytes]]:
    """Return the values of events, or of those that stand, by their partition, in order."""
    found: dict[str, list[bytes]] = {str(event.partition): [] for event in events}
    for number, event in enumerate(events):
        assert event.value is not None
        if stands is None or stands[number]:
            found[str(event.partition)].append(event.value)
    return found


def counts(intervals: list[Interval]) -> dict[int, int]:
    """Return how many values there are for each second."""
    found: dict[int, int] = {}
    for interval in intervals:
        second = interval.begin // 1_000_000
        found[second] = found.get(second, 0) + interval.histogram.get_total_count()
    return found
