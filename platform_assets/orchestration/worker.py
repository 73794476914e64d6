"""The process of one Dagster run, started before there is a run for it.

It imports what a run needs, which takes seconds, and waits for one line on its standard input: the run.
Declarations and the functions that they name are loaded when the run begins, as they are then. It ends
when its launcher does, if no run came.

As long as it works on a run it holds a lock on a file that is named after the run. The lock ends with
the process, however that ends, so that whoever can take it knows that nobody works on that run.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._cli.api import _execute_run_command_body
from dagster._core.instance.ref import InstanceRef
from dagster._core.origin import JobPythonOrigin
from dagster._grpc.types import ExecuteRunArgs
from dagster._utils.interrupts import capture_interrupts
from dagster_shared.serdes import deserialize_value, serialize_value

WORKER_MODULE = "platform_assets.orchestration.worker"

#: The folder of the lock files, in the folder of the Dagster instance.
LOCKS = "workers"


def task(instance: InstanceRef, origin: JobPythonOrigin, run_id: str) -> bytes:
    """Return the line that tells a waiting process which run to execute."""
    return serialize_value(ExecuteRunArgs(origin, run_id, instance)).encode() + b"\n"


def lock_path(root: str, run_id: str) -> Path:
    """Return the lock file of a Dagster run, given the folder of its instance."""
    return Path(root) / LOCKS / run_id


@contextmanager
def at_work(lock: Path) -> Iterator[None]:
    """Hold the lock, with this process's id in it; the file is gone afterwards."""
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w", encoding="utf-8") as held:
        held.write(str(os.getpid()))
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)  # from here on who finds it locked finds the id
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


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


def main() -> None:
    """Wait for a run, and execute it."""
    line = sys.stdin.readline()
    if not line:
        return
    told = deserialize_value(line, ExecuteRunArgs)
    assert told.instance_ref is not None
    with (
        capture_interrupts(),
        dg.DagsterInstance.from_ref(told.instance_ref) as instance,
        at_work(lock_path(str(instance.root_directory), told.run_id)),
    ):
        _execute_run_command_body(
            told.run_id, instance, lambda _event: None, set_exit_code_on_failure=False
        )


if __name__ == "__main__":
    main()
