"""Measures the steps of a contender from inside, for `measure` to add the peaks between their times."""

from __future__ import annotations

import resource
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: In what the kernel counts bytes that go to disks.
BLOCK = 512


@contextmanager
def phase(name: str, into: list[dict[str, Any]]) -> Iterator[None]:
    """Measure what is done meanwhile: its times, its CPU time and what it wrote."""
    begin, (cpu, written) = time.monotonic(), _used()
    yield
    cpu_after, written_after = _used()
    into.append(
        {
            "name": name,
            "begin": begin,
            "end": time.monotonic(),
            "cpu_seconds": cpu_after - cpu,
            "written_bytes": written_after - written,
        }
    )


def _used() -> tuple[float, int]:
    """Return CPU seconds and bytes written by this process and the children that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    return cpu, sum(each.ru_oublock for each in used) * BLOCK
