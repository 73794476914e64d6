"""A real file system of a few megabytes, which a test fills to the last page or makes read-only."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = 4096
_SECONDS = 30
_BALLAST = "ballast"


class SmallDisk:
    """A mounted tmpfs. Files of the test stand in `folder`, beside what takes the space away."""

    def __init__(self, mount: Path) -> None:
        self._mount = mount
        self.folder = mount / "disk"
        self.folder.mkdir()

    def fill(self, *, free_pages: int = 0) -> None:
        """Take all the space but so many pages."""
        stat = os.statvfs(self._mount)
        left = stat.f_bavail * stat.f_frsize - free_pages * PAGE
        if left > 0:
            with (self._mount / _BALLAST).open("ab") as ballast:
                os.posix_fallocate(ballast.fileno(), ballast.tell(), left)

    def relieve(self) -> None:
        """Give the space back, and make the file system writable."""
        self._remount("rw")
        (self._mount / _BALLAST).unlink(missing_ok=True)

    def refuse_writes(self) -> None:
        """Make the file system read-only."""
        self._remount("ro")

    def _remount(self, mode: str) -> None:
        command = ["mount", "-o", f"remount,{mode}", str(self._mount)]
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)


@contextmanager
def small_disk(mount: Path, *, megabytes: int = 4) -> Iterator[SmallDisk]:
    """Mount a small file system; the test is skipped where nothing may be mounted."""
    mount.mkdir(parents=True)
    options = f"size={megabytes}m,mode=755"
    command = ["mount", "-t", "tmpfs", "-o", options, "tests", str(mount)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(mount)
    finally:
        command = ["umount", "-l", str(mount)]
        subprocess.run(command, check=True, timeout=_SECONDS)
