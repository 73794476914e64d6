"""Reading from a bucket: an object, what identifies it, or a listing.

With each object its SHA-256 was recorded, and it is compared whenever the object is read: an answer
that was cut or altered is read again, and then an error. An object that somebody restored without it is
compared by its size alone; whoever relies on its bytes compares them with a record or a signature, as
for every store.

A question for an object does not tell an absent object from an absent bucket. So the first object that
is not there is an occasion to see that the bucket is.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import obstore
from obstore.exceptions import InvalidPathError

from platform_assets.adapters.local_folders import missing
from platform_assets.adapters.object_answers import CLIENT_ERRORS, Answer, Asked, Fault, fault_of
from platform_assets.adapters.object_paths import check_object_path, check_prefix
from platform_assets.adapters.object_uploads import PIECE_BYTES, SHA256_METADATA
from platform_assets.errors import InvalidName, ObjectMissing
from platform_assets.ports.store import ObjectStat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from platform_assets.adapters.object_bucket import Bucket

_READS_AT_ONCE = 16
_READ_TRIES = 3
_T = TypeVar("_T")


class ObjectReads:
    """Reads of one bucket, by as many threads as like."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._seen = False

    def read(self, path: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            ObjectMissing: nothing is there.
            AnswerAltered: what came is not what was stored.
            StoreDenied, DependencyUnreachable: there was no answer.
        """
        check_object_path(path)
        asked = self._bucket.asked("read", path)
        wrong = ""
        for _ in range(_READ_TRIES):
            data, wrong = self._answered(asked, path, lambda: self._whole(path))
            if not wrong:
                return data
        raise asked.altered(wrong)

    def read_all(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return path -> bytes of those objects that are there, many at once."""

        def found(path: str) -> bytes | None:
            with suppress(ObjectMissing):
                return self.read(path)
            return None

        wanted = list(paths)
        if len(wanted) < 2:  # noqa: PLR2004 - a thread for one object costs more than it saves
            read = [found(path) for path in wanted]
        else:
            with ThreadPoolExecutor(min(_READS_AT_ONCE, len(wanted))) as pool:
                read = list(pool.map(found, wanted))
        return {path: data for path, data in zip(wanted, read, strict=True) if data is not None}

    def stat(self, path: str) -> ObjectStat:
        """Return size and version of an object; the version names version id, ETag, time and size.

        Raises:
            ObjectMissing: nothing is there.
            StoreDenied, DependencyUnreachable: there was no answer.
        """
        check_object_path(path)
        found = self._head(path)
        return ObjectStat(path, found["size"], _version(found))

    def stands(self, path: str) -> bool:
        """Tell whether an object is there, also under a hidden name."""
        try:
            self._head(path)
        except ObjectMissing:
            return False
        return True

    def _head(self, path: str) -> Any:
        asked = self._bucket.asked("stat", path)
        return self._answered(asked, path, lambda: obstore.head(self._bucket.clients.reads, path))

    def list(self, prefix: str) -> list[str]:
        """Return the sorted paths below a folder; names that no store of ours writes are left out.

        Raises:
            StoreDenied, DependencyUnreachable: there was no answer.
        """
        folder = "/".join(check_prefix(prefix))
        asked = self._bucket.asked("list", folder)
        try:
            found = obstore.list(self._bucket.clients.reads, folder or None).collect()
        except InvalidPathError as error:
            raise asked.unreachable(
                Fault(
                    Answer.REFUSED, "a name with an empty segment, which the platform never writes"
                )
            ) from error
        except CLIENT_ERRORS as error:
            raise asked.reading(fault_of(error)) from error
        return sorted(entry["path"] for entry in found if _is_ours(entry["path"]))

    def download(self, stat: ObjectStat, new: Path) -> None:
        """Write the bytes of one version of an object into a new file.

        Raises:
            ObjectMissing: nothing is there.
            AnswerAltered: what came is not what was stored, or another version.
            StoreDenied, DependencyUnreachable: there was no answer.
        """
        asked = self._bucket.asked("read", stat.path)
        wrong = ""
        for _ in range(_READ_TRIES):
            wrong = self._answered(asked, stat.path, lambda: self._written(stat, new))
            if not wrong:
                return
        raise asked.altered(wrong)

    def _whole(self, path: str) -> tuple[bytes, str]:
        """Return an object's bytes and what is wrong with them."""
        found = obstore.get(self._bucket.clients.reads, path)
        data = bytes(found.bytes())
        return data, _difference(found, len(data), hashlib.sha256(data).hexdigest())

    def _written(self, stat: ObjectStat, new: Path) -> str:
        """Write an object's bytes to a file and return what is wrong with them."""
        found = obstore.get(self._bucket.clients.reads, stat.path)
        hashed, size = hashlib.sha256(), 0
        with new.open("wb") as file:
            for chunk in found.stream(min_chunk_size=PIECE_BYTES):
                file.write(chunk)
                hashed.update(chunk)
                size += len(chunk)
        if _version(found.meta) != stat.version:
            return f"version {_version(found.meta)} where {stat.version} was asked for"
        return _difference(found, size, hashed.hexdigest())

    def _answered(self, asked: Asked, path: str, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except CLIENT_ERRORS as error:
            fault = fault_of(error)
            if fault.answer is not Answer.ABSENT:
                raise asked.reading(fault) from error
        self._require_bucket()
        raise missing(path)

    def _require_bucket(self) -> None:
        if self._seen:
            return
        try:
            next(iter(obstore.list(self._bucket.clients.reads, chunk_size=1)), None)
        except InvalidPathError:
            pass  # a name that is not ours, in a bucket that is there
        except CLIENT_ERRORS as error:
            raise self._bucket.asked("list", "").reading(fault_of(error)) from error
        self._seen = True


def _version(meta: Any) -> str:
    moment = meta["last_modified"].isoformat()
    return f"{meta['version'] or ''}:{meta['e_tag'] or ''}:{moment}:{meta['size']}"


def _difference(found: Any, size: int, sha256: str) -> str:
    """Return how bytes differ from what was stored; nothing where they are the same."""
    if size != found.meta["size"]:
        return f"{size:,} bytes of {found.meta['size']:,}"
    recorded = found.attributes.get(SHA256_METADATA)
    if recorded is not None and recorded != sha256:
        return f"sha256 {sha256}, recorded {recorded}"
    return ""


def _is_ours(path: str) -> bool:
    try:
        check_object_path(path)
    except InvalidName:
        return False
    return True
