"""The servers that a plan declares for its target: a broker, a store.

They are started before the system under load, and end after it. Their commands run in one folder, which
is the lane's own; ``python`` in a command is the lane's own interpreter. A signal reaches all processes
of a service, so that one which consists of several is killed or paused as one.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.errors import DependencyUnreachable
from platform_assets.lanes.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.lanes.plan import Service

_LOOK_SECONDS = 0.1
_ANSWER_SECONDS = 1.0


class Services:
    """Declared services by name, from `start` to `stop`.

    Args:
        declared: the services of a plan's target.
        folder: where their commands run, for their data.
        logs: the folder of the lane's logs.
    """

    def __init__(self, declared: Mapping[str, Service], folder: Path, logs: Path) -> None:
        self._declared = declared
        self.folder = folder
        self.processes: dict[str, Supervised] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for name, service in declared.items():
            self.processes[name] = Supervised(
                name,
                service.command,
                log=logs / f"{name}.log",
                folder=folder,
                environment=environment(),
            )

    def start(self) -> None:
        """Start all, and wait until they accept connections.

        Raises:
            DependencyUnreachable: one does not in time.
        """
        for process in self.processes.values():
            process.start()
        for name in self.processes:
            self.wait_ready(name)

    def stop(self) -> None:
        """End all of them."""
        for process in self.processes.values():
            process.stop()

    def wait_ready(self, name: str) -> None:
        """Wait until a service accepts connections.

        Raises:
            DependencyUnreachable: it does not in time.
        """
        ready = self._declared[name].ready
        deadline = time.monotonic() + ready.within_seconds
        while not accepts(ready.address):
            if time.monotonic() > deadline:
                ends = [end.how for end in self.processes[name].ends]
                raise DependencyUnreachable(
                    f"service {name}",
                    expected=f"connections to be accepted at {ready.address} within "
                    f"{ready.within_seconds} s",
                    found=f"ended: {', '.join(ends)}" if ends else "none",
                    remedy=f"Look at its log, and correct `target.services.{name}`.",
                )
            time.sleep(_LOOK_SECONDS)


def environment() -> dict[str, str]:
    """Return the environment of a plan's commands."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    return {**os.environ, "PATH": path}


def accepts(address: str) -> bool:
    """Tell whether somebody accepts connections at ``host:port``."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS):
            return True
    except OSError:
        return False
