"""Compaction of a day of the dated shop over a store that kills its process at a durable write.

Run as ``python -m platform_assets_tests.compaction.job`` it serves as a fork server (see `forking`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets_tests.compaction.dated_shop import ELEVENTH, compacted
from platform_assets_tests.crashes.job import KillingStore, open_home
from platform_assets_tests.forking import serve

if TYPE_CHECKING:
    from pathlib import Path


def run_job(home: Path, write: int = 0, moment: str = "before") -> list[str]:
    """Compact a day of two runs and return the path of each durable write."""
    platform = open_home(home, write, moment)
    compacted(platform, ELEVENTH)
    store = platform.store
    assert isinstance(store, KillingStore)
    return store.paths


if __name__ == "__main__":
    serve(run_job)
