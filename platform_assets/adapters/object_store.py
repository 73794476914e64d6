"""A store in a bucket of S3, of what is compatible with S3, of Google or of Azure.

An object is created by one request with ``If-None-Match: *`` (Google: generation 0), which the library
does not repeat. What may pass is tried again here, after a look:

- 412: something stands there. If an earlier try of the same create got no clear answer, it may be its
  own success: then the outcome is unknown, and the caller reads back.
- 409: another write is under way, or something stands there. Look, and try again.
- no answer, or an error of the server: look. If something stands there, the outcome is unknown; if
  nothing does, try again. After as long as an answer may take, the outcome is unknown.
- anything else is an error of its own, and nothing was written.
"""

from __future__ import annotations

import hashlib
import mmap
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import obstore

from platform_assets.adapters.local_folders import opened_file, taken
from platform_assets.adapters.object_answers import CLIENT_ERRORS, Answer, Asked, Fault, fault_of
from platform_assets.adapters.object_bucket import Bucket
from platform_assets.adapters.object_paths import check_object_path, check_prefix
from platform_assets.adapters.object_reads import ObjectReads
from platform_assets.adapters.object_uploads import PIECE_BYTES, SHA256_METADATA
from platform_assets.adapters.parts import sha256_file
from platform_assets.errors import DependencyUnreachable, ObjectMissing
from platform_assets.ports.removal import kind_of_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from platform_assets.adapters.object_address import Address
    from platform_assets.adapters.object_cache import ObjectCache
    from platform_assets.ports.store import ObjectStat
    from platform_assets.settings import ObjectStoreSettings

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0


class ObjectStore:
    """Create-only objects below one prefix of one bucket. Threads and processes may share it."""

    def __init__(self, address: Address, options: ObjectStoreSettings, cache: ObjectCache) -> None:
        """Use a bucket that exists; nothing is asked of it before the first object."""
        self._bucket = Bucket(address, options)
        self._reads = ObjectReads(self._bucket)
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
        sha256 = hashlib.sha256(data).hexdigest()
        self._create(path, lambda: self._put(path, data, sha256))

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
        with opened_file(source, str(source)):
            size, sha256 = source.stat().st_size, sha256_file(source)
        if size <= PIECE_BYTES:
            data = source.read_bytes()
            self._create(path, lambda: self._put(path, data, sha256))
        elif self.exists(path):
            raise taken(path)  # saves sending the bytes of a race that is lost already
        else:
            self._create(path, lambda: self._put_large(path, source, size, sha256))
        with suppress(OSError):  # the object stands; a source left behind harms nothing
            source.unlink()

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
        try:
            self._reads.stat(path)
        except ObjectMissing:
            return False
        return True

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

    def _put(self, path: str, data: bytes, sha256: str) -> None:
        uploads = self._bucket.uploads
        if uploads is not None and uploads.locks and kind_of_part(path) is None:
            uploads.create_locked(path, data, sha256)
        else:
            _put(self._bucket.clients.creates, path, data, sha256)

    def _put_large(self, path: str, source: Path, size: int, sha256: str) -> None:
        uploads = self._bucket.uploads
        if uploads is not None:
            uploads.create_large(path, source, size, sha256)
            return
        with source.open("rb") as file:
            # Not closed by hand: the client may hold on to it for as long as its error is looked at.
            body = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        _put(self._bucket.clients.large_creates, path, body, sha256)

    def _create(self, path: str, put: Callable[[], None]) -> None:
        asked = self._bucket.asked("create", path)
        deadline = time.monotonic() + self._bucket.options.timeout_seconds
        unclear, tries = "", 0
        while True:
            tries += 1
            try:
                put()
            except CLIENT_ERRORS as error:
                fault = fault_of(error)
                self._require_free(asked, path, fault, unclear)
                if fault.answer is Answer.UNCLEAR:
                    unclear = fault.told
                pause = _pause(tries)
                if time.monotonic() + pause >= deadline:
                    raise asked.unknown(f"{fault.told}, {tries} times") from error
            else:
                return
            time.sleep(pause)

    def _require_free(self, asked: Asked, path: str, fault: Fault, unclear: str) -> None:
        """Return where a create is to be tried again; raise where that is wrong or of no use."""
        match fault.answer:
            case Answer.TAKEN if not unclear:
                raise taken(path)
            case Answer.TAKEN:
                raise asked.unknown(f"{unclear}, and then an object, perhaps by that very try")
            case Answer.CONFLICT | Answer.UNCLEAR:
                self._look(asked, path, fault, unclear)
            case Answer.DENIED:
                raise asked.denied(fault)
            case Answer.ELSEWHERE | Answer.ABSENT:  # of a create, only a bucket can be absent
                raise asked.elsewhere(fault)
            case Answer.REFUSED:
                raise asked.refused(fault)

    def _look(self, asked: Asked, path: str, fault: Fault, unclear: str) -> None:
        try:
            there = self.exists(path)
        except DependencyUnreachable as error:
            raise asked.unknown(f"{fault.told}, and then {error.found}") from error
        if there and fault.answer is Answer.CONFLICT and not unclear:
            raise taken(path)
        if there:
            raise asked.unknown(f"{unclear or fault.told}, and an object that stands there")


def _put(client: Any, path: str, body: bytes | mmap.mmap, sha256: str) -> None:
    obstore.put(client, path, body, mode="create", attributes={SHA256_METADATA: sha256})


def _pause(tries: int) -> float:
    """Return a pause of random length below a bound that doubles with every try."""
    bound = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(tries, 16))
    return random.uniform(0, bound)  # noqa: S311 - spreads clients; nothing is kept secret by it
