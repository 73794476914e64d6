"""Worker processes that share the tasks of a step.

Judging, hashing and encoding hold the interpreter's lock for a good part of their time, so that threads
share a core and processes do not. Results come in the order of the tasks, whoever is done first, and
few of them wait at a time. One worker is this process itself: small steps start no other.

A task is a function of a module, and what it takes and returns can be pickled; what all tasks share is
given once, to a function that prepares the worker and returns what the tasks are called with.

Workers are new interpreters, not forks: engines have threads, and a fork copies locks that nobody will
release. They do not import the program that started them, so that a script needs no guard, and they can
be started where `multiprocessing` cannot, in a daemonic process. When their context is left nobody
waits for a task any more: what is under way is dropped.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from contextlib import contextmanager
from multiprocessing.connection import Pipe, wait
from typing import TYPE_CHECKING, Any, TypeVar

from platform_assets.adapters.watch import note_workers, require
from platform_assets.errors import WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_Shared = TypeVar("_Shared")
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

#: What a worker has been given and did not answer: the task under way and the one after it.
_GIVEN = 2
#: For each worker, tasks whose result was not taken yet; they wait for one that takes its time.
_AHEAD = 3
#: How long a result is waited for before the step's memory is looked at again.
_LOOK_SECONDS = 0.2
_END_SECONDS = 10
_STDERR = 2

# What the parent can import, the worker can: its path is the parent's.
_MAIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from platform_assets.adapters.worker import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)
# Workers share the cores, they do not multiply them: each engine in one has one thread.
_ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Workers:
    """Processes that are alike; where there are none, this process.

    Made by `workers`.
    """

    def __init__(self, processes: list[_Worker], shared: Any = None) -> None:
        self._processes = processes
        self._shared = shared
        self._numbered = 0

    @property
    def count(self) -> int:
        """How many work at a time."""
        return len(self._processes) or 1

    def map(
        self, function: Callable[[Any, _Task], _Result], tasks: Iterable[_Task]
    ) -> Iterator[_Result]:
        """Return the results of ``function(shared, task)`` in the order of the tasks.

        Raises:
            WorkerLost: a worker died.
            MemoryExceeded, SpillExhausted: the step takes more than it may.
        """
        if not self._processes:
            for task in tasks:
                require()
                yield function(self._shared, task)
            return
        arrived: dict[int, tuple[bool, Any]] = {}
        following = self._numbered
        for task in tasks:
            self._give(function, task, arrived)
            while following in arrived or self._numbered - following >= self.count * _AHEAD:
                yield self._take(following, arrived)
                following += 1
        while following < self._numbered:
            yield self._take(following, arrived)
            following += 1

    def _give(
        self, function: Callable[..., object], task: object, arrived: dict[int, tuple[bool, Any]]
    ) -> None:
        while min(worker.given for worker in self._processes) >= _GIVEN:
            self._collect(arrived)
        free = min(self._processes, key=lambda worker: worker.given)
        free.give(self._numbered, function, (task,))
        self._numbered += 1

    def _take(self, number: int, arrived: dict[int, tuple[bool, Any]]) -> Any:
        while number not in arrived:
            self._collect(arrived)
        made, answer = arrived.pop(number)
        if not made:
            raise answer
        return answer

    def _collect(self, arrived: dict[int, tuple[bool, Any]]) -> None:
        """Take what the workers have answered; where nothing has been, wait a little."""
        require()
        ready = wait([worker.results for worker in self._processes], _LOOK_SECONDS)
        for worker in self._processes:
            if worker.results in ready:
                number, answer, made = worker.answered()
                if number is not None:  # an answer that nobody waits for any more does no harm
                    arrived[number] = (made, answer)
                elif not made:
                    raise answer


@contextmanager
def workers(count: int, prepare: Callable[..., _Shared], *arguments: object) -> Iterator[Workers]:
    """Start so many workers, each prepared by ``prepare(*arguments)``; they end with the context."""
    if count < 2:  # noqa: PLR2004 - one worker is this process
        yield Workers([], prepare(*arguments))
        return
    processes: list[_Worker] = []
    try:
        for _ in range(count):
            processes.append(_Worker())
            processes[-1].give(None, prepare, arguments)
        note_workers(count)
        yield Workers(processes)
    finally:
        for worker in processes:
            worker.dismiss()
        for worker in processes:
            worker.end()


class _Worker:
    """A process, and the pipes to it and from it."""

    def __init__(self) -> None:
        theirs, self._tasks = Pipe(duplex=False)
        self.results, answers = Pipe(duplex=False)
        self.given = 0
        ends = (theirs.fileno(), answers.fileno())
        command = [sys.executable, "-P", "-c", _MAIN, json.dumps(sys.path), *map(str, ends)]
        with theirs, answers:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and our own module
                command,
                pass_fds=ends,
                stdin=subprocess.DEVNULL,
                stdout=_STDERR if sys.__stderr__ else subprocess.DEVNULL,
                env={**os.environ, **_ONE_THREAD},
            )

    def give(self, number: int | None, function: Callable[..., object], arguments: object) -> None:
        """Send a task; the one without a number prepares the worker."""
        packed = pickle.dumps((number, function, arguments), protocol=pickle.HIGHEST_PROTOCOL)
        try:
            self._tasks.send_bytes(packed)
        except OSError as error:
            raise self._lost() from error
        self.given += 1

    def answered(self) -> tuple[int | None, Any, bool]:
        """Take one answer: the task's number, what came of it, and whether it is a result."""
        try:
            packed = self.results.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        self.given -= 1
        number, answer, made = pickle.loads(packed)  # noqa: S301 - from our own worker
        return number, answer, made

    def dismiss(self) -> None:
        """Give no more tasks; a worker in the middle of one ends at once."""
        self._tasks.close()

    def end(self) -> None:
        """Wait until the process is gone."""
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.results.close()

    def _lost(self) -> WorkerLost:
        self._process.kill()  # where it has not ended yet, its pipe has
        code = self._process.wait()
        how = f"killed by {_signal_name(-code)}" if code < 0 else f"exit code {code}"
        return WorkerLost(
            "a worker process of this step",
            expected="to live until the step is done",
            found=f"its end ({how}); a system that runs out of memory kills with SIGKILL",
            remedy="Nothing of the step was recorded. Look into the system's log. If it was memory, "
            "lower memory_budget or cores in platform.yaml to what the machine has. Then run the "
            "step again.",
        )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
