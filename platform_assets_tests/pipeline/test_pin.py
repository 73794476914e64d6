"""Pinning windows: from a look at the streams to a record in the feed's log."""

from __future__ import annotations

import multiprocessing
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import ChainBroken, SourceUnreachable, UnknownOutcome
from platform_assets.flow.anchors import verify_chain
from platform_assets.flow.windows import Due
from platform_assets.identifiers import RunId
from platform_assets.pipeline.lag import lag
from platform_assets.pipeline.pin import pin, window_status
from platform_assets.pipeline.platform import Platform
from platform_assets.ports.clock import SystemClock
from platform_assets_tests.simulators.feeds import SimulatedPlatform, make_home
from platform_assets_tests.simulators.file_logs import FileLogWriter
from platform_assets_tests.simulators.store import Fault, SimulatedStore
from platform_assets_tests.simulators.streams import SimulatedStream

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

Ranges = list[tuple[str, str, int, int, str]]


class SteppingClock(SystemClock):
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def simulated(
    home: Path, store: SimulatedStore | None = None, **streams: SimulatedStream
) -> SimulatedPlatform:
    platform = SimulatedPlatform.open(home, store=store or SimulatedStore(), clock=SteppingClock())
    assert isinstance(platform, SimulatedPlatform)
    platform.streams.update(streams)
    return platform


def filled(*counts: int) -> SimulatedStream:
    stream = SimulatedStream()
    for partition, count in enumerate(counts):
        stream.append(str(partition), [b"x" * 9] * count)
    return stream


def ranges(platform: Platform, run: RunId) -> Ranges:
    return [
        (stream["stream"], part["partition"], part["start"], part["end"], part["origin"])
        for stream in platform.anchors(run)["streams"]
        for part in stream["partitions"]
    ]


def waiting(platform: Platform) -> dict[str, int]:
    return {f"{p.stream}/{p.partition}": p.records for p in lag(platform, "shop").partitions}


def pinned_runs(platform: Platform) -> list[str]:
    return platform.store.list("feeds/shop")


def test_i01_windows_follow_each_other_without_a_hole(tmp_path: Path) -> None:
    orders = filled(3, 2)
    platform = simulated(make_home(tmp_path), orders=orders)

    first = pin(platform, "shop")
    assert first == RunId("shop", 1)
    assert pin(platform, "shop") is None
    orders.append("1", [b"y"])
    orders.append("2", [b"z"])
    second = pin(platform, "shop")

    assert second == RunId("shop", 2)
    assert ranges(platform, first) == [
        ("orders", "0", 0, 3, "earliest"),
        ("orders", "1", 0, 2, "earliest"),
    ]
    assert ranges(platform, second) == [
        ("orders", "0", 3, 3, "predecessor"),
        ("orders", "1", 2, 3, "predecessor"),
        ("orders", "2", 0, 1, "earliest"),
    ]
    verify_chain([platform.anchors(first), platform.anchors(second)])


def test_i01_a_window_takes_as_much_as_is_declared_over_all_its_streams(tmp_path: Path) -> None:
    home = make_home(tmp_path, "orders", "refunds", max_records=10)
    platform = simulated(home, orders=filled(20, 1), refunds=filled(20))

    taken = []
    while (run := pin(platform, "shop")) is not None:
        taken.append([end - start for _, _, start, end, _ in ranges(platform, run)])

    assert taken == [[5, 1, 4], [5, 0, 5], [5, 0, 5], [5, 0, 5], [0, 0, 1]]


def test_i01_a_window_is_bounded_by_bytes(tmp_path: Path) -> None:
    platform = simulated(make_home(tmp_path, max_bytes=100), orders=filled(20, 20))

    run = pin(platform, "shop")

    assert run is not None
    assert [end - start for _, _, start, end, _ in ranges(platform, run)] == [5, 5]


def test_i01_the_configuration_stands_before_the_anchors_that_name_it(tmp_path: Path) -> None:
    store = SimulatedStore()
    platform = simulated(make_home(tmp_path), store, orders=filled(1))

    pin(platform, "shop")

    created = [path for act, path, _ in store.history if act == "create"]
    config_digest = platform.anchors(RunId("shop", 1))["config_digest"]
    assert created == [f"configs/{config_digest[7:]}.json", "feeds/shop/00000001.json"]


