"""Faults, each against what it strikes: processes, a service, a disk, a clock, a key."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import DeclarationInvalid, FaultNotInjected
from platform_assets.lanes.faults.clock import ClockStep
from platform_assets.lanes.faults.credentials import ExpiredCredentials
from platform_assets.lanes.faults.disk import FullDisk
from platform_assets.lanes.faults.ground import Ground
from platform_assets.lanes.faults.services import EndService, PauseService
from platform_assets.lanes.faults.volume import Volume
from platform_assets.lanes.faults.wall_clock import WallClock
from platform_assets.lanes.fitting import fitted
from platform_assets.lanes.plan import LanePlan, Readiness, Rotation, Service
from platform_assets.lanes.services import Services, accepts
from platform_assets_tests.lanes.recoveries import recovery
from platform_assets_tests.servers.processes import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600
ANOTHER_USER = 65534

# --- a disk --------------------------------------------------------------------------------------


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    volume = Volume(tmp_path / "volume", 4 << 20)
    try:
        volume.mount()
    except FaultNotInjected as error:
        pytest.skip(str(error))
    yield volume
    volume.unmount()


def test_a_full_disk_takes_nothing_until_it_is_relieved(volume: Volume) -> None:
    (volume.folder / "before").write_bytes(b"x" * 100_000)
    full = FullDisk(volume)
    full.strike()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (volume.folder / "during").write_bytes(b"x" * 100_000)
    full.heal()
    (volume.folder / "after").write_bytes(b"x" * 100_000)
    assert (volume.folder / "before").stat().st_size == 100_000


def test_what_is_deleted_while_the_disk_is_full_makes_no_room(volume: Volume) -> None:
    (volume.folder / "before").write_bytes(b"x" * 1_000_000)
    full = FullDisk(volume)
    full.strike()
    ballast = volume.folder / ".ballast"
    size = ballast.stat().st_size
    (volume.folder / "before").unlink()
    deadline = time.monotonic() + 30
    while ballast.stat().st_size == size and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (volume.folder / "during").write_bytes(b"x" * 1_000_000)
    full.heal()


def test_a_volume_is_gone_with_its_lane(volume: Volume) -> None:
    (volume.folder / "here").touch()
    volume.unmount()
    assert not (volume.folder / "here").exists()
    volume.mount()  # for the fixture


@contextmanager
def as_another_user(folder: Path) -> Iterator[None]:
    """Do something as a user who is not root, and who may write to the folder."""
    if os.geteuid():
        yield
        return
    folder.chmod(0o777)
    os.seteuid(ANOTHER_USER)
    try:
        yield
    finally:
        os.seteuid(0)


def test_who_may_not_mount_is_told_and_the_fault_is_not_injected() -> None:
    plan = recovery("full_disk", volume={"size": "4MiB"})
    with tempfile.TemporaryDirectory() as name:  # pytest's own are for its user alone
        folder = Path(name)
        ground = Ground(plan, folder / "home", folder / "work")
        with as_another_user(folder), ground:
            pass
        with pytest.raises(FaultNotInjected, match=r"volume.*not permitted.*root"):
            ground.volume()


# --- a clock -------------------------------------------------------------------------------------

#: Tells the time whenever it is asked, and waits in every way that a library may wait.
CLOCK = """\
import sys, threading, time
from confluent_kafka import Consumer
for line in sys.stdin:
    time.sleep(0.01)
    threading.Event().wait(0.01)
    threading.Lock().acquire(timeout=0.01)
    Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "a", "log_level": 0}).poll(0.01)
    print(time.time() - float(line), flush=True)
