"""Loads as they are sent: by real processes, into a real file log, with what can befall both."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platform_assets.errors import ConfigurationError, RecordInvalid, WorkerLost
from platform_assets.lanes.ledger import acknowledged, doubtful
from platform_assets.lanes.load import Load
from platform_assets.lanes.progress import Stage
from platform_assets.lanes.schedule import SECOND, Schedule
from platform_assets_tests.lanes.loads import (
    by_partition,
    counts,
    loaded_home,
    rendered,
    sending,
    standing,
    until,
)
from platform_assets_tests.lanes.test_ledger import ledger
from platform_assets_tests.lanes.workloads import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

LONG = [{"name": "long", "seconds": 600, "rate": 400}]


def phases(*rates: int) -> list[dict[str, Any]]:
    return [{"name": f"phase_{n}", "seconds": 1, "rate": rate} for n, rate in enumerate(rates)]


def test_every_event_is_sent_once_to_its_partition_in_order_and_is_accounted_for(
    tmp_path: Path,
) -> None:
    plan, platform = loaded_home(tmp_path, phases=phases(500, 1_500, 400))
    with sending(plan, platform, tmp_path) as (load, _):
        assert load.wait(120)
        load.require_sound()
    assert standing(platform) == by_partition(rendered(plan, platform, load))
    ledgers = load.ledgers()
    for own in ledgers:
        own.require_of(PREFIX, Schedule(plan.workload))
    assert acknowledged(ledgers, 2_400).all()
    assert not doubtful(ledgers, 2_400).any()
    assert [each.stage for each in load.progress()] == [Stage.ENDED] * 2
    assert [tuple(each)[1:] for each in load.progress()] == [
        (1_200, 1_200, 2_398),
        (1_200, 1_200, 2_399),
    ]
    due = {0: 500, 1: 1_500, 2: 400}
    measured = load.histograms()
    assert {metric: counts(found) for metric, found in measured.items()} == {
        "slip": due,
        "acknowledgement": due,
    }
    assert {interval.label for interval in measured["slip"]} == {"generator-0", "generator-1"}


def test_a_stall_is_met_by_every_event_that_was_due_in_it_and_moves_none_that_comes_later(
    tmp_path: Path,
) -> None:
    """The loop is open: what waits counts from when it was to be sent, and nothing is sent later."""
    plan, platform = loaded_home(tmp_path, phases=phases(300, 300, 300, 300, 300, 300))
    log = platform.home / "data" / "load" / str(platform.feed("load").streams["orders"].topic)
    with (log / ".producer.lock").open("wb") as stall:
        fcntl.flock(stall, fcntl.LOCK_EX)  # as another producer would
        with sending(plan, platform, tmp_path) as (load, clock):
            until(lambda: clock.now() > 3 * SECOND)
            thawed = clock.now()
            fcntl.flock(stall, fcntl.LOCK_UN)
            assert load.wait(120)
            load.require_sound()
    events = rendered(plan, platform, load)
    assert standing(platform) == by_partition(events)  # with the times at which they were due
    assert acknowledged(load.ledgers(), 1_800).all()
    for metric in ("slip", "acknowledgement"):
        intervals = load.histograms()[metric]
        assert counts(intervals) == dict.fromkeys(range(6), 300)
        for interval in intervals:
            waited = thawed - interval.end  # the last event of the second waited for longer
            if waited > 0:
                assert interval.histogram.get_min_value() >= waited * 999 // 1_000


def test_what_the_stream_refuses_is_in_the_ledger_and_not_in_the_stream(tmp_path: Path) -> None:
    """A disk that takes no more, and later does: files of the process may not grow beyond a size."""
    plan, platform = loaded_home(tmp_path, phases=phases(300, 300, 300, 300, 300, 300))
    with sending(plan, platform, tmp_path) as (load, clock):
        for pid in load.pids():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (70_000, resource.RLIM_INFINITY))
        until(lambda: clock.now() > 4 * SECOND)
        for pid in load.pids():
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        assert load.wait(120)
        load.require_sound()
    ledgers = load.ledgers()
    stands = acknowledged(ledgers, 1_800)
    assert 0 < np.count_nonzero(stands) < 1_800
    assert stands[-10:].all()
    assert not doubtful(ledgers, 1_800).any()
    for own in ledgers:
        assert own.sent == 900
        assert {"File too large" in reason for *_, reason in own.refused} == {True}
        assert any(sending.ended.startswith("SourceUnreachable") for sending in own.sendings)
        assert sum(sending.sent for sending in own.sendings) == 900
    assert standing(platform) == by_partition(rendered(plan, platform, load), stands)
    assert [each.reached for each in load.progress()] == [1_798, 1_799]
    assert counts(load.histograms()["slip"]) == dict.fromkeys(range(6), 300)
    assert sum(counts(load.histograms()["acknowledgement"]).values()) == np.count_nonzero(stands)


def test_a_load_that_is_stopped_accounts_for_what_it_sent(tmp_path: Path) -> None:
    plan, platform = loaded_home(tmp_path, phases=LONG)
    with sending(plan, platform, tmp_path) as (load, _):
        until(lambda: min(each.acknowledged for each in load.progress()) > 50)
        load.stop()
        load.require_sound()
    ledgers = load.ledgers()
    assert all(50 < own.sent < 120_000 for own in ledgers)
    stands = acknowledged(ledgers, plan.workload.events)
    assert standing(platform) == by_partition(rendered(plan, platform, load), stands)


def test_a_load_that_never_began_is_ended_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_assets.lanes.load._STOP_SECONDS", 1e9)  # no process is killed
    plan, platform = loaded_home(tmp_path)
    load = Load(plan, PREFIX, platform.home, tmp_path / "load")
    load.prepare()
    load.stop()
    assert not load.running()
    assert load.ledgers() == []


def test_a_process_that_is_killed_leaves_no_ledger_and_is_missed(tmp_path: Path) -> None:
    plan, platform = loaded_home(tmp_path, phases=LONG)
    with sending(plan, platform, tmp_path) as (load, clock):
        until(lambda: clock.now() > 2 * SECOND and load.histograms()["slip"])
        killed = load.pids()[1]
        os.kill(killed, signal.SIGKILL)
        until(lambda: killed not in load.pids())
        with pytest.raises(WorkerLost, match=r"generator 1: .* exit -9"):
            load.require_sound()
    ledgers = load.ledgers()
    assert [own.process for own in ledgers] == [0]
    assert doubtful(ledgers, 100).tolist() == [number % 2 == 1 for number in range(100)]
    assert {each.label for each in load.histograms()["slip"]} == {"generator-0", "generator-1"}


PARENT = """
import sys, time
from pathlib import Path
from platform_assets.lanes.load import Load
from platform_assets.pipeline import Platform
from platform_assets_tests.lanes.loads import PREFIX, burst