@pytest.mark.parametrize("broken", ["orders", "refunds"])
def test_i02_an_outage_of_any_stream_pins_nothing(tmp_path: Path, broken: str) -> None:
    streams = {"orders": filled(3), "refunds": filled(3)}
    streams[broken].unreachable = True
    platform = simulated(make_home(tmp_path, *streams), **streams)

    with pytest.raises(SourceUnreachable):
        pin(platform, "shop")
    with pytest.raises(SourceUnreachable):
        lag(platform, "shop")

    assert pinned_runs(platform) == []


def test_i01_a_feed_that_begins_at_latest_pins_its_position_first(tmp_path: Path) -> None:
    orders = filled(7)
    platform = simulated(make_home(tmp_path, start="latest"), orders=orders)

    first = pin(platform, "shop", force=False)
    assert first is not None
    assert ranges(platform, first) == [("orders", "0", 7, 7, "latest")]
    assert pin(platform, "shop") is None
    orders.append("0", [b"new"])
    second = pin(platform, "shop")

    assert second is not None
    assert ranges(platform, second) == [("orders", "0", 7, 8, "predecessor")]


def test_lag_counts_what_waits_per_partition(tmp_path: Path) -> None:
    orders = filled(3, 2)
    platform = simulated(make_home(tmp_path), orders=orders)
    assert waiting(platform) == {"orders/0": 3, "orders/1": 2}

    pin(platform, "shop")
    orders.append("1", [b"y"] * 4)

    assert waiting(platform) == {"orders/0": 0, "orders/1": 4}


def test_a_sensor_pins_only_what_is_due(tmp_path: Path) -> None:
    orders = filled(1)
    platform = simulated(make_home(tmp_path, max_records=10, max_age_seconds=60), orders=orders)
    clock = platform.clock
    assert isinstance(clock, SteppingClock)
    assert pin(platform, "shop", force=False) == RunId("shop", 1)  # may have waited for any time

    orders.append("0", [b"y"] * 5)
    clock.moment += timedelta(seconds=59)
    assert window_status(platform, "shop").due is None
    assert pin(platform, "shop", force=False) is None
    clock.moment += timedelta(seconds=1)
    assert window_status(platform, "shop").due is Due.AGE
    assert pin(platform, "shop", force=False) == RunId("shop", 2)

    orders.append("0", [b"z"] * 11)
    assert window_status(platform, "shop").due is Due.FULL
    assert pin(platform, "shop", force=False) == RunId("shop", 3)
    assert pin(platform, "shop", force=False) is None
    assert pin(platform, "shop") == RunId("shop", 4)


# --- the feed's log ------------------------------------------------------------------------------


def three_windows(home: Path) -> tuple[SimulatedPlatform, SimulatedStore]:
    store = SimulatedStore()
    platform = simulated(make_home(home, max_records=1), store, orders=filled(5))
    for _ in range(3):
        pin(platform, "shop")
    return platform, store


@pytest.mark.parametrize("missing", [1, 2])
def test_i01_a_log_with_a_hole_pins_nothing(tmp_path: Path, missing: int) -> None:
    platform, store = three_windows(tmp_path)
    del store.objects[f"feeds/shop/0000000{missing}.json"]

    with pytest.raises(ChainBroken, match="without a hole"):
        pin(platform, "shop")


def test_i01_a_foreign_entry_in_the_log_pins_nothing(tmp_path: Path) -> None:
    platform, store = three_windows(tmp_path)
    store.objects["feeds/shop/note.json"] = b"{}"

    with pytest.raises(ChainBroken, match=r"note\.json"):
        pin(platform, "shop")


def test_i01_a_head_that_does_not_follow_its_predecessor_pins_nothing(tmp_path: Path) -> None:
    platform, store = three_windows(tmp_path)
    path = "feeds/shop/00000002.json"
    store.objects[path] = store.objects[path].replace(b'"pinned_at":"2026', b'"pinned_at":"2025')

    with pytest.raises(ChainBroken, match="expected predecessor"):
        pin(platform, "shop")


# --- lost answers and rivals ---------------------------------------------------------------------


