"""A store in a bucket of S3, of what is compatible with S3, of Google or of Azure.

How objects are created and read stands in `object_creates` and `object_reads`. Nothing is asked of the
bucket before the first object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.object_bucket import Bucket
from platform_assets.adapters.object_creates import ObjectCreates
from platform_assets.adapters.object_paths import check_object_path, check_prefix
from platform_assets.adapters.object_reads import ObjectReads

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platform_assets.adapters.object_address import Address
    from platform_assets.adapters.object_cache import ObjectCache
    from platform_assets.ports.store import ObjectStat
    from platform_assets.settings import ObjectStoreSettings


class ObjectStore:
    """Create-only objects below one prefix of one bucket. Threads and processes may share it."""

    def __init__(self, address: Address, options: ObjectStoreSettings, cache: ObjectCache) -> None:
        """Use a bucket that exists; nothing is asked of it before the first object."""
        self._bucket = Bucket(address, options)
        self._reads = ObjectReads(self._bucket)
        self._creates = ObjectCreates(self._bucket, self._reads)
        self._cache = cache

    @property
    def identity(self) -> str:
        """The address, and the endpoint where it is not the provider's own."""
        return self._bucket.identity

    def create(self, path: str, data: bytes) -> None:
        """Write a new object, durable when this returns.

        Raises:
            AlreadyExists: the path is taken, also where it is taken by the same bytes.
            UnknownOutcome: the write may or may not have taken effect; read it back.
            StoreDenied, StoreUnwritable: the store does not take it; nothing was written.
        """
        check_object_path(path)
        self._creates.from_bytes(path, data)

    def create_from(self, path: str, source: Path) -> None:
        """Write a new object from a local file, a large one in pieces; the file is gone afterwards.

        Raises:
            AlreadyExists: the path is taken; the source stays.
            ObjectMissing: the source does not exist.
            PartNotRegular: the source is a link or no regular file.
            UnknownOutcome: the write may or may not have taken effect; read it back.
            StoreDenied, StoreUnwritable: the store does not take it; nothing was written.
        """
        check_object_path(path)
        self._creates.from_file(path, source)

    def read(self, path: str) -> bytes:
        """Return the bytes of an object, compared with what was recorded with it.

        Raises:
            ObjectMissing: nothing is there.
            AnswerAltered: what came is not what was stored.
            StoreDenied, DependencyUnreachable: there was no answer.
        """
        return self._reads.read(path)

    def read_all(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return path -> bytes of those objects that are there, many at once."""
        return self._reads.read_all(paths)

    def stat(self, path: str) -> ObjectStat:
        """Return size and version of an object.

        Raises:
            ObjectMissing: nothing is there.
            StoreDenied, DependencyUnreachable: there was no answer.
        """
        return self._reads.stat(path)

    def exists(self, path: str) -> bool:
        """Tell whether an object is there."""
        check_object_path(path)
        return self._reads.stands(path)

    def list(self, prefix: str) -> list[str]:
        """Return the sorted paths below a folder; names that no store of ours writes are left out.

        Raises:
            StoreDenied, DependencyUnreachable: there was no answer.
        """
        return self._reads.list(prefix)

    def local_path(self, path: str) -> Path:
        """Return a local copy of an object, which stays while this process lives.

        Raises:
            ObjectMissing: nothing is there.
            AnswerAltered: what came is not what was stored.
            StoreDenied, DependencyUnreachable: there was no answer.
        """
        stat = self._reads.stat(path)
        return self._cache.copy(
            self.identity,
            path,
            stat.version,
            stat.size,
            lambda new: self._reads.download(stat, new),
        )

    def make_durable(self, prefix: str) -> None:
        """Do nothing: what can be seen in an object store is durable."""
        check_prefix(prefix)
