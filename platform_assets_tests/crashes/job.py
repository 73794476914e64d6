"""The whole job of the shop over a store that kills its process at one chosen durable write.

Run as ``python -m platform_assets_tests.crashes.job HOME``: it serves as a fork server. Each line on
stdin, ``<home> <write> <before|after>``, forks a child that runs the job there and is killed by SIGKILL
just before or just after its n-th durable write (0: never). One line on stdout says how it ended.
"""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.stores import open_store
from platform_assets.pipeline import Platform, caught_up
from platform_assets.pipeline.run import Silence
from platform_assets.settings import load_settings
from platform_assets_tests.forking import serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.ports.store import Store

NOW = datetime(2026, 2, 1, tzinfo=UTC)


class StandingClock:
    """Records always say the same moment, and waiting takes no time."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self._seconds

    def sleep(self, seconds: float) -> None:
        self._seconds += seconds


class KillingStore:
    """Any store; it kills this process at its n-th durable write."""

    def __init__(self, store: Store, write: int = 0, moment: str = "before") -> None:
        self.paths: list[str] = []
        self._store = store
        self._kill_at = write
        self._moment = moment

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def create(self, path: str, data: bytes) -> None:
        self._around(path, lambda: self._store.create(path, data))

    def create_from(self, path: str, source: Path) -> None:
        self._around(path, lambda: self._store.create_from(path, source))

    def _around(self, path: str, write: Callable[[], None]) -> None:
        self.paths.append(path)
        if len(self.paths) == self._kill_at and self._moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            write()
        finally:  # also where the object stood there already
            if len(self.paths) == self._kill_at and self._moment == "after":
                os.kill(os.getpid(), signal.SIGKILL)


def open_home(home: Path, write: int = 0, moment: str = "before") -> Platform:
    """Open a home whose store, wherever it is, kills this process at a write."""
    store = KillingStore(open_store(load_settings(home), home), write, moment)
    return Platform.open(home, store=store, clock=StandingClock())


def run_job(home: Path, write: int = 0, moment: str = "before") -> list[str]:
    """Run every window of the shop to its closure and return the path of each durable write."""
    platform = open_home(home, write, moment)
    for _ in caught_up(platform, "shop", Silence()):
        pass
    store = platform.store
    assert isinstance(store, KillingStore)
    return store.paths


if __name__ == "__main__":
    serve(run_job)
