"""Faults of the system's own processes: killed as by the kernel, paused as by a machine that hangs.

A process that was killed is started again by its supervisor when the fault is over. A worker that was
paused is given up by whoever supervises it, as a machine that does not answer any more: another one is
started in its place. When the first one wakes up, it does not know, and goes on with what it did; it is
told to end a little later. Under Dagster a paused run's process is alive, and nobody takes its place.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from platform_assets.errors import FaultNotInjected
from platform_assets.lanes.faults.fault import Injected
from platform_assets.lanes.marked import send
from platform_assets.lanes.stack import WORKER

if TYPE_CHECKING:
    from platform_assets.lanes.stack import Stack
    from platform_assets.lanes.supervised import Supervised

#: How long a worker that was given up goes on beside the one in its place.
BESIDE_SECONDS = 5.0
#: How long is waited for a run whose process can be struck.
_RUN_SECONDS = 60.0
_LOOK_SECONDS = 0.05


class KillProcess(Injected):
    """SIGKILL of a supervised process, which is started again when the fault is over."""

    def __init__(self, process: Supervised) -> None:
        self._process = process

    def strike(self) -> str:
        """Kill it."""
        self._process.hold()
        return f"{self._process.name}, process {self._process.signal(signal.SIGKILL)}"

    def heal(self) -> None:
        """Let it be started again."""
        self._process.release()


class PauseProcess(Injected):
    """SIGSTOP of a supervised process, and SIGCONT."""

    def __init__(self, process: Supervised) -> None:
        self._process = process
        self._paused = 0

    def strike(self) -> str:
        """Pause it."""
        self._paused = self._process.signal(signal.SIGSTOP)
        return f"{self._process.name}, process {self._paused}"

    def heal(self) -> None:
        """Let it run."""
        send(self._paused, signal.SIGCONT)


class GiveUpWorker(Injected):
    """A worker is paused and another one started; then it wakes up, and works beside the other one."""

    def __init__(self, worker: Supervised) -> None:
        self._worker = worker
        self._given_up = 0

    def strike(self) -> str:
        """Pause it, and start another one."""
        self._worker.signal(signal.SIGSTOP)
        self._given_up = self._worker.leave()
        return f"worker, process {self._given_up}; another one took its place"

    def heal(self) -> None:
        """Let it run beside the other one for a while, and ask it to end."""
        send(self._given_up, signal.SIGCONT)
        time.sleep(BESIDE_SECONDS)
        send(self._given_up, signal.SIGTERM)


class StrikeRun(Injected):
    """The process of the run that is under way in Dagster is killed, or paused until the end."""

    def __init__(self, stack: Stack, number: signal.Signals) -> None:
        self._stack, self._number = stack, number
        self._struck = 0

    def strike(self) -> str:
        """Strike the process of a run, as soon as there is one."""
        deadline = time.monotonic() + _RUN_SECONDS
        while (pid := self._stack.working()) is None:
            if time.monotonic() > deadline:
                raise FaultNotInjected(
                    "process of a run",
                    expected=f"a run under way within {_RUN_SECONDS:g} s",
                    found="none",
                    remedy="Look whether the feed's sensor asks for runs, in the log of the daemon.",
                )
            time.sleep(_LOOK_SECONDS)
        self._struck = pid
        send(pid, self._number)
        return f"process {pid} of a run"

    def heal(self) -> None:
        """Let it run, where it was paused."""
        send(self._struck, signal.SIGCONT)


class KillEverything(Injected):
    """SIGKILL of all processes of the system at once, as when its machine loses its power."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def strike(self) -> str:
        """Kill them, and what they started."""
        for process in self._stack.processes.values():
            process.hold()
        killed = [pid for pids in self._stack.pids().values() for pid in pids]
        for pid in killed:
            send(pid, signal.SIGKILL)
        return f"{len(killed)} processes"

    def heal(self) -> None:
        """Let them be started again."""
        for process in self._stack.processes.values():
            process.release()


def kill_worker(stack: Stack) -> Injected:
    """Return the death of the process that works on windows."""
    if WORKER in stack.processes:
        return KillProcess(stack.processes[WORKER])
    return StrikeRun(stack, signal.SIGKILL)


def pause_worker(stack: Stack) -> Injected:
    """Return the pause of the process that works on windows."""
    if WORKER in stack.processes:
        return GiveUpWorker(stack.processes[WORKER])
    return StrikeRun(stack, signal.SIGSTOP)
