"""Spark jobs one after another in one application, which is started with the first and kept.

A session takes many seconds to start, and the jobs of many runs need only one. The application ends
with the context. Where a job ended it, that job has failed and no other: the next one starts another.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Pipe
from typing import TYPE_CHECKING, Self

from platform_assets.adapters.spark.subprocess_launcher import (
    STOP_SECONDS,
    end_group,
    job_failed,
    log_of,
    require_spark,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVING_MODULE = "platform_assets.adapters.spark.serving"


class KeptLauncher:
    """Runs jobs in one application at a time; a context."""

    def __init__(self, name: str, logs: Path, properties: Mapping[str, str]) -> None:
        self._name = name
        self._logs = logs
        self._properties = properties
        self._application: _Application | None = None
        self.started = 0

    def __enter__(self) -> Self:
        """Begin; nothing is started before the first job."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the application."""
        self._end()

    def run(self, name: str, description: str) -> None:
        """Run a job to its end.

        Raises:
            EngineMissing: PySpark or Java is not installed.
            JobFailed: the application ended instead of the job.
        """
        require_spark()
        log = log_of(self._logs, self._name)
        if self._application is None:
            self.started += 1
            mode = "wb" if self.started == 1 else "ab"  # one log tells of all of them
            self._application = _Application(self._name, self._properties, log, mode)
        if not self._application.do(description):
            code = self._application.code()
            self._end()
            raise job_failed(name, f"exit code {code}", log)

    def _end(self) -> None:
        application, self._application = self._application, None
        if application is not None:
            application.end()


class _Application:
    """The process of a Spark application that is sent one job after another."""

    def __init__(self, name: str, properties: Mapping[str, str], log: Path, mode: str) -> None:
        theirs, self._jobs = Pipe(duplex=False)
        self._answers, answers = Pipe(duplex=False)
        ends = (theirs.fileno(), answers.fileno())
        told = [name, json.dumps(dict(properties)), *map(str, ends)]
        with theirs, answers, log.open(mode) as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", SERVING_MODULE, *told],
                pass_fds=ends,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self._busy = False

    def do(self, description: str) -> bool:
        """Send a job and wait for it; tell whether it came to its end."""
        self._busy = True
        try:
            self._jobs.send_bytes(description.encode())
            self._answers.recv_bytes()
        except (EOFError, OSError):
            return False
        self._busy = False
        return True

    def code(self) -> int:
        """Return how the process ended, which its pipe says that it did."""
        return self._process.wait()

    def end(self) -> None:
        """Send no more jobs; what is under way is not waited for."""
        self._jobs.close()
        self._answers.close()
        if not self._busy:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        end_group(self._process)
