"""How much disk a lane takes: its store, its scratch space, its logs, its databases, and all of it.

Files are counted by the blocks that they take. A look walks all folders but those of runs that are
closed: a closed run does not change, so it is counted once, when it is closed, and never walked again.
What little is put beside a run afterwards, for example that it was announced, is left out of the size.
So a look costs the same however many runs there are. All the same it may take no more than a hundredth
of the time: one that took long is followed by a longer pause, and until the next one its figures stand.

A store in a bucket is not measured.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BLOCK = 512
_LEAST_PAUSE_SECONDS = 1.0
#: How many times as long as a look the pause after it is.
_PAUSES = 100
#: What is in none of the kinds: the file log that is sent to, services, the evidence.
OTHER = "other"


class DiskSizes:
    """Measures folders.

    Args:
        roots: the folders that are walked; none lies in another.
        kinds: folder -> what is counted there and below; the closest one decides, `OTHER` without any.
        runs: the folder of the store's runs, where it is a local one.
    """

    def __init__(self, roots: tuple[Path, ...], kinds: Mapping[Path, str], runs: Path) -> None:
        self._roots = tuple(map(str, roots))
        self._kinds = {str(folder): kind for folder, kind in kinds.items()}
        self._runs = str(runs)
        self._closing: set[str] = set()
        self._closed: dict[str, int] = {}
        self._due = 0.0
        self._sizes: dict[str, int] = dict.fromkeys((*kinds.values(), OTHER), 0)

    def close(self, run: str) -> None:
        """Let a run be walked once more, and then never again."""
        self._closing.add(f"{self._runs}/{run}")

    def look(self) -> Mapping[str, int]:
        """Return kind -> bytes, as measured now or, where that is too soon, as measured last."""
        began = time.perf_counter()
        if began >= self._due:
            sizes = dict.fromkeys(self._sizes, 0)
            for root in self._roots:
                self._walk(root, OTHER, sizes)
            self._sizes = sizes
            ended = time.perf_counter()
            self._due = began + max(_LEAST_PAUSE_SECONDS / 2, _PAUSES * (ended - began))
        return self._sizes

    @property
    def total(self) -> int:
        """All bytes that were measured last."""
        return sum(self._sizes.values())

    def _walk(self, folder: str, kind: str, sizes: dict[str, int]) -> int:
        """Add what a folder takes, and return it."""
        kind = self._kinds.get(folder, kind)
        own = below = 0
        with suppress(OSError), os.scandir(folder) as entries:  # they come and go while we look
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    below += self._walk_run(entry.path, kind, sizes)
                else:
                    with suppress(OSError):
                        own += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
        sizes[kind] += own
        return own + below

    def _walk_run(self, folder: str, kind: str, sizes: dict[str, int]) -> int:
        if folder in self._closed:
            sizes[kind] += self._closed[folder]
            return self._closed[folder]
        size = self._walk(folder, kind, sizes)
        if folder in self._closing:
            self._closing.discard(folder)
            self._closed[folder] = size
        return size
