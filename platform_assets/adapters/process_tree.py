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
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")
# user time, system time, and both of ended children, counted behind the name in parentheses
_TIMES = slice(11, 15)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a process and its descendants together, and how many of them hold what is held."""

    resident: int = 0
    held: int = 0
    processes: int = 0


def memory() -> Memory:
    """Return what this process and its descendants have now; zeros where nobody can tell."""
    resident = held = count = 0
    own = os.getsid(0)
    for process in with_descendants(os.getpid()):
        pages = _read(process, "statm").split()
        if pages:
            resident += int(pages[1])
            if _session(process) == own:
                held += int(pages[1]) - int(pages[2])
                count += 1
    return Memory(resident * _PAGE, held * _PAGE, count)


def with_descendants(process: int) -> Iterator[int]:
    """Return a process and all that it started, and that these did, by their numbers."""
    found = [process]
    while found:
        each = found.pop(0)
        yield each
        # a child is listed with the thread that started it
        for thread in _threads(each):
            found += map(int, _read(each, "task", thread, "children").split())


def cpu_seconds() -> float:
    """Return what this process and all its descendants have used so far, ended ones included."""
    own = os.times()
    ticks = 0
    for process in list(with_descendants(os.getpid()))[1:]:
        fields = _read(process, "stat").rpartition(b")")[2].split()
        ticks += sum(map(int, fields[_TIMES]))
    return own.user + own.system + own.children_user + own.children_system + ticks / _TICK


def _session(process: int) -> int | None:
    try:
        return os.getsid(process)
    except OSError:  # it has ended
        return None


def _threads(process: int) -> list[str]:
    try:
        return [each.name for each in (_PROC / str(process) / "task").iterdir()]
    except OSError:  # it has ended, or there is no such folder on this system
        return []


def _read(process: int, *names: str) -> bytes:
    try:
        return _PROC.joinpath(str(process), *names).read_bytes()
    except OSError:
        return b""
