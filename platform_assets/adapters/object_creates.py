"""Creating objects in a bucket: once, and never told wrongly.

An object is created by one request with ``If-None-Match: *`` (Google: generation 0), which the library
does not repeat. What may pass is tried again here, after a look:

- 412: something stands there. If an earlier try of the same create got no clear answer, it may be its
  own success: then the outcome is unknown, and the caller reads back.
- 409: another write is under way, or something stands there. Look, and try again.
- no answer, or an error of the server: look. If something stands there, the outcome is unknown; if
  nothing does, try again. After as long as an answer may take, the outcome is unknown.
- anything else is an error of its own, and nothing was written.

There are stores that ignore the condition, or do so in buckets with versions, and would let two closers
of a run each have a seal. So before its first create a process tries it, on a hidden object of its own:
where that can be created twice, nothing else is created.
"""

from __future__ import annotations

import hashlib
import mmap
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import obstore

from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.adapters.local_folders import opened_file, taken
from platform_assets.adapters.object_answers import CLIENT_ERRORS, Answer, Asked, Fault, fault_of
from platform_assets.adapters.object_uploads import (
    PIECE_BYTES,
    PROBE,
    PROBE_BYTES,
    SHA256_METADATA,
)
from platform_assets.errors import AlreadyExists, DependencyUnreachable, UnknownOutcome
from platform_assets.ports.removal import kind_of_part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.adapters.object_bucket import Bucket
    from platform_assets.adapters.object_reads import ObjectReads

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0


class ObjectCreates:
    """Creates in one bucket, by as many threads as like."""

    def __init__(self, bucket: Bucket, reads: ObjectReads) -> None:
        self._bucket = bucket
        self._reads = reads
        self._create_only = False

    def from_bytes(self, path: str, data: bytes) -> None:
        """Create an object, a record under a lock where the settings want one."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._create(path, lambda: self._put(path, data, sha256))

    def from_file(self, path: str, source: Path) -> None:
        """Create an object from a local file, a large one in pieces; then the file is removed."""
        with opened_file(source, str(source)):
            size, sha256 = source.stat().st_size, sha256_file(source)
        if size <= PIECE_BYTES:
            self.from_bytes(path, source.read_bytes())
        elif self._reads.stands(path):
            raise taken(path)  # saves sending the bytes of a race that is lost already
        else:
            self._create(path, lambda: self._put_large(path, source, size, sha256))
        with suppress(OSError):  # the object stands; a source left behind harms nothing
            source.unlink()

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
        try:
            self._require_create_only()
        except UnknownOutcome as error:
            raise asked.unknown(error.found) from error
        self._tried(asked, path, put)

    def _require_create_only(self) -> None:
        """See once that a second create of an object is turned down."""
        if self._create_only:
            return
        asked = self._bucket.asked("create", PROBE)
        for _ in range(2):
            try:
                self._tried(
                    asked, PROBE, lambda: _put(self._bucket.clients.creates, PROBE, PROBE_BYTES)
                )
            except AlreadyExists:
                self._create_only = True
                return
        raise asked.overwriting()

    def _tried(self, asked: Asked, path: str, put: Callable[[], None]) -> None:
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
            there = self._reads.stands(path)
        except DependencyUnreachable as error:
            raise asked.unknown(f"{fault.told}, and then {error.found}") from error
        if there and fault.answer is Answer.CONFLICT and not unclear:
            raise taken(path)
        if there:
            raise asked.unknown(f"{unclear or fault.told}, and an object that stands there")


def _put(client: Any, path: str, body: bytes | mmap.mmap, sha256: str = "") -> None:
    recorded = {SHA256_METADATA: sha256} if sha256 else None
    obstore.put(client, path, body, mode="create", attributes=recorded)


def _pause(tries: int) -> float:
    """Return a pause of random length below a bound that doubles with every try."""
    bound = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(tries, 16))
    return random.uniform(0, bound)  # noqa: S311 - spreads clients; nothing is kept secret by it
