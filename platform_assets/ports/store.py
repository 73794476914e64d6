"""The store of records and parts: create-only writes, reads, listings.

A path is relative, with forward slashes, and never climbs. An object, once created, does not change.
Creation is atomic: an object is either absent or whole, also after a crash, and among racing creators
exactly one succeeds. There is no delete and no overwrite.

An answer that is cut short or altered on its way is an error, never data. An error of the store is
never taken for "nothing is there".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What identifies the stored bytes without reading them.

    ``version`` changes whenever the bytes may have changed (inode and mtime on a disk, version id
    and ETag in an object store), so a verification may be remembered under it.
    """

    path: str
    size: int
    version: str


class Store(Protocol):
    """Create-only object storage. Threads may share one."""

    @property
    def identity(self) -> str:
        """Name the store for memories within a process: of one name, the same objects."""
        ...

    def create(self, path: str, data: bytes) -> None:
        """Write a new object, durable when this returns.

        Raises:
            AlreadyExists: the path is taken, also where it is taken by the same bytes.
            UnknownOutcome: the write may or may not have taken effect; read it back.
        """
        ...

    def create_from(self, path: str, source: Path) -> None:
        """Write a new object from a local file, durable when this returns.

        The file may be moved into the store; the caller must not use it afterwards.

        Raises:
            AlreadyExists: the path is taken.
            UnknownOutcome: the write may or may not have taken effect; read it back.
        """
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            ObjectMissing: nothing is there.
        """
        ...

    def read_all(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return path -> bytes of those objects that are there, read as fast as the store allows."""
        ...

    def stat(self, path: str) -> ObjectStat:
        """Return size and version of an object.

        Raises:
            ObjectMissing: nothing is there.
            PartNotRegular: the path is a link or no regular file.
        """
        ...

    def exists(self, path: str) -> bool:
        """Tell whether an object is there."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Return the sorted paths of all objects below a folder; none for a folder that is not."""
        ...

    def local_path(self, path: str) -> Path:
        """Return a local file with the object's bytes, for engines that read files.

        It stays while this process lives, and nobody may write to it. Where it is a copy, it is a whole
        one; whoever relies on its bytes compares their hash.

        Raises:
            ObjectMissing: nothing is there.
            PartNotRegular: the path is a link or no regular file.
        """
        ...

    def make_durable(self, prefix: str) -> None:
        """Make every object below a folder survive a power loss, whoever created it.

        What this process created is durable already; what another one did may be visible sooner.
        """
        ...
