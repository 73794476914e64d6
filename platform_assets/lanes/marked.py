"""Processes as Linux shows them in ``/proc``: found by a mark in their environment, paused or not.

A process hands its environment down to those that it starts, so that they are found too, also when the
one that started them is gone, and whatever session they are in.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal

_PROC = Path("/proc")


def marked(name: str, beginning: str) -> dict[int, str]:
    """Return each process that has the variable with this beginning, and what follows there."""
    mark = f"\0{name}={beginning}".encode()
    found = {}
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            _, has_it, rest = (b"\0" + _read(int(entry.name), "environ")).partition(mark)
            if has_it:
                found[int(entry.name)] = rest.partition(b"\0")[0].decode()
    return found


def command_of(pid: int) -> list[bytes]:
    """Return the command of a process, of an ended one nothing."""
    return _read(pid, "cmdline").split(b"\0")[:-1]


def is_paused(pid: int) -> bool:
    """Tell whether a process was stopped by a signal and waits to be continued."""
    return _read(pid, "stat").rpartition(b")")[2].split()[:1] in ([b"T"], [b"t"])


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process; one that has ended gets none."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / str(pid) / name).read_bytes()
    except OSError:  # it has ended, or is another user's
        return b""
