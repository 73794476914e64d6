"""Processes that are started again whenever they end, and that never outlive their lane."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from platform_assets.errors import DependencyUnreachable
from platform_assets.lanes.marked import is_paused, marked
from platform_assets.lanes.plan import Readiness, Service
from platform_assets.lanes.services import Services, accepts
from platform_assets.lanes.supervised import Supervised
from platform_assets_tests.servers.processes import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEPS = (sys.executable, "-c", "import time; time.sleep(600)")
SECONDS = 60
#: Starts a process under supervision, tells its number, and is killed.
LANE = """\
import os, sys, threading
from pathlib import Path
from platform_assets.lanes.supervised import Supervised
process = Supervised("it", sys.argv[1:], log=Path(os.devnull), folder=Path("/"), environment=os.environ)
process.start()
print(process.pid, flush=True)
sys.stdin.read()
"""


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Supervised]:
    process = supervised(tmp_path, *SLEEPS)
    process.start()
    yield process
    process.stop()


def supervised(folder: Path, *command: str, **environment: str) -> Supervised:
    return Supervised(
        "it",
        command,
        log=folder / "it.log",
        folder=folder,
        environment={**os.environ, **environment},
    )


def test_a_process_that_was_killed_is_started_again_and_its_end_is_told(
    process: Supervised,
) -> None:
    first = process.signal(signal.SIGKILL)
    until(lambda: process.pid not in {None, first})
    [end] = process.ends
    assert (end.name, end.pid, end.how) == ("it", first, "SIGKILL")
    assert end.at <= time.monotonic_ns()


def test_a_process_that_ends_by_itself_is_started_again(tmp_path: Path) -> None:
    process = supervised(tmp_path, sys.executable, "-c", "print('here'); raise SystemExit(3)")
    process.start()
    until(lambda: len(process.ends) == 2)
    process.stop()
    assert {end.how for end in process.ends} == {"exit 3"}
    assert (tmp_path / "it.log").read_text().startswith("here\nhere\n")


def test_a_process_that_is_held_stays_ended_until_it_is_released(process: Supervised) -> None:
    process.hold()
    process.signal(signal.SIGKILL)
    until(lambda: process.ends)
    time.sleep(1)
    assert process.pid is None
    with pytest.raises(ProcessLookupError):
        process.signal(signal.SIGTERM)
    process.release()
    until(lambda: process.pid)


def test_a_process_that_is_left_works_beside_the_next_one_and_ends_with_it(
    process: Supervised,
) -> None:
    left = process.leave()
    until(lambda: process.pid)
    assert process.pid != left
    assert psutil.pid_exists(left)
    assert not process.ends
    process.stop()
    assert not psutil.pid_exists(left)


def test_stopping_ends_a_paused_process_and_what_it_started(tmp_path: Path) -> None:
    start = f"import subprocess, sys; subprocess.run({list(SLEEPS)!r})"
    process = supervised(tmp_path, sys.executable, "-c", start)
    process.start()
    pid = process.pid
    assert pid is not None
    until(lambda: psutil.Process(pid).children())
    started = psutil.Process(pid).children()
    process.signal(signal.SIGSTOP)
    until(lambda: is_paused(pid))
    process.stop()
    assert process.pid is None
    _, alive = psutil.wait_procs(started, timeout=SECONDS)
    assert not alive


def test_nothing_outlives_a_lane_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LANE, *SLEEPS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as lane:
        assert lane.stdout is not None
        process = psutil.Process(int(lane.stdout.readline()))
        until(lambda: process.cmdline() == [*SLEEPS])
        lane.kill()
    psutil.wait_procs([process], timeout=SECONDS)
    assert not process.is_running()


def test_processes_are_found_by_their_mark_also_when_who_started_them_is_gone(
    tmp_path: Path,
) -> None:
    orphaning = f"import subprocess; subprocess.Popen({list(SLEEPS)!r}, start_new_session=True)"
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    process = supervised(tmp_path, sys.executable, "-c", orphaning, A_MARK=f"{mark}:orphan")
    process.hold()
    process.start()
    until(lambda: process.ends)
    process.stop()
    found = marked("A_MARK", f"{mark}:")
    assert set(found.values()) == {"orphan"}
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    assert not marked("A_MARK", "no such mark:")


# --- services ------------------------------------------------------------------------------------


@pytest.fixture
def free_port() -> int:
    return free_ports(1)[0]


def service(*command: str, port: int, seconds: int = SECONDS) -> Service:
    ready = Readiness(address=f"127.0.0.1:{port}", within_seconds=seconds)
    return Service(command=command, ready=ready)


def test_services_are_ready_when_they_accept_connections(tmp_path: Path, free_port: int) -> None:
    serves = service("python", "-m", "http.server", str(free_port), port=free_port)
    services = Services({"store": serves}, tmp_path / "services", tmp_path)
    services.start()
    try:
        assert accepts(serves.ready.address)
    finally:
        services.stop()
    assert not accepts(serves.ready.address)


def test_a_service_that_does_not_serve_is_told_with_how_it_ended(
    tmp_path: Path, free_port: int
) -> None:
    ends = service("python", "-c", "raise SystemExit(7)", port=free_port, seconds=2)
    services = Services({"broker": ends}, tmp_path / "services", tmp_path)
    with pytest.raises(DependencyUnreachable, match=r"service broker.*exit 7"):
        services.start()
    services.stop()
