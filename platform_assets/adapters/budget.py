"""How much memory, how many cores and how much spill space a step may use.

A step's memory is that of all its processes together. What it takes is planned from the budget before
it starts: so many workers, so much for the engine that sorts. The plan decides how fast a step is, and
never what it writes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import ceil
from pathlib import Path

_MIB = 1024**2
#: What the first process has before it holds any row: the interpreter, Polars, Arrow, DuckDB.
BASE_BYTES = 320 * _MIB
#: What a worker has at most while it works on one landed part or one row group.
WORKER_BYTES = 512 * _MIB
#: What DuckDB and the allocators take beyond the engine's own limit, and the batches in flight.
ENGINE_SLACK_BYTES = 384 * _MIB
#: Where a container is told its share of CPU time: microseconds of each period, or ``max`` (cgroup v2).
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Budget:
    """What the steps of one process may use together.

    ``memory`` and ``spill_limit`` are bytes; no limit of the spill means what the disk has free.
    """

    memory: int
    cores: int
    spill_dir: Path
    spill_limit: int | None = None

    @classmethod
    def of(
        cls, memory: int, cores: int | None, spill_dir: Path, spill_limit: int | None = None
    ) -> Budget:
        """Return a budget with the cores that this process may run on, where none are given."""
        # settings give integers of a class of their own, which records and metadata do not know
        limit = None if spill_limit is None else int(spill_limit)
        return cls(int(memory), cores or usable_cores(), spill_dir, limit)

    def workers(self, tasks: int) -> int:
        """Return how many worker processes so many tasks get; fewer than two are not worth starting."""
        fitting = (self.memory - BASE_BYTES) // WORKER_BYTES
        return max(1, min(self.cores, fitting, tasks))

    @property
    def engine_memory(self) -> int:
        """The limit, in bytes, that an engine beside this process's own memory is given."""
        return self.memory - BASE_BYTES - ENGINE_SLACK_BYTES


def usable_cores(quota: Path = _QUOTA) -> int:
    """Return how many cores this process may use: those it is bound to, or its container's share."""
    bound = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        time, period = quota.read_text(encoding="ascii").split()
        return bound if time == "max" else max(1, min(bound, ceil(int(time) / int(period))))
    except (OSError, ValueError):  # it is in no container, or another system's
        return bound
