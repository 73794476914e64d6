"""A disk that takes no more: a file of ballast fills the lane's volume, and goes on to fill it.

What the system deletes meanwhile makes no room: the ballast takes it at once.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from platform_assets.lanes.faults.fault import Injected

if TYPE_CHECKING:
    from platform_assets.lanes.faults.volume import Volume

_LOOK_SECONDS = 0.1
#: What the ballast grows by, as long as there is room for it.
_SIZES = (64 << 20, 1 << 20, 4 << 10)


class FullDisk(Injected):
    """The volume is full until it is healed."""

    def __init__(self, volume: Volume) -> None:
        self._folder = volume.folder
        self._ballast = volume.folder / ".ballast"
        self._relieved = threading.Event()
        self._filling = threading.Thread(target=self._fill_on, name="ballast", daemon=True)

    def strike(self) -> str:
        """Fill it."""
        self._fill()
        self._filling.start()
        return f"{self._ballast.stat().st_size:,} bytes of ballast"

    def heal(self) -> None:
        """Take the ballast away."""
        self._relieved.set()
        self._filling.join()
        self._ballast.unlink()

    def _fill_on(self) -> None:
        while not self._relieved.wait(_LOOK_SECONDS):
            self._fill()

    def _fill(self) -> None:
        with self._ballast.open("ab") as ballast:
            for size in _SIZES:
                with suppress(OSError):  # no room for one more of this size
                    while os.statvfs(self._folder).f_bavail:
                        end = ballast.seek(0, os.SEEK_END)
                        os.posix_fallocate(ballast.fileno(), end, size)
