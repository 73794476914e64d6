"""A child process that is started again whenever it ends, as ``Restart=always`` of systemd does.

It is started again at once; one that ends soon after its start is started again a little later each
time. Every end is kept, with its moment and its reason.

It has a session of its own, so that an interruption meant for the lane is not its. It does not outlive
the lane, however that ends: the kernel kills it when the thread that started it is gone. That thread
does nothing else, and lives for as long as the process is wanted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Asks the kernel to kill this process with the thread that started it, and becomes the command. Where
#: the lane is gone already, nothing is started.
_LEASH = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""

#: A process that lived for less ended soon.
_SOON_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class End:
    """An end of a process, in nanoseconds of the monotonic clock, and how: ``exit 1``, ``SIGKILL``."""

    name: str
    pid: int
    at: int
    how: str


class Supervised:
    """One process, from `start` to `stop`, through any number of ends and starts.

    Attributes:
        name: what it is called in the lane.
        ends: every end until it was stopped, in order.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.name = name
        self.ends: list[End] = []
        self._command = (*command,)
        self._log = log
        self._folder = folder
        self._environment = dict(environment)
        self._acting = threading.RLock()  # a process is signalled only while nobody waits for it
        self._process: subprocess.Popen[bytes] | None = None
        self._left: list[subprocess.Popen[bytes]] = []
        self._held = False
        self._stopped = threading.Event()
        self._started = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process that runs, None where none does."""
        with self._acting:
            alive = self._process is not None and self._process.poll() is None
            return self._process.pid if alive and self._process else None

    def start(self) -> None:
        """Start it, and start it again whenever it ends."""
        if self._thread is not None:
            raise RuntimeError(f"{self.name} was started already")
        self._thread = threading.Thread(target=self._supervise, name=f"supervise {self.name}")
        self._thread.daemon = True  # a lane that fails ends, and its processes with it
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Ask it to end, and end it where it does not, with everything in its group."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def signal(self, number: signal.Signals, *, group: bool = False) -> int:
        """Send a signal to the process that runs, or to its whole group; return its number.

        Raises:
            ProcessLookupError: none runs.
        """
        with self._acting:
            pid = self.pid
            if pid is None:
                raise ProcessLookupError(f"{self.name} does not run")
            (os.killpg if group else os.kill)(pid, number)
            return pid

    def hold(self) -> None:
        """When it ends, leave it so until `release`."""
        self._held = True

    def release(self) -> None:
        """Start it where it has ended meanwhile; from now on start it again at once."""
        self._held = False

    def leave(self) -> int:
        """Start another one beside the process that runs, which is not waited for any more.

        Returns:
            the number of the process that was left; it ends with the lane at the latest.
        """
        with self._acting:
            pid = self.pid
            if pid is None or self._process is None:
                raise ProcessLookupError(f"{self.name} does not run")
            self._left.append(self._process)
            self._process = None
            return pid

    def _supervise(self) -> None:
        soon = 0
        while not self._stopped.is_set():
            began = time.monotonic()
            self._spawn()
            self._wait()
            soon = soon + 1 if time.monotonic() - began < _SOON_SECONDS else 0
            if soon:
                pause = _FIRST_PAUSE_SECONDS * 2 ** (soon - 1)
                self._stopped.wait(min(pause, _LONGEST_PAUSE_SECONDS))
            while self._held and not self._stopped.wait(_LOOK_SECONDS):
                pass
        with self._acting:
            for process in (self._process, *self._left):
                if process is not None:
                    _end(process)
            self._process = None

    def _spawn(self) -> None:
        with self._log.open("ab") as log, self._acting:
            self._process = subprocess.Popen(  # noqa: S603 - a command of the plan or of the platform
                leashed(self._command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment,
                start_new_session=True,
            )
        self._started.set()

    def _wait(self) -> None:
        """Wait until the process has ended or was left, or until all is to stop."""
        while not self._stopped.wait(_LOOK_SECONDS):
            with self._acting:
                self._left = [each for each in self._left if each.poll() is None]
                if self._process is None:
                    return
                code = self._process.poll()
                if code is not None:
                    end = End(self.name, self._process.pid, time.monotonic_ns(), ending(code))
                    self.ends.append(end)
                    self._process = None
                    return


def leashed(command: Sequence[str]) -> list[str]:
    """Return the command as one that ends with the thread that starts it."""
    return [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), *command]


def ending(code: int) -> str:
    """Say how a process ended, given its return code."""
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
        os.killpg(process.pid, signal.SIGCONT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
