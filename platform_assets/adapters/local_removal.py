"""Deleting parts from a store on a local disk: unlink, then sync the folder.

No step follows a symbolic link, so that nothing outside the store can be deleted through one. What is
there and is no regular file is not a part of ours and stays.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from platform_assets.adapters.local_folders import Folders, not_regular
from platform_assets.errors import DependencyUnreachable, ObjectMissing, RemovalDenied
from platform_assets.ports.removal import require_part

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class LocalRemoval:
    """Deletes parts below one directory."""

    def __init__(self, root: Path) -> None:
        """Use the directory of the store."""
        self._root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links
        self._folders = Folders(self._root)

    def remove(self, path: str) -> None:
        """Delete one part and sync its folder; its absence is success.

        Raises:
            InvalidName: the path is not that of a part.
            PartNotRegular: a link or something else than a regular file stands there.
            RemovalDenied: this user may not delete there, or the file is immutable.
            DependencyUnreachable: the disk fails; delete it again.
        """
        *segments, name = require_part(path).split("/")
        try:
            with self._folders.open(tuple(segments)) as folder:
                if not stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
                    raise not_regular(path, "something else than a regular file")
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)
        except (ObjectMissing, FileNotFoundError):
            return
        except OSError as error:
            raise self._failed(path, error) from error

    def _failed(self, path: str, error: OSError) -> RemovalDenied | DependencyUnreachable:
        found = f"{error.strerror or error}; it is still there"
        if error.errno in _DENIED:
            return RemovalDenied(
                path,
                expected=f"to be deleted from the store at {self._root}",
                found=found,
                remedy="Give this user the right to delete there, then run the teardown again.",
            )
        return DependencyUnreachable(
            path,
            expected=f"to be deleted from the store at {self._root}",
            found=error.strerror or str(error),
            remedy="Look at the disk, then run the teardown again.",
        )
