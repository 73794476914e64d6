"""Worker processes that share the tasks of a step.

Judging, hashing and encoding hold the interpreter's lock for a good part of their time, so that threads
share a core and processes do not. Results come in the order of the tasks, whoever is done first, and
few of them wait at a time. One worker is this process itself: small steps start no other.

A task is a function of a module with one argument that can be pickled; what all tasks share is given
once, to a function that prepares the worker and returns what the tasks are called with.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from platform_assets.errors import WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

_Shared = TypeVar("_Shared")
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

#: Tasks that are done or under way beyond the one whose result is taken next, for each worker.
_AHEAD = 2

_prepared: Any = None


class Workers:
    """Processes that are alike; with a count of one, this process.

    Made by `workers`.
    """

    def __init__(self, pool: ProcessPoolExecutor | None, shared: Any, count: int) -> None:
        self._pool = pool
        self._shared = shared
        self._count = count

    def map(
        self, function: Callable[[Any, _Task], _Result], tasks: Iterable[_Task]
    ) -> Iterator[_Result]:
        """Return the results of ``function(shared, task)`` in the order of the tasks.

        Raises:
            WorkerLost: a worker died.
        """
        if self._pool is None:
            yield from (function(self._shared, task) for task in tasks)
            return
        waiting: deque[Future[_Result]] = deque()
        try:
            for task in tasks:
                waiting.append(self._pool.submit(_call, function, task))
                if len(waiting) >= self._count * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise WorkerLost(
                "a worker process of this step",
                expected="to live until the step is done",
                found="it died; the system kills what takes too much memory (exit code 137)",
                remedy="Nothing was recorded. Look into the system's log, lower memory_budget or "
                "cores in platform.yaml to what the machine has, and run the step again. A script "
                "that calls the pipeline needs `if __name__ == '__main__':`.",
            ) from error
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def workers(count: int, prepare: Callable[..., _Shared], *arguments: object) -> Iterator[Workers]:
    """Start so many workers, each prepared by ``prepare(*arguments)``; they end with the context."""
    if count < 2:  # noqa: PLR2004 - one worker is this process
        yield Workers(None, prepare(*arguments), 1)
        return
    pool = ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(prepare, arguments),
    )
    try:
        yield Workers(pool, None, count)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(prepare: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    global _prepared  # noqa: PLW0603 - a process has one
    # Engines read these when they are first used: workers share the cores, they do not multiply them.
    os.environ["POLARS_MAX_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    _prepared = prepare(*arguments)


def _call(function: Callable[[Any, _Task], _Result], task: _Task) -> _Result:
    return function(_prepared, task)
