"""The system that a lane puts under load: a home's processes, as they run in service.

Under ``follow`` that is one worker, which takes window after window of the feed. Under ``dagster`` it
is a code server and a daemon with the feed's sensor turned on; the daemon's launcher starts a process
for each run. All of them work on the lane's own home and know of no other.

Whatever belongs to the system carries a mark in its environment, which processes hand down to those
that they start. That is how the system's processes are found also when the one that started them is
gone, and how none is left behind.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from platform_assets.errors import DependencyUnreachable
from platform_assets.lanes.marked import command_of, is_paused, marked, send
from platform_assets.lanes.services import Services, accepts
from platform_assets.lanes.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.lanes.plan import Target
    from platform_assets.lanes.supervised import End

WORKER = "worker"
DAEMON = "daemon"
CODE_SERVER = "code_server"

#: What Dagster loads, and what its launcher runs for each run.
_DEFINITIONS = "platform_assets.orchestration.definitions"
_RUN_WORKER = b"platform_assets.orchestration.worker"
_LOCATION = "platform_assets"
_MARK = "PLATFORM_ASSETS_LANE"
_START_SECONDS = 120
#: Below those that outgoing connections take, which could sit on the port of a killed server.
_PORTS = range(15000, 32000)
_LEFT_SECONDS = 10.0
_LOOK_SECONDS = 0.1


class Stack:
    """The processes of a lane's home, and the services of its target.

    Args:
        target: the plan's target.
        home: the lane's own home.
        logs: the folder for the output of all processes, and for what the worker tells of itself.
        environment: what its processes get besides the lane's own environment.
    """

    def __init__(
        self,
        target: Target,
        home: Path,
        logs: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.target = target
        self.home = home
        self.events = logs / "worker.events"
        self.services = Services(target.services, home.parent / "services", logs)
        self._logs = logs
        self._token = secrets.token_hex(8)
        self._environment = {
            **os.environ,
            **(environment or {}),
            "PLATFORM_HOME": str(home),
            "DAGSTER_HOME": str(home / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }
        commands = self._dagster() if target.runner == "dagster" else self._follow()
        #: Name -> the process, in the order of their start.
        self.processes = {
            name: Supervised(
                name,
                command,
                log=logs / f"{name}.log",
                folder=home,
                environment={**self._environment, _MARK: f"{self._token}:{name}"},
            )
            for name, command in commands.items()
        }

    def start(self) -> None:
        """Start its processes; the services stand already.

        Raises:
            DependencyUnreachable: Dagster did not come up; with what it said.
        """
        for process in self.processes.values():
            process.start()
            if process.name == CODE_SERVER:
                self._turn_on()

    def stop(self) -> None:
        """End its processes and whatever they started; the services go on."""
        for process in reversed(self.processes.values()):
            process.stop()
        deadline = time.monotonic() + _LEFT_SECONDS
        while (left := self._marked()) and time.monotonic() < deadline:
            for pid in left:
                send(pid, signal.SIGTERM)
                send(pid, signal.SIGCONT)
            time.sleep(_LOOK_SECONDS)
        for pid in left:
            send(pid, signal.SIGKILL)

    def everything_runs(self) -> bool:
        """Tell whether every supervised process runs, services included; a paused one does not."""
        everything = chain(self.processes.values(), self.services.processes.values())
        return all(
            (pid := process.pid) is not None and not is_paused(pid) for process in everything
        )

    def pids(self) -> dict[str, list[int]]:
        """Return the processes of the system that there are now, by name, without the services.

        What a process started counts to it. Under Dagster, those that work on a run, or wait for one,
        are workers.
        """
        found: dict[str, list[int]] = {name: [] for name in (*self.processes, WORKER)}
        for pid, name in self._marked().items():
            found[WORKER if _RUN_WORKER in command_of(pid) else name].append(pid)
        return found

    def working(self) -> int | None:
        """Return the process that works on windows: the worker, or that of the run under way."""
        if WORKER in self.processes:
            return self.processes[WORKER].pid
        for lock in sorted((self.home / "dagster" / "workers").glob("*")):
            pid = _holder(lock)
            if pid is not None:
                return pid
        return None

    def ends(self) -> list[End]:
        """Return every end of a process, services included, in order of time."""
        everything = chain(self.processes.values(), self.services.processes.values())
        return sorted(
            (end for process in everything for end in process.ends), key=lambda end: end.at
        )

    def _marked(self) -> dict[int, str]:
        return marked(_MARK, f"{self._token}:")

    def _follow(self) -> dict[str, list[str]]:
        platform = [sys.executable, "-m", "platform_assets"]
        follow = ["run", self.target.feed, "--follow", "--events", str(self.events)]
        return {WORKER: [*platform, *follow]}

    def _dagster(self) -> dict[str, list[str]]:
        port = _free_port()
        self._address = f"127.0.0.1:{port}"
        server = {"host": "127.0.0.1", "port": port, "location_name": _LOCATION}
        self._workspace = self.home / "workspace.yaml"
        workspace = {"load_from": [{"grpc_server": server}]}
        self._workspace.write_text(yaml.safe_dump(workspace), encoding="utf-8")
        serving = ["--host", "127.0.0.1", "--port", str(port), "--location-name", _LOCATION]
        return {
            CODE_SERVER: [_script("dagster"), "api", "grpc", "-m", _DEFINITIONS, *serving],
            DAEMON: [_script("dagster-daemon"), "run", "-w", str(self._workspace)],
        }

    def _turn_on(self) -> None:
        """Turn the feed's sensor on, as soon as the code server serves.

        Raises:
            DependencyUnreachable: it does not serve, or the sensor cannot be turned on.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not accepts(self._address) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        sensor = [f"{self.target.feed}_offsets", "-w", str(self._workspace)]
        done = subprocess.run(  # noqa: S603 - Dagster's own command
            [_script("dagster"), "sensor", "start", *sensor],
            env=self._environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            check=False,
        )
        if done.returncode:
            raise DependencyUnreachable(
                f"sensor {self.target.feed}_offsets of the lane's home",
                expected="to be turned on",
                found=done.stderr.strip()[-1000:],
                remedy=f"Look at the logs in {self._logs}.",
            )


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _free_port() -> int:
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        if not accepts(f"127.0.0.1:{port}"):
            return port


def _holder(lock: Path) -> int | None:
    """Return the process that holds the lock of a run, None where none does."""
    try:
        with lock.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
    except FileNotFoundError:
        pass
    return None
