"""The observer samples on time, once a second, and says so where it was not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.lanes.closures import SeenClosure
from platform_assets.lanes.disk_sizes import DiskSizes
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.metrics import METRICS
from platform_assets.lanes.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HELD = 32 * 1024**2
_WORKER = f"""
import time
held = b"x" * {_HELD}
print("ready", flush=True)
while True:
    time.sleep(0.001)
"""
SECOND = 1_000_000


class Looked:
    """One worker under load, this process's parent beside it, and a load that holds up a look."""

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self.total = 0
        self.hold_up = 0.0

    def under_load(self) -> list[int]:
        return [self.worker]

    def beside(self) -> Mapping[str, list[int]]:
        return {"generator": [os.getppid()]}

    def open_runs(self) -> int:
        return 2

    def loaded(self, at: int) -> Mapping[str, int]:
        del at
        pause, self.hold_up = self.hold_up, 0.0
        time.sleep(pause)
        self.total += 1_000
        return {"acknowledged": self.total}


@pytest.fixture
def looked() -> Iterator[Looked]:
    worker = subprocess.Popen([sys.executable, "-c", _WORKER], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    yield Looked(worker.pid)
    worker.kill()
    worker.communicate()


@pytest.fixture
def observer(looked: Looked, tmp_path: Path) -> Iterator[Observer]:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "part").write_bytes(b"x" * 8192)
    sizes = DiskSizes((tmp_path,), {tmp_path / "store": "store_size"}, tmp_path / "store" / "runs")
    observer = Observer(LoadClock(time.monotonic_ns() + 100_000_000), looked, sizes)
    observer.start()
    yield observer
    observer.stop()


def until(observer: Observer, samples: int) -> None:
    while len(observer.series["open_runs"]) < samples:
        assert observer.failure is None
        time.sleep(0.05)


def test_each_gauge_is_sampled_in_each_second(observer: Observer, looked: Looked) -> None:
    until(observer, 4)
    observer.stop()
    series = observer.series
    assert set(series) <= set(METRICS)
    for metric in ("memory", "memory_held", "descriptors", "threads", "store_size"):
        assert [sample.at // SECOND for sample in series[metric]][:4] == [0, 1, 2, 3]
    assert all(sample.value >= _HELD for sample in series["memory_held"])
    assert series["open_runs"][0] == Sample(series["open_runs"][0].at, "", 2)
    assert series["store_size"][0].value == 8192
    assert {s.label for s in series["cpu_beside"]} == {"generator", "conductor", "observer"}


def test_a_rate_is_that_of_the_second_that_follows(observer: Observer, looked: Looked) -> None:
    until(observer, 3)
    observer.stop()
    rates, looks = observer.series["acknowledged"], observer.series["open_runs"]
    assert [rate.at for rate in rates] == [look.at for look in looks[:-1]]
    assert all(500 < rate.value <= 1_100 for rate in rates)
    assert [sample.at for sample in observer.series["cpu"]] == [rate.at for rate in rates]


def test_a_look_that_was_missed_is_not_made_up_for(observer: Observer, looked: Looked) -> None:
    until(observer, 1)
    looked.hold_up = 2.2
    until(observer, 4)
    observer.stop()
    seconds = [sample.at // SECOND for sample in observer.series["memory"]]
    assert len(set(seconds)) == len(seconds)
    assert observer.missed == 2
    assert seconds[:3] == [0, 1, 4]


def test_the_least_memory_between_two_closures_is_that_of_the_later_one(
    observer: Observer,
) -> None:
    until(observer, 2)
    for number in (1, 2):
        run = RunId("load", number)
        observer.note_closed(SeenClosure(run, 0, number * SECOND, {}, ""))
    floors = observer.series["memory_floor"]
    assert [(each.at, each.label) for each in floors] == [
        (SECOND, "load-00000001"),
        (2 * SECOND, "load-00000002"),
    ]
    assert all(each.value >= _HELD for each in floors)


def test_what_ends_the_observer_is_kept(observer: Observer, looked: Looked) -> None:
    until(observer, 1)
    del looked.worker
    deadline = time.monotonic() + 5
    while observer.failure is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert isinstance(observer.failure, AttributeError)
