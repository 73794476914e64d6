"""The process of one Dagster run, started before there is a run for it.

It imports what a run needs, client libraries of the declared sources included, and opens the Dagster
instance, which its standard input names in the first line; that takes seconds. Then it waits for the
second line: the run. Declarations and the functions that they name are loaded when the run begins, as
they are then. It ends when its launcher does, if no run came.

As long as it works on a run it holds a lock on a file that is named after the run. The lock ends with
the process, however that ends, so that whoever can take it knows that nobody works on that run.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
from dagster._cli.api import _execute_run_command_body
from dagster._core.instance.ref import InstanceRef
from dagster._utils.interrupts import capture_interrupts
from dagster_shared.serdes import deserialize_value, serialize_value

from platform_assets.adapters.streams import open_source
from platform_assets.declarations.loading import load_feeds
from platform_assets.errors import PlatformError
from platform_assets.orchestration.definitions import home_in_use
from platform_assets.settings import load_settings

WORKER_MODULE = "platform_assets.orchestration.worker"

#: The folder of the lock files, in the folder of the Dagster instance.
LOCKS = "workers"


def line_of(told: InstanceRef | str) -> bytes:
    """Return the line that tells a process its instance, or the run that it shall execute."""
    text = told if isinstance(told, str) else serialize_value(told)
    return text.encode() + b"\n"


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


def import_clients(home: Path) -> None:
    """Import the client libraries of what the home's feeds read; nothing is connected."""
    with suppress(PlatformError):  # a mistake in the home is for the run to report
        for feed, _ in load_feeds(home / load_settings(home).defs).values():
            for source in feed.sources():
                open_source(source, feed.feed, home)


def main() -> None:
    """Wait for a run, and execute it."""
    reference = deserialize_value(sys.stdin.readline(), InstanceRef)
    with dg.DagsterInstance.from_ref(reference) as instance:
        import_clients(home_in_use())
        run_id = sys.stdin.readline().strip()
        if not run_id:
            return
        with capture_interrupts(), at_work(lock_path(str(instance.root_directory), run_id)):
            _execute_run_command_body(
                run_id, instance, lambda _event: None, set_exit_code_on_failure=False
            )


if __name__ == "__main__":
    main()
