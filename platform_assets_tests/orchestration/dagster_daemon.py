"""Real Dagster daemons on a home's own instance, as processes that a test can kill.

Each daemon starts the code server of its own; both run until they are stopped, or killed with
everything that they started, as when a machine loses its power.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

_LOCATION = ("-m", "platform_assets.orchestration.definitions")
_STOP_SECONDS = 60
_CALL_SECONDS = 180


def dagster(home: Path, *arguments: str, location: Sequence[str] = _LOCATION) -> None:
    """Call the ``dagster`` command on the home's instance, for example ``sensor start NAME``."""
    subprocess.run(
        [_script("dagster"), *arguments, *location],
        env=environment(home),
        cwd=home,
        check=True,
        capture_output=True,
        timeout=_CALL_SECONDS,
    )


class DagsterDaemon:
    """A daemon, from its start to the end of the block around it."""

    def __init__(self, home: Path, log: Path, location: Sequence[str] = _LOCATION) -> None:
        with log.open("ab") as output:
            self._process = psutil.Popen(
                [_script("dagster-daemon"), "run", *location],
                env=environment(home),
                cwd=home,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.alive:
            self.stop()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop it as a person does; what it started ends with it, at the latest by force."""
        started = self._process.children(recursive=True)
        self._process.send_signal(signal.SIGINT)
        psutil.wait_procs([self._process, *started], timeout=_STOP_SECONDS)
        self.kill(started)

    def kill(self, started: Sequence[psutil.Process] | None = None) -> None:
        """Kill it, its code server and the runs that they work on, without warning."""
        if started is None:
            started = self._process.children(recursive=True)
        for process in (self._process, *started):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait(_STOP_SECONDS)


def environment(home: Path) -> dict[str, str]:
    """Return the environment of everything that belongs to a home."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(home / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "PLATFORM_HOME": str(home),
    }


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