"""


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    clock = WallClock(tmp_path / "clock")
    try:
        clock.make()
    except FaultNotInjected as error:
        pytest.skip(str(error))
    return clock


def test_a_clock_that_steps_is_wrong_for_the_processes_that_have_it_and_waits_go_on(
    clock: WallClock,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLOCK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **clock.environment()},
    ) as process:

        def ahead() -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{time.time()}\n")
            process.stdin.flush()
            return round(float(process.stdout.readline()) / 60)

        for seconds in (HOUR, -HOUR):
            step = ClockStep(clock, seconds)
            assert ahead() == 0
            assert step.strike() == f"{seconds:+d} s"
            assert ahead() == seconds // 60
            step.heal()
        assert ahead() == 0


def test_without_a_compiler_the_clock_cannot_be_set_and_it_is_said_how_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with Ground(recovery("clock_back", seconds=1), tmp_path / "home", tmp_path / "work") as ground:
        assert ground.environment() == {}
        with pytest.raises(FaultNotInjected, match=r"cc.*apt-get install"):
            ground.clock()


# --- a service -----------------------------------------------------------------------------------


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """A service that serves the files of its folder."""
    [port] = free_ports(1)
    command = ("python", "-m", "http.server", str(port), "--bind", "127.0.0.1")
    served = Service(command=command, ready=Readiness(address=f"127.0.0.1:{port}"))
    services = Services({"store": served}, tmp_path / "services", tmp_path)
    (tmp_path / "services" / "kept").write_text("kept")
    services.start()
    yield services
    services.stop()


def kept(services: Services) -> str:
    address = services._declared["store"].ready.address
    with urllib.request.urlopen(f"http://{address}/kept", timeout=2) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_a_service_that_ends_is_away_and_comes_back_with_what_it_kept(
    services: Services, number: str
) -> None:
    before = services.processes["store"].pid
    fault = EndService(services, "store", signal.Signals[number])
    assert number in fault.strike()
    time.sleep(2)  # it would be back by now
    assert not accepts(services._declared["store"].ready.address)
    fault.heal()
    assert kept(services) == "kept"
    assert services.processes["store"].pid != before
    assert [end.how for end in services.processes["store"].ends]


def test_a_paused_service_accepts_connections_and_answers_nobody(services: Services) -> None:
    fault = PauseService(services, "store")
    fault.strike()
    assert accepts(services._declared["store"].ready.address)
    with pytest.raises(TimeoutError):
        kept(services)
    fault.heal()
    assert kept(services) == "kept"


# --- a key ---------------------------------------------------------------------------------------


def test_a_key_expires_and_is_renewed_by_the_commands_of_the_plan(tmp_path: Path) -> None:
    rotation = Rotation(expire=("touch", "expired"), renew=("mv", "expired", "renewed"))
    fault = ExpiredCredentials(rotation, tmp_path)
    fault.strike()
    assert (tmp_path / "expired").exists()
    fault.heal()
    assert (tmp_path / "renewed").exists()


def test_a_rotation_that_fails_says_why(tmp_path: Path) -> None:
    fails = Rotation(expire=("sh", "-c", "echo no such user >&2; exit 4"), renew=("true",))
    with pytest.raises(FaultNotInjected, match="4: no such user"):
        ExpiredCredentials(fails, tmp_path).strike()


# --- what fits -----------------------------------------------------------------------------------

BROKER = {"broker": {"command": ["true"], "ready": {"address": "127.0.0.1:1"}}}
LACKING: dict[str, str] = {
    "kill_daemon": "runner: dagster",
    "pause_daemon": "runner: dagster",
    "kill_code_server": "runner: dagster",
    "kill_broker": "service `broker`",
    "restart_broker": "service `broker`",
    "pause_broker": "service `broker`",
    "restart_store": "service `store`",
    "pause_store": "service `store`",
    "full_disk": "target.volume",
    "expired_credentials": "target.rotation",
}


@pytest.mark.parametrize("kind", LACKING)
def test_a_fault_that_does_not_fit_its_target_is_refused(kind: str) -> None:
    with pytest.raises(DeclarationInvalid) as refused:
        fitted(recovery("kill_worker", kind, seconds=1))
    told = str(refused.value.found)
    assert told.startswith(f"{kind} needs ")
    assert LACKING[kind] in told
    assert "kill_worker" not in told


@pytest.mark.parametrize("kind", LACKING)
def test_a_fault_that_does_not_fit_is_left_out_with_its_threshold_where_the_plan_says_so(
    kind: str,
) -> None:
    plan = fitted(leaving_out("kill_worker", kind))
    assert plan.schedule is not None
    assert [fault.kind for fault in plan.schedule.faults] == ["kill_worker"]
    assert plan.schedule.left_out == (kind,)
    assert plan.thresholds.keys() == {"kill_worker", "nothing_lost"}
    assert fitted(plan) == plan
    assert plan.digest != fitted(leaving_out("kill_worker")).digest


def test_a_plan_of_which_no_fault_is_left_is_refused() -> None:
    with pytest.raises(DeclarationInvalid, match="kill_broker needs a service `broker`"):
        fitted(leaving_out("kill_broker"))


@pytest.mark.parametrize("kind", ["pause_worker", "clock_back"])
def test_a_fault_that_has_to_last_and_does_not_is_refused(kind: str) -> None:
    assert fitted(recovery(kind, seconds=1)) == recovery(kind, seconds=1)
    with pytest.raises(DeclarationInvalid, match="`seconds`"):
        fitted(recovery(kind))


@pytest.mark.parametrize(
    "plan",
    [
        recovery("kill_worker"),
        recovery("kill_daemon", runner="dagster"),
        recovery("kill_broker", services=BROKER),
        recovery("full_disk", seconds=1, volume={"size": "1MiB"}),
        recovery("kill_worker", source={"kind": "kafka", "bootstrap": ["127.0.0.1:9092"]}),
    ],
    ids=["worker", "daemon", "broker", "disk", "kafka"],
)
def test_faults_that_fit_their_target_are_let_through(plan: LanePlan) -> None:
    assert fitted(plan) == plan


def leaving_out(*kinds: str) -> LanePlan:
    """Return a plan that leaves out what does not fit, with a threshold for each kind."""
    document = recovery(*kinds, seconds=1).record()
    document["schedule"]["unfit"] = "leave_out"
    for kind in kinds:
        limit = {"statistic": "max", "at_most": 1, "unit": "s"}
        document["thresholds"][kind] = {"metric": "recovery", "label": kind, **limit}
    return LanePlan.model_validate(document)
