"""A teardown that kills its process at one chosen durable act: a write, or the deletion of a part.

Run as ``python -m platform_assets_tests.teardown.job``: a fork server. Each line on stdin,
``<home> <act> <before|after>``, forks a child that tears the first run of the shop down and is killed
by SIGKILL just before or just after its n-th act (0: never). One line on stdout says how it ended.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from platform_assets.adapters.local_removal import LocalRemoval
from platform_assets.adapters.local_store import LocalStore
from platform_assets.pipeline import Platform
from platform_assets.pipeline.teardown import teardown
from platform_assets_tests.forking import serve
from platform_assets_tests.teardown.torn import FIRST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Acts:
    """Counts the durable acts and kills at one of them."""

    def __init__(self, kill_at: int, moment: str) -> None:
        self.done: list[str] = []
        self._kill_at = kill_at
        self._moment = moment

    def around(self, path: str, act: Callable[[], None]) -> None:
        self.done.append(path)
        if len(self.done) == self._kill_at and self._moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        act()
        if len(self.done) == self._kill_at and self._moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)


class KillingStore(LocalStore):
    def __init__(self, root: Path, acts: Acts) -> None:
        super().__init__(root)
        self._acts = acts

    def create(self, path: str, data: bytes) -> None:
        self._acts.around(path, lambda: super(KillingStore, self).create(path, data))


class KillingRemoval(LocalRemoval):
    def __init__(self, root: Path, acts: Acts) -> None:
        super().__init__(root)
        self._acts = acts

    def remove(self, path: str) -> None:
        self._acts.around(path, lambda: super(KillingRemoval, self).remove(path))


def tear_down(home: Path, act: int = 0, moment: str = "before") -> list[str]:
    """Tear the first run down and return the path of each durable act."""
    acts = Acts(act, moment)
    platform = Platform.open(home, store=KillingStore(home / "store", acts))
    teardown(platform, KillingRemoval(home / "store", acts), FIRST)
    return acts.done


if __name__ == "__main__":
    serve(tear_down)
