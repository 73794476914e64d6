"""Several runs of a feed at a time, each in a process of its own, on one machine.

1. Open runs are taken first, that of the earliest window before others; then windows are pinned, so
   many that each process has one.
2. Each process takes its run to the end. Where it has to wait for another run, to be settled or to be
   closed, it waits at that step and repeats nothing else.
3. Where a run fails, no further run is begun, and those that wait for another give up; whatever was
   done stands, and the next call continues it.

Each process has its share of the memory and of the cores that a step may use. Processes on other
machines may work in the same feed: the store decides between them, and nothing here is shared with it.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from platform_assets.errors import PlatformError, PredecessorOpen, Usage, WorkerLost
from platform_assets.pipeline.platform import Platform
from platform_assets.pipeline.run import Silence, finish, next_run
from platform_assets.pipeline.steps import StepUse, noted
from platform_assets.pipeline.waiting import patient
from platform_assets.settings import LEAST_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.run import Progress

#: How long a run waits for others in all, before it gives up.
PATIENCE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: what its steps used, and the error that stopped it, if one did."""

    run: RunId
    steps: tuple[StepUse, ...]
    error: PlatformError | None = None


def finished(
    platform: Platform, feed: str, processes: int, progress: Progress | None = None
) -> Iterator[Ended]:
    """Close runs of a feed in so many processes until nothing is new; yields each as it is closed.

    Raises:
        Usage: the feed does not allow so many, or there is not enough memory for them.
        PlatformError: what stopped a run first; others that were under way have ended as well.
        WorkerLost: a process died.
    """
    _require_room(platform, feed, processes)
    context = multiprocessing.get_context("spawn")
    with (
        platform.scratch() as scratch,
        ProcessPoolExecutor(processes, mp_context=context) as pool,
    ):
        crew = _Crew(platform, feed, processes, progress or Silence())
        yield from crew.work(pool, scratch / "failed")


class _Crew:
    """The processes and what each of them has under way."""

    def __init__(self, platform: Platform, feed: str, processes: int, progress: Progress) -> None:
        self._platform, self._feed, self._progress = platform, feed, progress
        self._processes = processes
        self._under_way: dict[Future[Ended], tuple[RunId, ExitStack]] = {}
        self._errors: list[PlatformError] = []

    def work(self, pool: ProcessPoolExecutor, failed: Path) -> Iterator[Ended]:
        """Take up runs until nothing is new and none is under way; a file tells that one failed."""
        try:
            while True:
                self._take_up(pool, failed)
                if not self._under_way:
                    break
                for ended in self._ended():
                    if ended.error is None:
                        yield ended
                    else:
                        failed.touch()
                        self._errors.append(ended.error)
        finally:
            failed.touch()  # whoever leaves early waits for nobody
        causes = [error for error in self._errors if not isinstance(error, PredecessorOpen)]
        for error in (*causes, *self._errors):
            raise error

    def _take_up(self, pool: ProcessPoolExecutor, failed: Path) -> None:
        while not self._errors and len(self._under_way) < self._processes:
            busy = {run for run, _ in self._under_way.values()}
            try:
                run = next_run(self._platform, self._feed, beside=busy)
            except PredecessorOpen:
                if not busy:
                    raise
                return  # what is declared now begins when those that are under way are closed
            if run is None:
                return
            step = ExitStack()
            step.enter_context(self._progress.step(run, "run", ""))
            task = pool.submit(_finish, self._platform.home, run, self._processes, failed)
            self._under_way[task] = run, step
            # A pool looks for dead processes among those that it had when it was given its last task,
            # so the death of the newest would be noticed by nobody, and others would wait for its run.
            pool.submit(os.getpid)

    def _ended(self) -> Iterator[Ended]:
        done = wait(self._under_way, return_when=FIRST_COMPLETED).done
        for task in done:
            run, step = self._under_way.pop(task)
            step.close()
            try:
                yield task.result()
            except BrokenProcessPool as error:
                yield Ended(run, (), _lost(run, error))


def _finish(home: Path, run: RunId, processes: int, failed: Path) -> Ended:
    """Take a run to its closure: the task of a process."""
    platform = Platform.open(home)
    given, cores = platform.settings, platform.budget.cores
    share = {"memory_budget": given.memory_budget // processes, "cores": max(1, cores // processes)}
    platform = replace(platform, settings=given.model_copy(update=share))
    waits = patient(platform, PATIENCE_SECONDS, failed.exists)
    with noted() as steps:
        try:
            finish(platform, run, waits=waits)
        except PlatformError as error:
            return Ended(run, _last(steps), error)
    return Ended(run, _last(steps))


def _last(steps: Sequence[StepUse]) -> tuple[StepUse, ...]:
    """Return what each step used when it was taken last: looks that ended in waiting are none."""
    return tuple({use.name: use for use in steps}.values())


def _require_room(platform: Platform, feed: str, processes: int) -> None:
    declared = platform.feed(feed).window.parallel
    if processes > declared:
        raise Usage(
            f"{processes} runs of {feed} at a time",
            expected=f"at most {declared}, as `window.parallel` declares",
            found=str(processes),
            remedy=f"Raise window.parallel in {platform.home / platform.settings.defs}/{feed}/"
            "defs.yaml; it counts for windows that are pinned from then on.",
        )
    memory = int(platform.settings.memory_budget)
    if memory // processes < LEAST_MEMORY:
        raise Usage(
            f"{processes} runs of {feed} at a time",
            expected=f"{LEAST_MEMORY:,} bytes of memory_budget for each",
            found=f"{memory:,} for all",
            remedy="Raise memory_budget in platform.yaml, or run fewer at a time.",
        )


def _lost(run: RunId, error: BrokenProcessPool) -> WorkerLost:
    return WorkerLost(
        f"the process of {run}",
        expected="to live until the run is closed",
        found=str(error) or "its end",
        remedy="What it did stands. Look into the system's log; if it was memory, run fewer at a time. "
        f"Then continue: platform-assets run {run.feed}",
    )
