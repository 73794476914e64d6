"""Launches Dagster runs on one machine: at once, and never lost.

Starting Python and importing what a run needs takes longer than most runs of a feed. So a process that
has done this waits for the next run; when it takes one, another is started in its place.

A run whose process is gone, because the machine was stopped hard, is told from its lock, from the
moment on when it is handed to a process. It is marked as failed, by Dagster's run monitoring or by
whoever looks (`platform_assets.orchestration.lost_runs`), and the sensor asks for its window again.
Dagster's own launcher cannot tell, and the queue would wait for such a run for ever.

Only runs of this code location are taken here. Those of others are launched as Dagster does it.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.origin import JobPythonOrigin
from dagster._serdes import ConfigurableClassData
from dagster_shared.serdes import serialize_value

from platform_assets.orchestration.run_locks import lock_path, locked, spare_path, worker_of

#: The module of the processes that work on runs.
WORKER_MODULE = "platform_assets.orchestration.worker"

#: The module that a code location of this platform loads.
DEFINITIONS = "platform_assets.orchestration.definitions"

#: The tag of runs that are worked on by a process of this launcher.
WORKER_TAG = "platform_assets/worker"


class ReadyRunLauncher(DefaultRunLauncher):
    """Keeps one process ready for the next run."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._taking = threading.Lock()
        self._spare: _Worker | None = None
        self._working: list[_Worker] = []

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: object) -> Self:
        """Make the launcher; it has no configuration."""
        del config_value
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand the run to the process that waits, and start the next one."""
        run = context.dagster_run
        origin = run.job_code_origin
        if origin is None or not _is_ours(origin):
            super().launch_run(context)
            return
        with self._taking:
            spare = self._spare
            worker = self._new_worker() if spare is None or spare.ended() else spare
            worker.name_after(lock_path(self._root, run.run_id))
            self._instance.add_run_tags(run.run_id, {WORKER_TAG: "ready"})
            if self._is_over(run.run_id):  # it took so long that somebody gave it up
                worker.dismiss()
            else:
                worker.take(run.run_id)
            # asking whether they have ended is also what lets them go
            self._working = [each for each in self._working if not each.ended()] + [worker]
            self._spare = None
            with suppress(
                OSError
            ):  # the run has its process, whether or not the next one can have it
                self._spare = self._new_worker()

    def terminate(self, run_id: str) -> bool:
        """Interrupt the process of a run; it ends its step and reports the run as cancelled."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        if WORKER_TAG not in run.tags:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call] # Dagster's own
        self._instance.report_run_canceling(run)
        process = worker_of(lock_path(self._root, run_id))
        if process is None:
            return False
        os.kill(process, signal.SIGINT)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Dagster's run monitoring may ask whether a run's process is alive."""
        return True

    def has_handed_over(self, run: dg.DagsterRun) -> bool:
        """Tell whether a process was to work on a run, whatever became of it."""
        return WORKER_TAG in run.tags or lock_path(self._root, run.run_id).exists()

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Tell whether somebody works on a run that was handed to a process."""
        lock = lock_path(self._root, run.run_id)
        if not self.has_handed_over(run) or worker_of(lock) is not None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        lock.unlink(missing_ok=True)
        return CheckRunHealthResult(WorkerStatus.FAILED, "the process of the run is gone")

    def dispose(self) -> None:
        """Let the process that waits end; those that work go on."""
        with self._taking:
            if self._spare is not None:
                self._spare.dismiss()
                self._spare = None

    def _new_worker(self) -> "_Worker":
        return _Worker(self._instance.get_ref(), spare_path(self._root))

    def _is_over(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        return run is None or run.is_finished

    @property
    def _root(self) -> str:
        return str(self._instance.root_directory)


class _Worker:
    """A process that waits for a run, or works on one."""

    def __init__(self, instance: InstanceRef, lock: Path) -> None:
        self._lock = lock
        with locked(lock) as held:
            command = [sys.executable, "-m", WORKER_MODULE, str(lock), str(held)]
            # a session of its own, so that a run comes to its end also where the daemon is interrupted
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and this module
                command, stdin=subprocess.PIPE, start_new_session=True, pass_fds=(held,)
            )
            os.write(held, str(self._process.pid).encode())  # who finds it locked finds the id
        self._tell(instance)

    def ended(self) -> bool:
        return self._process.poll() is not None

    def name_after(self, lock: Path) -> None:
        """Give the lock that it holds the name of a run's."""
        self._lock = self._lock.rename(lock)

    def take(self, run_id: str) -> None:
        """Take a run, and no other one after it."""
        self._tell(run_id)
        self._close()

    def dismiss(self) -> None:
        """Take none."""
        self._close()
        self._process.wait()
        self._lock.unlink(missing_ok=True)

    def _tell(self, told: InstanceRef | str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(_line_of(told))
        self._process.stdin.flush()

    def _close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()


def _line_of(told: InstanceRef | str) -> bytes:
    """Return the line that tells a process its instance, or the run that it shall execute."""
    text = told if isinstance(told, str) else serialize_value(told)
    return text.encode() + b"\n"


def _is_ours(origin: JobPythonOrigin) -> bool:
    pointer = origin.get_repo_pointer()
    return (
        origin.executable_path == sys.executable
        and isinstance(pointer, ModuleCodePointer)
        and pointer.module == DEFINITIONS
    )