folder = Path(sys.argv[1])
plan = burst(of={"phases": [{"name": "long", "seconds": 600, "rate": 400}]})
load = Load(plan, PREFIX, folder / "home", folder / "load")
load.prepare()
if sys.argv[2] == "sending":
    load.start(time.monotonic_ns())
print(*load.pids(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("at", ["ready", "sending"])
def test_generators_end_with_who_started_them_however_that_ends(tmp_path: Path, at: str) -> None:
    loaded_home(tmp_path, phases=LONG)
    command = [sys.executable, "-c", PARENT, str(tmp_path), at]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.kill()
    for child in children:
        until(lambda child=child: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - a file of the kernel
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def test_a_workload_that_does_not_fit_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    plan, platform = loaded_home(tmp_path, key_field="no_such")
    load = Load(plan, PREFIX, platform.home, tmp_path / "load")
    with pytest.raises(ConfigurationError, match="at no_such, its key, found nothing"):
        load.prepare()
    assert not load.pids()


def test_a_stream_with_fewer_partitions_than_planned_is_told_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    plan, platform = loaded_home(tmp_path)
    more = plan.workload.model_copy(update={"partitions": 6})
    load = Load(
        plan.model_copy(update={"workload": more}), PREFIX, platform.home, tmp_path / "load"
    )
    try:
        with pytest.raises(WorkerLost, match="expected 6 partitions, as the plan says, found 4"):
            load.prepare()
    finally:
        load.stop()


def test_a_ledger_that_was_damaged_on_disk_is_refused(tmp_path: Path) -> None:
    plan, platform = loaded_home(tmp_path)
    load = Load(plan, PREFIX, platform.home, tmp_path / "load")
    assert load.ledgers() == []
    path = tmp_path / "load" / "1" / "ledger.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(ledger(1, ["acknowledged"] * 3).encoded())
    assert len(load.ledgers()) == 1
    path.write_bytes(replace(ledger(1, ["acknowledged"] * 3), acknowledged=2).encoded())
    with pytest.raises(
        RecordInvalid, match=r"ledger of process 1: .* 3 events sent, 2 acknowledged"
    ):
        load.ledgers()
