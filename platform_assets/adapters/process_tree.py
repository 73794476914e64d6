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
    from collections.abc import Iterable, Iterator

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")
# user time, system time, and both of ended children, counted behind the name in parentheses
_TIMES = slice(11, 15)
_OWN_TIMES = slice(11, 13)


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
        all_pages, own_pages = _pages(process)
        if all_pages:
            resident += all_pages
            if _session(process) == session:
                held += own_pages
                count += 1
        if process != own:
            fields = _read(f"{process}/stat").rpartition(b")")[2].split()
            ticks += sum(map(int, fields[_TIMES]))
    times = os.times()
    cpu_seconds = times.user + times.system + times.children_user + times.children_system
    return Taken(resident * _PAGE, held * _PAGE, count, cpu_seconds + ticks / _TICK)


@dataclass(frozen=True, slots=True)
class Counted:
    """What processes and all their descendants have at one moment, whatever session they are in.

    ``resident`` and ``held`` are bytes; ``cpu_microseconds`` counts from the start of each process,
    with ended children that were waited for; ``pids`` are those that were there.
    """

    resident: int
    held: int
    descriptors: int
    threads: int
    cpu_microseconds: int
    pids: tuple[int, ...]


def counted(processes: Iterable[int], *, alone: bool = False) -> Counted:
    """Return what these processes have now, ended ones nothing.

    Their descendants count too, and what ended children took; unless they are counted alone.
    """
    seen: dict[int, tuple[int, ...]] = {}
    times = _OWN_TIMES if alone else _TIMES
    for process in processes:
        for each in (process,) if alone else with_descendants(process):
            fields = _read(f"{each}/stat").rpartition(b")")[2].split()
            if fields and each not in seen:
                descriptors, threads = len(_listed(f"{each}/fd")), len(_threads(each))
                seen[each] = (*_pages(each), descriptors, threads, sum(map(int, fields[times])))
    totals = [sum(column) for column in zip(*seen.values(), strict=True)] or [0] * 5
    resident, held, descriptors, threads, ticks = totals
    return Counted(
        resident * _PAGE,
        held * _PAGE,
        descriptors,
        threads,
        ticks * 1_000_000 // _TICK,
        tuple(seen),
    )


def machine_cpu_microseconds() -> int:
    """Return the CPU time that everybody has taken since the machine started, all cores together.

    Time that its host did not give to the machine counts too; 0 where nobody can tell.
    """
    _, *fields = _read("stat").partition(b"\n")[0].split() or [b""]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8]) if fields else [0] * 8
    return (user + nice + system + irq + softirq + steal) * 1_000_000 // _TICK


def held_by(pids: Iterable[int]) -> int:
    """Return how much memory exactly these processes hold, without looking for others."""
    return sum(_pages(pid)[1] for pid in pids) * _PAGE


def with_descendants(process: int) -> Iterator[int]:
    """Return a process and all that it started, and that these did, by their numbers."""
    found = [process]
    while found:
        each = found.pop(0)
        yield each
        # a child is listed with the thread that started it
        for thread in _threads(each):
            found += map(int, _read(f"{each}/task/{thread}/children").split())


def _pages(process: int) -> tuple[int, int]:
    """Return how many pages of memory are resident, and how many of these cannot be taken back."""
    pages = _read(f"{process}/statm").split()
    return (int(pages[1]), int(pages[1]) - int(pages[2])) if pages else (0, 0)


def _session(process: int) -> int | None:
    try:
        return os.getsid(process)
    except OSError:  # it has ended
        return None


# Servers have hundreds of threads, and this is done ten times a second: no objects for paths.


def _threads(process: int) -> list[str]:
    return _listed(f"{process}/task")


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(f"/proc/{folder}")  # noqa: PTH208 - often
    except OSError:  # it has ended, is another user's, or there is no such folder on this system
        return []


def _read(name: str) -> bytes:
    try:
        with open(f"/proc/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - often
            return file.read()
    except OSError:
        return b""
