"""A store on a local disk.

An object is written under a unique name in a hidden folder of the same file system, synced, and
linked to its path; the link is the one act that creates it, and it fails where the path is taken.
Then the folder is synced. A crash leaves either no object or a whole one, and at most an unlisted
temporary file. Objects are read-only (0444) and are never reached through a symbolic link.

An error before the link means that nothing was written. An error after it means that the object is
there but perhaps not durable, and only that is an unknown outcome.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.adapters.local_folders import (
    FOLDER_FLAGS,
    Folders,
    opened_file,
    sync_folder,
    taken,
)
from platform_assets.adapters.object_paths import check_object_path, check_prefix
from platform_assets.errors import (
    DependencyUnreachable,
    ObjectMissing,
    StoreUnwritable,
    UnknownOutcome,
)
from platform_assets.ports.store import ObjectStat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_INCOMING = ".incoming"
_OBJECT_MODE = 0o444
_COPY_BYTES = 1 << 20
_NOT_LINKABLE = {errno.EXDEV, errno.EPERM, errno.EMLINK}
_REMEDIES = {
    errno.ENOSPC: "Free space on the disk or move the store, then run the step again.",
    errno.EDQUOT: "Raise the quota or move the store, then run the step again.",
    errno.EROFS: "Mount the file system writable, then run the step again.",
    errno.EACCES: "Give this user write access to the store, then run the step again.",
    errno.EPERM: "Put the store on a file system with hard links that this user may write.",
    errno.EOPNOTSUPP: "Put the store on a file system with hard links.",
}


class LocalStore:
    """Create-only, durable objects below one directory. Threads and processes may share it."""

    def __init__(self, root: Path) -> None:
        """Use the directory, which is made when the first object is."""
        self._root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links
        self._folders = Folders(self._root)

    @property
    def identity(self) -> str:
        """The directory."""
        return str(self._root)

    def create(self, path: str, data: bytes) -> None:
        """Write a new object, durable when this returns.

        Raises:
            AlreadyExists: the path is taken, also where it is taken by the same bytes.
            StoreUnwritable: the disk is full, read-only or otherwise refuses; nothing was written.
            UnknownOutcome: the object is there; whether it survives a power loss is not known.
        """
        segments = check_object_path(path)
        with self._refusing_writes(path), self._folders.made(segments[:-1]) as folder:
            _refuse_taken(folder, path)
            with self._temporary() as (incoming, name, file):
                _write_all(file, data)
                _finish(file)
                _link(name, folder, path, source_folder=incoming)
            _sync(folder, path)

    def create_from(self, path: str, source: Path) -> None:
        """Write a new object from a local file, which is moved if it is on the same file system.

        Raises:
            AlreadyExists: the path is taken; the source stays.
            ObjectMissing: the source does not exist.
            PartNotRegular: the source is a link or no regular file.
            StoreUnwritable: the disk is full, read-only or otherwise refuses; nothing was written.
            UnknownOutcome: the object is there; whether it survives a power loss is not known.
        """
        segments = check_object_path(path)
        with (
            self._refusing_writes(path),
            self._folders.made(segments[:-1]) as folder,
            opened_file(source, str(source)) as file,
        ):
            _refuse_taken(folder, path)
            if not _link_source(source, file, folder, path):
                self._copy(file, folder, path)
            with suppress(OSError):  # the object stands; a source left behind harms nothing
                source.unlink()
            _sync(folder, path)

    def read(self, path: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            ObjectMissing: nothing is there.
            PartNotRegular: the path is a link, leads through one, or is no regular file.
        """
        with self._open(path) as file, os.fdopen(os.dup(file), "rb") as stream:
            return stream.read()

    def read_all(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return path -> bytes of those objects that are there.

        Raises:
            PartNotRegular: a path is a link, leads through one, or is no regular file.
        """
        found = {}
        for path in paths:
            with suppress(ObjectMissing):
                found[path] = self.read(path)
        return found

    def stat(self, path: str) -> ObjectStat:
        """Return size and version of an object; the version names inode, times and size.

        Raises:
            ObjectMissing: nothing is there.
            PartNotRegular: the path is a link, leads through one, or is no regular file.
        """
        with self._open(path) as file:
            found = os.fstat(file)
        version = f"{found.st_ino}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_size}"
        return ObjectStat(path, found.st_size, version)

    def exists(self, path: str) -> bool:
        """Tell whether anything but a folder is there; reading it may still be refused."""
        segments = check_object_path(path)
        try:
            with self._refusing_reads(path), self._folders.open(segments[:-1]) as folder:
                return not stat.S_ISDIR(os.lstat(segments[-1], dir_fd=folder).st_mode)
        except (FileNotFoundError, ObjectMissing):
            return False

    def list(self, prefix: str) -> list[str]:
        """Return the sorted paths below a folder. Links are listed, never followed."""
        segments = check_prefix(prefix)
        try:
            with self._refusing_reads(prefix), self._folders.open(segments):
                return sorted(_below(self._root.joinpath(*segments), "/".join(segments)))
        except ObjectMissing:
            return []

    def local_path(self, path: str) -> Path:
        """Return the object's own file. Nobody may write to it.

        Raises:
            ObjectMissing: nothing is there.
            PartNotRegular: the path is a link, leads through one, or is no regular file.
        """
        self.stat(path)
        return self._root / path

    def make_durable(self, prefix: str) -> None:
        """Sync the folders of every object below a folder."""
        for folder in {path.rpartition("/")[0] for path in self.list(prefix)}:
            with self._refusing_reads(folder or prefix):
                sync_folder(self._root / folder)

    @contextmanager
    def _open(self, path: str) -> Iterator[int]:
        segments = check_object_path(path)
        with (
            self._refusing_reads(path),
            self._folders.open(segments[:-1]) as folder,
            opened_file(segments[-1], path, folder) as file,
        ):
            yield file

    @contextmanager
    def _temporary(self) -> Iterator[tuple[int, str, int]]:
        """Open a new file in the hidden folder; its name is gone afterwards, linked or not."""
        (self._root / _INCOMING).mkdir(mode=0o700, exist_ok=True)
        incoming = os.open(self._root / _INCOMING, FOLDER_FLAGS)
        try:
            name = f"{os.getpid()}-{secrets.token_hex(16)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(name, flags, 0o600, dir_fd=incoming)
            try:
                yield incoming, name, file
            finally:
                os.close(file)
                with suppress(OSError):
                    os.unlink(name, dir_fd=incoming)
        finally:
            os.close(incoming)

    def _copy(self, file: int, folder: int, path: str) -> None:
        with (
            os.fdopen(os.dup(file), "rb") as reader,
            self._temporary() as (incoming, name, copy),
        ):
            with os.fdopen(os.dup(copy), "wb") as writer:
                shutil.copyfileobj(reader, writer, _COPY_BYTES)
            _finish(copy)
            _link(name, folder, path, source_folder=incoming)

    @contextmanager
    def _refusing_writes(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0, "Look at the disk, then run the step again.")
            raise StoreUnwritable(
                path,
                expected=f"a store at {self._root} that takes new objects",
                found=f"{error.strerror or error}; nothing was written",
                remedy=remedy,
            ) from error

    @contextmanager
    def _refusing_reads(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DependencyUnreachable(
                path,
                expected=f"a readable store at {self._root}",
                found=error.strerror or str(error),
                remedy="Give this user read access, look at the disk, then run the step again.",
            ) from error


def _below(folder: Path, prefix: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{prefix}/{entry.name}" if prefix else entry.name
            if path == _INCOMING:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _below(folder / entry.name, path)
            else:
                yield path


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _finish(file: int) -> None:
    os.fchmod(file, _OBJECT_MODE)
    os.fsync(file)


def _link(name: str | Path, folder: int, path: str, *, source_folder: int | None = None) -> None:
    target = path.rpartition("/")[2]
    try:
        os.link(name, target, src_dir_fd=source_folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        raise taken(path) from None


def _link_source(source: Path, file: int, folder: int, path: str) -> bool:
    """Sync the source and link it to the path; False where it has to be copied."""
    try:
        _finish(file)
        _link(source, folder, path)
    except OSError as error:
        if error.errno in _NOT_LINKABLE:
            return False
        raise
    return True


def _refuse_taken(folder: int, path: str) -> None:
    # Saves writing the bytes of a race that is lost already; the link decides all the same.
    with suppress(FileNotFoundError):
        os.lstat(path.rpartition("/")[2], dir_fd=folder)
        raise taken(path)


def _sync(folder: int, path: str) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        raise UnknownOutcome(
            path,
            expected="the folder's entry on disk",
            found=f"{error.strerror} while syncing it, after the object was created",
            remedy="Check the disk, then run the step again; it reads back what stands there.",
        ) from error
