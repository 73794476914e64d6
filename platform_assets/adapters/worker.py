"""The process of one worker: takes tasks from a pipe, sends results into another.

It imports what its tasks need and no more. What prints in it prints to stderr. It is not interrupted by
the terminal: its parent is, and ends it. It never outlives its parent: a thread reads the tasks, and
where nobody can send any more, because the parent has ended in whatever way, the process ends at once,
in the middle of a task if there is one. So tasks write into scratch and spill folders only.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

#: How a worker ends that has lost its parent.
ORPHANED = 1


class _WithoutPandas(MetaPathFinder, Loader):
    """Lets no task import pandas, where that is installed.

    No task needs it, but Arrow imports it as soon as it converts a value: a second of each worker's
    time, and 60 MiB of its memory.
    """

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> Any:
        """Return a specification for pandas, which promises what it does not keep."""
        del path, target
        return ModuleSpec(fullname, self) if fullname == "pandas" else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Refuse.

        Raises:
            ImportError: always.
        """
        raise ImportError(f"{spec.name} is not imported in worker processes")


def main(tasks: int, results: int) -> None:
    """Prepare, then work until no task can come any more; the pipes are given by their numbers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.meta_path.insert(0, _WithoutPandas())
    source, sink = Connection(tasks, writable=False), Connection(results, readable=False)
    waiting: SimpleQueue[bytes | None] = SimpleQueue()
    busy = threading.Event()
    busy.set()
    threading.Thread(target=_receive, args=(source, waiting, busy), daemon=True).start()
    shared = None
    while True:
        busy.clear()
        task = waiting.get()
        busy.set()
        if task is None:
            return
        number, answer, made = _done(task, shared)
        if number is None and made:
            shared, answer = answer, None
        sink.send_bytes(_pickled(number, answer, made=made))


def _receive(source: Connection, waiting: SimpleQueue[bytes | None], busy: threading.Event) -> None:
    while True:
        try:
            waiting.put(source.recv_bytes())
        except (EOFError, OSError):
            if busy.is_set():
                os._exit(ORPHANED)
            waiting.put(None)
            return


def _done(task: bytes, shared: object) -> tuple[int | None, Any, bool]:
    """Return the task's number, what its function returned or raised, and whether it returned.

    The first task has no number: it prepares what all others share.
    """
    number = None
    try:
        number, function, arguments = pickle.loads(task)  # noqa: S301 - from our own parent
        given = arguments if number is None else (shared, *arguments)
        return number, function(*given), True
    except Exception as error:  # noqa: BLE001 - it is raised again where the result is taken
        error.add_note("".join(["In a worker process:\n", *traceback.format_exception(error)]))
        return number, error, False


def _pickled(number: int | None, answer: object, *, made: bool) -> bytes:
    try:
        packed = pickle.dumps((number, answer, made), protocol=pickle.HIGHEST_PROTOCOL)
        if not made:
            pickle.loads(packed)  # noqa: S301 - many errors can be pickled and not made again
    except Exception as error:  # noqa: BLE001 - whatever a class of somebody else's raises
        told = "\n".join(getattr(answer, "__notes__", ())) or repr(answer)
        kind = type(answer).__name__
        reason = f"a {kind} cannot be sent between processes ({error!r}).\n{told}"
        return pickle.dumps((number, RuntimeError(reason), False))
    return packed
