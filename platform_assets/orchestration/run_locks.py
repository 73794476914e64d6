"""Locks that tell whether a process works on a Dagster run, or ever will.

The launcher takes the lock on behalf of a process that it starts, and names its file after the run
before that process hears of it. The lock ends with the process, however that ends, so that whoever can
take it knows that nobody works on that run.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

#: The folder of the lock files, in the folder of the Dagster instance.
LOCKS = "workers"


def lock_path(root: str, run_id: str) -> Path:
    """Return the lock file of a Dagster run, given the folder of its instance."""
    return Path(root) / LOCKS / run_id


def spare_path(root: str) -> Path:
    """Return a new name for the lock file of a process that has no run yet."""
    return Path(root) / LOCKS / f"spare-{uuid4().hex}"


@contextmanager
def locked(lock: Path) -> Iterator[int]:
    """Make a lock file and lock it; who inherits the descriptor holds it when the block has ended."""
    lock.parent.mkdir(exist_ok=True)
    descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def worker_of(lock: Path) -> int | None:
    """Return the id of the process that works on a run, None where nobody does."""
    try:
        with lock.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
    except FileNotFoundError:
        pass
    return None
