"""The process of one Dagster run, started before there is a run for it.

It imports what a run needs, client libraries of the declared sources included, and opens the Dagster
instance, which its standard input names in the first line; that takes seconds. Then it waits for the
second line: the run. Declarations and the functions that they name are loaded when the run begins, as
they are then. It ends when its launcher does, if no run came.

From its first moment to its last it holds a lock on a file, which its launcher took for it and names
after the run before the process hears of it. The lock ends with the process, however that ends, so that
whoever can take it knows that nobody works on that run, nor will.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

import dagster as dg
from dagster._cli.api import _execute_run_command_body
from dagster._core.instance.ref import InstanceRef
from dagster._utils.interrupts import capture_interrupts
from dagster_shared.serdes import deserialize_value

from platform_assets.adapters.streams import open_source
from platform_assets.declarations.loading import load_feeds
from platform_assets.errors import PlatformError
from platform_assets.orchestration.definitions import home_in_use
from platform_assets.orchestration.run_locks import lock_path
from platform_assets.settings import load_settings


def import_clients(home: Path) -> None:
    """Import the client libraries of what the home's feeds read; nothing is connected."""
    with suppress(PlatformError):  # a mistake in the home is for the run to report
        for feed, _ in load_feeds(home / load_settings(home).defs).values():
            for source in feed.sources():
                open_source(source, feed.feed, home)


def main() -> None:
    """Wait for a run, and execute it."""
    lock, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(descriptor, False)  # what this process starts does not hold the lock
    try:
        reference = deserialize_value(sys.stdin.readline(), InstanceRef)
        with dg.DagsterInstance.from_ref(reference) as instance:
            import_clients(home_in_use())
            run_id = sys.stdin.readline().strip()
            if not run_id:
                return
            lock = lock_path(str(instance.root_directory), run_id)
            with capture_interrupts():
                _execute_run_command_body(
                    run_id, instance, lambda _event: None, set_exit_code_on_failure=False
                )
    finally:
        lock.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
