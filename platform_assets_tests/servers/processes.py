"""Servers as processes of this test run: they never outlive it, and only they are ever killed.

A process is held at its start until the watchdog knows its id, so that not even a SIGKILL between the
two leaves it behind. Servers get a session of their own: an interrupt meant for pytest is not theirs.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Waits for one line before it becomes the server; at the end of the pipe it becomes nothing.
_HELD = ("/bin/sh", "-c", 'read -r go && exec "$@"', "server")
#: Below the ports that outgoing connections take, which could sit on the port of a killed server.
_PORTS = range(15000, 32000)
_STOP_SECONDS = 20


class NoServer(Exception):
    """The server cannot be had on this machine: tests that need it are skipped with this reason."""


class ServerFailed(Exception):
    """A server that can be had did not do what it was started for: tests fail with its log."""


class ServerProcess:
    """One server, its output in a file."""

    def __init__(
        self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self._command = [*_HELD, *command]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    def start(self) -> None:
        if self.alive:
            raise RuntimeError(f"the server runs already, as process {self.pid}")
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        watchdog().tell(f"watch {self.pid}")
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.close()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end; end it if it does not."""
        self.thaw()
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop it from running; its connections stay open and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGCONT)

    def output(self) -> str:
        """Return what it wrote since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)
        watchdog().tell(f"forget {self.pid}")


class Watchdog:
    """The process of `watchdog.py`, which acts when this one ends."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("watchdog.py")
        self._writing = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with self._writing:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


@functools.cache
def watchdog() -> Watchdog:
    """Return the watchdog of this process."""
    return Watchdog()


def temporary_folder(name: str) -> Path:
    """Make a folder for a server's data, deleted by the watchdog at the latest."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    watchdog().tell(f"delete {folder}")
    return folder


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if len(found) == count:
            break
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


def program(name: str) -> str:
    """Return the path of a program, or say that its server cannot be had."""
    path = shutil.which(name)
    if path is None:
        raise NoServer(f"{name} is not on this machine")
    return path
