"""The whole job of a shop whose windows go side by side, over a store that kills its process.

Run as ``python -m platform_assets_tests.crashes.parallel_job`` it serves as a fork server, as `job`
does. There 0 stands for a worker that nobody kills: it finishes what it finds, run after run.

The job that is killed does what several workers do whose steps come in another order than the windows:
it lands all, settles a later one first, and closes in the order of the log. It begins in the same way
each time, so that the n-th durable write is always the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.identifiers import RunId
from platform_assets.pipeline import admit, caught_up, finish, land, pin
from platform_assets.pipeline.run import Silence
from platform_assets_tests.crashes.job import KillingStore, open_home
from platform_assets_tests.forking import serve

if TYPE_CHECKING:
    from pathlib import Path

#: The order in which the windows are settled and closed by the job that is killed.
ORDER = tuple(RunId("shop", number) for number in (2, 3, 1))


def work(home: Path, write: int = 0, moment: str = "before") -> None:
    """Do the job and be killed at a write of it; without a write, finish what is there."""
    if write:
        run_job(home, write, moment)
    for _ in caught_up(open_home(home), "shop", Silence()):
        pass


def run_job(home: Path, write: int = 0, moment: str = "before") -> list[str]:
    """Take the windows side by side to their closure, and return the path of each durable write."""
    platform = open_home(home, write, moment)
    while (run := pin(platform, "shop")) is not None:
        land(platform, run, "changes")
    for run in ORDER:
        admit(platform, run, "changes")
    for run in ORDER:
        finish(platform, run)
    store = platform.store
    assert isinstance(store, KillingStore)
    return store.paths


if __name__ == "__main__":
    serve(work)
