"""A file system of the lane's own, which can be full: in memory, mounted for as long as the lane lasts.

Everything of the lane's home stands on it: scratch and spill, a local store, Dagster's databases. What
the lane itself writes stands elsewhere.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING

from platform_assets.errors import FaultNotInjected

if TYPE_CHECKING:
    from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
#: Gone from the tree at once, and in truth when nobody uses it any more.
_DETACH = 2
_REMOUNT = 32


class Volume:
    """A volume at a folder, of so many bytes."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self._size = size

    def mount(self) -> None:
        """Mount it.

        Raises:
            FaultNotInjected: this process may not.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        options = f"size={self._size},mode=0755".encode()
        if _LIBC.mount(b"lane", os.fsencode(self.folder), b"tmpfs", 0, options):
            raise FaultNotInjected(
                f"volume of {self._size:,} bytes at {self.folder}",
                expected="to be mounted",
                found=os.strerror(ctypes.get_errno()),
                remedy="Run the lane as root, in a container with the capability SYS_ADMIN, or leave "
                "`full_disk` out.",
            )

    def resize(self, size: int) -> None:
        """Give it another size; what stands on it stays."""
        options = f"size={size}".encode()
        if _LIBC.mount(b"lane", os.fsencode(self.folder), b"tmpfs", _REMOUNT, options):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(self.folder))

    def unmount(self) -> None:
        """Unmount it; what stood on it is gone."""
        _LIBC.umount2(os.fsencode(self.folder), _DETACH)
