"""Folders of a local store, opened step by step.

No step follows a symbolic link, so that nothing below the root can lead out of it. A folder that is
made counts only when its entry in the folder above was synced; each process does that once per folder,
also for folders that it finds, because whoever made them may have crashed before syncing.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from platform_assets.errors import AlreadyExists, ObjectMissing, PartNotRegular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Of so many folders a process remembers that they were synced; a run makes about twenty.
_REMEMBERED = 4096
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not block us


class Folders:
    """The folders below one root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._durable: set[tuple[str, ...]] = set()

    @contextmanager
    def open(self, segments: tuple[str, ...]) -> Iterator[int]:
        """Open a folder that exists.

        Raises:
            ObjectMissing: it does not.
            PartNotRegular: a link stands in the way.
        """
        yield from self._walk(segments, make=False)

    @contextmanager
    def made(self, segments: tuple[str, ...]) -> Iterator[int]:
        """Open a folder, made durable with all above it.

        Raises:
            AlreadyExists: an object stands where a folder has to be.
            PartNotRegular: a link stands in the way.
        """
        self._make_root()
        yield from self._walk(segments, make=True)

    def _walk(self, segments: tuple[str, ...], *, make: bool) -> Iterator[int]:
        path = "/".join(segments)
        try:
            folder = os.open(
                self.root, FOLDER_FLAGS & ~os.O_NOFOLLOW
            )  # the root is the user's word
        except FileNotFoundError:
            raise missing(path or str(self.root)) from None
        try:
            for depth, name in enumerate(segments, start=1):
                below = self._step(folder, name, path, make=make)
                if make and segments[:depth] not in self._durable:
                    os.fsync(folder)
                    if len(self._durable) >= _REMEMBERED:
                        self._durable.clear()  # they are synced once more, should they be met again
                    self._durable.add(segments[:depth])
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)

    def _step(self, folder: int, name: str, path: str, *, make: bool) -> int:
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder)
        try:
            return os.open(name, FOLDER_FLAGS, dir_fd=folder)
        except FileNotFoundError:
            raise missing(path) from None
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            if stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
                raise not_regular(path, f"the symbolic link {name} in the way") from error
            raise (taken(path) if make else missing(path)) from error

    def _make_root(self) -> None:
        if () in self._durable:
            return
        absent = [self.root, *self.root.parents]
        absent = absent[: next(i for i, folder in enumerate(absent) if folder.exists())]
        for folder in reversed(absent):
            folder.mkdir(exist_ok=True)
            sync_folder(folder.parent)
        self._durable.add(())


@contextmanager
def opened_file(name: str | Path, path: str, folder: int | None = None) -> Iterator[int]:
    """Open a regular file for reading, in a folder if given, never through a link.

    Raises:
        ObjectMissing: nothing is there, or a folder.
        PartNotRegular: it is a link, a device, a FIFO or a socket.
    """
    try:
        file = os.open(name, _FILE_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise not_regular(path, "a symbolic link or a socket") from error
        raise
    try:
        mode = os.fstat(file).st_mode
        if stat.S_ISDIR(mode):
            raise missing(path)
        if not stat.S_ISREG(mode):
            raise not_regular(path, "something else than a regular file")
        yield file
    finally:
        os.close(file)


def sync_folder(folder: Path) -> None:
    """Sync the entries of a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def missing(path: str) -> ObjectMissing:
    """Say that nothing stands at the path."""
    return ObjectMissing(
        path,
        expected="an object",
        found="nothing",
        remedy="Run the step that writes it, or restore it from a copy of the evidence.",
    )


def taken(path: str) -> AlreadyExists:
    """Say that something stands at the path."""
    return AlreadyExists(
        path,
        expected="a path that is free",
        found="an object",
        remedy="Objects are created once. Read what stands there and decide.",
    )


def not_regular(path: str, found: str) -> PartNotRegular:
    """Say that what stands at the path, or leads to it, is no regular file or folder."""
    return PartNotRegular(
        path,
        expected="a regular file, reached through no link",
        found=found,
        remedy="Remove the link and restore the file itself from a copy of the evidence.",
    )
