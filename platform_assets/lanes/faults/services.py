"""Faults of what the system depends on: a broker or a store that dies, restarts or hangs.

It keeps its data, and its address. What is to come back is back when it accepts connections.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from platform_assets.lanes.faults.fault import Injected

if TYPE_CHECKING:
    from platform_assets.lanes.services import Services

_END_SECONDS = 60.0
_LOOK_SECONDS = 0.05


class EndService(Injected):
    """A service ends by a signal, SIGKILL or SIGTERM, and is started again on its data."""

    def __init__(self, services: Services, name: str, number: signal.Signals) -> None:
        self._services, self._name, self._number = services, name, number

    def strike(self) -> str:
        """End it, and see it gone."""
        process = self._services.processes[self._name]
        ends = len(process.ends)
        process.hold()
        pid = process.signal(self._number, group=self._number is signal.SIGKILL)
        deadline = time.monotonic() + _END_SECONDS
        while len(process.ends) == ends and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return f"{self._name}, process {pid}, by {self._number.name}"

    def heal(self) -> None:
        """Let it be started again, and wait until it serves."""
        self._services.processes[self._name].release()
        self._services.wait_ready(self._name)


class PauseService(Injected):
    """All processes of a service are paused: connections stay open, and nobody answers."""

    def __init__(self, services: Services, name: str) -> None:
        self._process = services.processes[name]

    def strike(self) -> str:
        """Pause it."""
        pid = self._process.signal(signal.SIGSTOP, group=True)
        return f"{self._process.name}, process {pid}"

    def heal(self) -> None:
        """Let it run."""
        self._process.signal(signal.SIGCONT, group=True)
