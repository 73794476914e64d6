"""What a step uses while it lasts, and whether it keeps to its budget.

Memory is looked at ten times a second, spilled files twice, for this process and all that it started.
Looking raises nothing: a step is ended by `require`, which its loops call between batches, where
nothing is half written. What was seen between two calls counts, so that a peak is not missed.

The budget limits held memory (see `process_tree`), and a quarter more is borne: a plan cannot know the
longest record of a batch. What a caller has is not the step's: `BASE_BYTES` are part of every budget,
and what this process has beyond them before its first step, or takes between two steps, is set aside.

Where the system does not tell what processes have, memory is neither reported nor limited.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from platform_assets.adapters.budget import BASE_BYTES
from platform_assets.adapters.process_tree import Taken, taken
from platform_assets.adapters.spilling import spill_exhausted
from platform_assets.errors import MemoryExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.adapters.budget import Budget

_LOOK_SECONDS = 0.1
_SPILL_SECONDS = 0.5
#: The share of a budget that a step may hold beyond it before it is ended.
MARGIN = 0.25
_GIB = 1024**3
#: The unit in which a file system tells what a file takes.
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class StepName:
    """Which step of which run, and of which of its streams, products or consumers."""

    run_id: str
    step: str
    thing: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        return " ".join(filter(None, [self.step, self.thing, "of", self.run_id]))


@dataclass(frozen=True, slots=True)
class StepUse:
    """What a step used: seconds, and bytes at most; memory and spill of all its processes together."""

    name: StepName
    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    spilled_bytes: int
    workers: int
    memory_budget_bytes: int

    def as_json(self) -> dict[str, str | int | float]:
        """Return the fields as the command line's ``--json`` prints them."""
        measured = {key: value for key, value in asdict(self).items() if key != "name"}
        return {**asdict(self.name), **measured}


class Watch:
    """Looks at what one step uses; made by `watched`."""

    def __init__(self, name: StepName, budget: Budget, aside: int, before: Taken) -> None:
        self.spilled = 0
        self.workers = 1
        self._name = name
        self._budget = budget
        self._allowed = int(budget.memory * (1 + MARGIN)) + aside
        self._aside = aside
        self._begun, self._before = time.monotonic(), before
        self._resident = self._held = self._processes = 0
        self._looked = self._measured = 0.0
        self._over = threading.Event()
        self._looking = threading.Lock()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Require that the step has kept to its budget until now.

        Raises:
            MemoryExceeded: its processes together held more than the budget and its margin.
            SpillExhausted: it has spilled more than it may.
        """
        self._look()
        if self._held > self._allowed:
            raise self._exceeded()
        limit = self._budget.spill_limit
        if limit is not None and self.spilled > limit:
            problem = f"{self.spilled:,} bytes of spilled files, with a spill_limit of {limit:,}"
            raise spill_exhausted(self._budget.spill_dir, problem)

    def use(self, now: Taken) -> StepUse:
        """Return what the step used until now, when its processes have taken so much."""
        with self._looking:
            self._note(now)
        self.note_spill(_spilled())
        return StepUse(
            name=self._name,
            wall_seconds=round(time.monotonic() - self._begun, 3),
            cpu_seconds=round(max(0.0, now.cpu_seconds - self._before.cpu_seconds), 2),
            peak_rss_bytes=self._resident,
            spilled_bytes=self.spilled,
            workers=self.workers,
            memory_budget_bytes=self._budget.memory,
        )

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def note_spill(self, size: int) -> None:
        """Note how much stands in spill folders now."""
        self.spilled = max(self.spilled, size)

    def _look_on(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        with self._looking:
            now = time.monotonic()
            if now - self._looked >= _LOOK_SECONDS:
                self._looked = now
                self._note(taken())
            if now - self._measured >= _SPILL_SECONDS:
                self._measured = now
                self.note_spill(_spilled())

    def _note(self, seen: Taken) -> None:
        self._resident = max(self._resident, seen.resident)
        if seen.held > self._held:
            self._held, self._processes = seen.held, seen.processes

    def _exceeded(self) -> MemoryExceeded:
        own = self._held - self._aside
        return MemoryExceeded(
            str(self._name),
            expected=f"at most {self._budget.memory / _GIB:.2f} GiB of memory (memory_budget), "
            f"{MARGIN:.0%} more in passing",
            found=f"{own / _GIB:.2f} GiB held by {self._processes} process"
            f"{'' if self._processes == 1 else 'es'}",
            remedy="Nothing of it was published. Raise `memory_budget` or lower `cores` in "
            "platform.yaml, or take smaller windows, then run the step again.",
        )


_standing: list[Watch] = []
_lists: list[list[StepUse]] = []
_folders: set[Path] = set()
# What this process held when its last step ended, and how much of it is the caller's.
_left = BASE_BYTES
_aside = 0


def require() -> None:
    """Require that every step of this process has kept to its budget until now; call it often.

    Raises:
        MemoryExceeded: the processes of a step together held more than its budget and its margin.
        SpillExhausted: a step has spilled more than it may.
    """
    for each in tuple(_standing):
        each.require()


@contextmanager
def watched(name: StepName, budget: Budget) -> Iterator[Watch]:
    """Watch a step while the context lasts; what it used is noted where somebody asked for it."""
    global _left, _aside  # noqa: PLW0603 - a process has one of each
    before = taken()
    if not _standing:
        _aside = _set_aside(before.held)
    watch = Watch(name, budget, _aside, before)
    _standing.append(watch)
    try:
        yield watch
    finally:
        watch.end()
        _standing.remove(watch)
        after = taken()
        if not _standing:
            _left = after.held
        use = watch.use(after)
        for each in _lists:
            each.append(use)


@contextmanager
def noted() -> Iterator[list[StepUse]]:
    """Return a list that gets what each step uses that ends while the context lasts."""
    steps: list[StepUse] = []
    _lists.append(steps)
    try:
        yield steps
    finally:
        _lists[:] = [each for each in _lists if each is not steps]


@contextmanager
def spilling(folder: Path) -> Iterator[None]:
    """Count what stands in a folder as spilled while the context lasts."""
    _folders.add(folder)
    try:
        yield
    finally:
        size = _spilled()
        for each in tuple(_standing):
            each.note_spill(size)
        _folders.discard(folder)


def note_workers(count: int) -> None:
    """Note that a step has so many worker processes."""
    for each in tuple(_standing):
        each.workers = max(each.workers, count)


def _set_aside(held: int) -> int:
    # What the last step left behind may be given back late; what was added since is the caller's.
    return min(_aside + max(0, held - _left), max(0, held - BASE_BYTES))


def _spilled() -> int:
    return sum(_allocated(folder) for folder in tuple(_folders))


def _allocated(folder: Path) -> int:
    """Return how many bytes of disk the files below a folder take."""
    size = 0
    for within, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # engines remove their files while we look
                size += os.lstat(os.path.join(within, name)).st_blocks * _BLOCK  # noqa: PTH118 - often
    return size