def failing_at_anchors(fault: Fault, times: int = 1) -> SimulatedStore:
    left = [times]

    def faults(act: str, path: str) -> Fault:
        if act == "create" and path.startswith("feeds/") and left[0]:
            left[0] -= 1
            return fault
        return Fault.NONE

    return SimulatedStore(faults)


@pytest.mark.parametrize("fault", [Fault.LOST_RESPONSE, Fault.RETRIED])
def test_i15_a_lost_answer_is_told_from_a_lost_write(tmp_path: Path, fault: Fault) -> None:
    store = failing_at_anchors(fault)
    platform = simulated(make_home(tmp_path), store, orders=filled(5))

    assert pin(platform, "shop") == RunId("shop", 1)
    assert pin(platform, "shop") is None
    assert len(pinned_runs(platform)) == 1


def test_i15_a_write_that_never_arrived_is_unknown_and_pinned_by_the_next_attempt(
    tmp_path: Path,
) -> None:
    store = failing_at_anchors(Fault.LOST_REQUEST)
    platform = simulated(make_home(tmp_path), store, orders=filled(5))

    with pytest.raises(UnknownOutcome):
        pin(platform, "shop")
    assert pin(platform, "shop") == RunId("shop", 1)


def test_i15_a_write_that_arrives_late_is_the_window_that_stands(tmp_path: Path) -> None:
    store = failing_at_anchors(Fault.LATE)
    platform = simulated(make_home(tmp_path), store, orders=filled(5))
    with pytest.raises(UnknownOutcome):
        pin(platform, "shop")

    store.deliver_late()

    assert pin(platform, "shop") is None
    assert len(pinned_runs(platform)) == 1


def test_i01_a_rival_that_wrote_what_does_not_follow_is_not_believed(tmp_path: Path) -> None:
    def forge(act: str, path: str) -> Fault:
        if act == "create" and path == "feeds/shop/00000002.json":
            first = store.objects["feeds/shop/00000001.json"]
            store.objects[path] = first.replace(b"00000001", b"00000002")
        return Fault.NONE

    store = SimulatedStore(forge)
    platform = simulated(make_home(tmp_path, max_records=1), store, orders=filled(5))
    pin(platform, "shop")

    with pytest.raises(ChainBroken):
        pin(platform, "shop")


class MeetingClock(SystemClock):
    """Answers only when all rivals ask, so that each has looked before any of them writes."""

    def __init__(self, barrier: Barrier | threading.Barrier) -> None:
        self._barrier = barrier

    def now(self) -> datetime:
        self._barrier.wait(timeout=60)
        return super().now()


def pin_against_rivals(home: Path, barrier: Barrier, answers: Queue[str]) -> None:
    platform = Platform.open(home, clock=MeetingClock(barrier))
    answers.put(str(pin(platform, "shop")))


def test_i01_pinners_that_race_in_processes_give_one_window(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    FileLogWriter(home / "data", "orders").append("0", [b'{"id": "a"}'] * 10)
    spawn = multiprocessing.get_context("spawn")
    barrier, answers = spawn.Barrier(3), spawn.Queue()
    rivals = [
        spawn.Process(target=pin_against_rivals, args=(home, barrier, answers)) for _ in range(3)
    ]
    for rival in rivals:
        rival.start()

    found = [answers.get(timeout=60) for _ in rivals]
    for rival in rivals:
        rival.join(timeout=60)

    assert found == ["shop-00000001"] * 3
    platform = Platform.open(home)
    assert pinned_runs(platform) == ["feeds/shop/00000001.json"]
    assert pin(platform, "shop") is None


def test_i01_pinners_that_race_many_times_never_skip_or_repeat_a_record(tmp_path: Path) -> None:
    home = make_home(tmp_path, max_records=1)
    FileLogWriter(home / "data", "orders").append("0", [b'{"id": "a"}'] * 30)
    platform = Platform.open(home)

    def run_all() -> None:
        while pin(Platform.open(home), "shop") is not None:
            pass

    rivals = [threading.Thread(target=run_all) for _ in range(4)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()

    records = [platform.anchors(RunId("shop", n + 1)) for n in range(len(pinned_runs(platform)))]
    verify_chain(records)
    assert [r["streams"][0]["partitions"][0]["end"] for r in records] == list(range(1, 31))
