"""The load of a lane: generating processes that begin together and share nothing but their schedule.

1. `prepare` starts the processes, and waits until each is ready to send.
2. `start` tells all of them the same moment to begin.
3. Each sends its share, and says in a file of its own how far it has come.
4. `stop` ends them early; what they have sent by then is in their ledgers.

They are new interpreters with one thread for each engine. They end with this process, however that
ends: it holds the one end of a pipe that they read from.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from platform_assets.errors import WorkerLost
from platform_assets.lanes.generator import LEDGER_FILE, PROGRESS_FILE, Task
from platform_assets.lanes.interval_log import read_intervals
from platform_assets.lanes.ledger import ProcessLedger
from platform_assets.lanes.progress import ProgressFile, Stage
from platform_assets.lanes.rendering import Rendering
from platform_assets.lanes.witness import FILES
from platform_assets.pipeline import Platform

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.lanes.measured import Interval
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.lanes.progress import Progress

_MODULE = "platform_assets.lanes.generator"
_LOG_FILE = "generator.log"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
_READY_SECONDS = 120.0
_STOP_SECONDS = 60.0
_LOOK_SECONDS = 0.05


class Load:
    """The generating processes of one lane run.

    Args:
        plan: the pinned plan.
        prefix: what the ids of its events begin with (see `event_ids`).
        home: the platform home that is put under load; its stream is there.
        folder: where the processes write; it must not exist.
    """

    def __init__(self, plan: LanePlan, prefix: str, home: Path, folder: Path) -> None:
        self._plan = plan
        self._prefix = prefix
        self._home = home
        self._folders = [folder / str(number) for number in range(plan.workload.processes)]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._progress: list[ProgressFile] = []
        #: When the load began by the wall clock, in microseconds since the epoch.
        self.begun_us: int | None = None

    def prepare(self) -> None:
        """Start the processes and wait until all are ready.

        Raises:
            ConfigurationError: the workload does not fit the contract of its stream.
            WorkerLost: a process did not get ready.
        """
        platform, workload = Platform.open(self._home), self._plan.workload
        events = platform.feed(self._plan.target.feed).streams[workload.stream].events
        Rendering(workload, self._prefix, events, platform.contracts)  # its mistakes are told here
        for number, folder in enumerate(self._folders):
            folder.mkdir(parents=True)
            self._progress.append(
                ProgressFile.create(
                    folder / PROGRESS_FILE, first=number, processes=workload.processes
                )
            )
            self._processes.append(self._spawn(number, folder))
        until = time.monotonic() + _READY_SECONDS
        while any(each.stage is Stage.PREPARING for each in self.progress()):
            self.require_sound()
            if time.monotonic() > until:
                raise self._lost(0, f"not ready after {_READY_SECONDS:.0f} s")
            time.sleep(_LOOK_SECONDS)

    def start(self, start_ns: int) -> None:
        """Let all begin at a moment of the monotonic clock, in nanoseconds; it should be to come."""
        self.begun_us = (time.time_ns() + start_ns - time.monotonic_ns()) // 1000
        for process in self._processes:
            _tell(process, {"start_ns": start_ns, "begun_us": self.begun_us})

    def running(self) -> bool:
        """Tell whether a process is still sending."""
        return any(process.poll() is None for process in self._processes)

    def require_sound(self) -> None:
        """Require that no process ended in any other way than it should.

        Raises:
            WorkerLost: one did; what it sent last is not known.
        """
        for number, process in enumerate(self._processes):
            if process.poll():
                raise self._lost(number, f"exit {process.returncode}")

    def wait(self, seconds: float) -> bool:
        """Wait until all have ended, so long at most; tell whether they have."""
        until = time.monotonic() + seconds
        while self.running() and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        return not self.running()

    def stop(self) -> None:
        """End what still runs; a process that does not answer is killed, and leaves no ledger."""
        if self.begun_us is None:
            self._let_go()  # nothing was sent that a ledger could hold
        self._signal(subprocess.Popen.terminate)
        self.wait(_STOP_SECONDS)
        self._signal(subprocess.Popen.kill)
        for process in self._processes:
            process.wait()
        self._let_go()

    def pids(self) -> list[int]:
        """Return the processes that run."""
        return [process.pid for process in self._processes if process.poll() is None]

    def progress(self) -> list[Progress]:
        """Return how far each process has come."""
        return [each.look() for each in self._progress]

    def ledgers(self) -> list[ProcessLedger]:
        """Return the ledgers of all processes that left one.

        Raises:
            RecordInvalid, RecordNotCanonical: one is damaged.
        """
        paths = [folder / LEDGER_FILE for folder in self._folders]
        return [
            ProcessLedger.decoded(path.read_bytes(), f"ledger of process {number}")
            for number, path in enumerate(paths)
            if path.exists()
        ]

    def histograms(self) -> dict[str, list[Interval]]:
        """Return what the processes measured until now: metric -> intervals, by process and time."""
        return {
            metric: [
                interval
                for folder in self._folders
                if (folder / name).exists()
                for interval in read_intervals(folder / name)
            ]
            for metric, name in FILES.items()
        }

    def _spawn(self, number: int, folder: Path) -> subprocess.Popen[bytes]:
        task = Task(
            workload=self._plan.workload.model_dump(mode="json"),
            feed=self._plan.target.feed,
            prefix=self._prefix,
            process=number,
            home=str(self._home.absolute()),
            folder=str(folder.absolute()),
        )
        with (folder / _LOG_FILE).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - this interpreter and our own module
                [sys.executable, "-P", "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **_ONE_THREAD},
                start_new_session=True,
            )
        _tell(process, asdict(task))
        return process

    def _let_go(self) -> None:
        """Close the pipes to the processes, with which they end."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()

    def _signal(self, send: Callable[[subprocess.Popen[bytes]], None]) -> None:
        for process in self._processes:
            if process.poll() is None:
                send(process)

    def _lost(self, number: int, how: str) -> WorkerLost:
        log = (self._folders[number] / _LOG_FILE).read_text(errors="replace").strip()
        return WorkerLost(
            f"generator {number}",
            expected="a process that sends its share of the load to its end",
            found=f"{how}: {log.splitlines()[-1] if log else 'it said nothing'}",
            remedy=f"Look at {_LOG_FILE} in the lane's folder, then begin the lane anew.",
        )


def _tell(process: subprocess.Popen[bytes], value: dict[str, Any]) -> None:
    if process.stdin is None:
        raise RuntimeError("a generator was started without a pipe to it")
    process.stdin.write(json.dumps(value).encode() + b"\n")
    process.stdin.flush()
