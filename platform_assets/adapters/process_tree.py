"""What this process and its descendants take, as Linux counts it in ``/proc``.

Memory is counted twice. Resident memory is what every tool shows; the pages of a library or of a mapped
file count once for each process that has them, and the system takes them back when it needs them. Held
memory is what it cannot take back: heaps, stacks, buffers. Reports show resident memory, budgets limit
held memory. A descendant that is in another session of processes than this one, as the job of another
engine is, has its own limits: what it holds does not count.

Where there is no ``/proc``, only the CPU time of this process and of ended children is known.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")
# user time, system time, and both of ended children, counted behind the name in parentheses
_TIMES = slice(11, 15)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process and its descendants have at one moment, and how many of them hold what is held.

    ``resident`` and ``held`` are bytes, zero where nobody can tell; ``cpu_seconds`` counts from the
    start of each, ended ones included.
    """

    resident: int
    held: int
    processes: int
    cpu_seconds: float


def taken() -> Taken:
    """Return what this process and its descendants have now."""
    own, session = os.getpid(), os.getsid(0)
    resident = held = count = ticks = 0
    for process in with_descendants(own):
        pages = _read(f"{process}/statm").split()
        if pages:
            resident += int(pages[1])
            if _session(process) == session:
                held += int(pages[1]) - int(pages[2])
                count += 1
        if process != own:
            fields = _read(f"{process}/stat").rpartition(b")")[2].split()
            ticks += sum(map(int, fields[_TIMES]))
    times = os.times()
    cpu_seconds = times.user + times.system + times.children_user + times.children_system
    return Taken(resident * _PAGE, held * _PAGE, count, cpu_seconds + ticks / _TICK)


def with_descendants(process: int) -> Iterator[int]:
    """Return a process and all that it started, and that these did, by their numbers."""
    found = [process]
    while found:
        each = found.pop(0)
        yield each
        # a child is listed with the thread that started it
        for thread in _threads(each):
            found += map(int, _read(f"{each}/task/{thread}/children").split())


def _session(process: int) -> int | None:
    try:
        return os.getsid(process)
    except OSError:  # it has ended
        return None


# Servers have hundreds of threads, and this is done ten times a second: no objects for paths.


def _threads(process: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{process}/task")  # noqa: PTH208 - often
    except OSError:  # it has ended, or there is no such folder on this system
        return []


def _read(name: str) -> bytes:
    try:
        with open(f"/proc/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - often
            return file.read()
    except OSError:
        return b""
