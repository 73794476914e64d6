"""What S3 needs beyond one plain request: large parts in pieces, and objects under a lock.

A large part is uploaded in pieces, each with its SHA-256, and becomes an object by one completion that
carries ``If-None-Match: *``. S3 itself keeps to that; some compatible stores ignore it at a completion
and would overwrite. So before the first large part it is tried: a completion over an object of the
platform's own, under a hidden name, has to be turned down. Where it is not, large parts are sent whole,
in one request, which is create-only there too.

A locked object cannot be deleted, by retention, until the day that was given with it.
"""

from __future__ import annotations

import base64
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from platform_assets.adapters.object_answers import Answer, fault_of
from platform_assets.errors import SettingsInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.adapters.object_address import Address
    from platform_assets.adapters.object_clients import S3Clients
    from platform_assets.settings import ObjectStoreSettings

PIECE_BYTES = 16 * 2**20
_MOST_PIECES = 10_000
_UPLOADS_AT_ONCE = 4
#: A hidden object of the store's own, to see what a second create of it does.
PROBE = ".create-only-probe"
PROBE_BYTES = b"tells whether a second create overwrites\n"
SHA256_METADATA = "sha256"


class S3Uploads:
    """Create-only uploads into one bucket. Errors of the client library come out as they are."""

    def __init__(self, clients: S3Clients, address: Address, options: ObjectStoreSettings) -> None:
        self._clients = clients
        self._address = address
        self._options = options
        self._guard = Lock()
        self._in_pieces: bool | None = None
        self._lockable: bool | None = None

    @property
    def locks(self) -> bool:
        """Whether records are created under a lock of their own.

        Raises:
            SettingsInvalid: it is wanted, and the bucket has no object lock.
        """
        if self._options.lock_days is None:
            return False
        with self._guard:
            if self._lockable is None:
                self._lockable = self._bucket_locks()
        if not self._lockable:
            raise SettingsInvalid(
                f"object_store.lock_days for {self._address}",
                expected="a bucket with object lock",
                found="one without",
                remedy="Make a bucket with object lock, or take `lock_days` out of platform.yaml.",
            )
        return True

    def create_locked(self, path: str, data: bytes, sha256: str) -> None:
        """Create an object that stays for as many days as the settings say."""
        days = timedelta(days=self._options.lock_days or 0)
        self._clients.once.put_object(
            **self._named(path),
            Body=data,
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",  # a lock is granted only to what says how it is checked
            ChecksumSHA256=_in_base64(sha256),
            Metadata={SHA256_METADATA: sha256},
            ObjectLockMode=self._options.lock_mode,
            ObjectLockRetainUntilDate=datetime.now(UTC) + days,
        )

    def create_large(self, path: str, file: Path, size: int, sha256: str) -> None:
        """Create an object from a file, in pieces where the store completes them create-only."""
        if self._completes_create_only():
            self._create_in_pieces(path, file, size, sha256)
            return
        with file.open("rb") as body:
            self._clients.once.put_object(
                **self._named(path),
                Body=body,
                IfNoneMatch="*",
                ChecksumSHA256=_in_base64(sha256),
                Metadata={SHA256_METADATA: sha256},
            )

    def _create_in_pieces(self, path: str, file: Path, size: int, sha256: str) -> None:
        upload = self._begin(path, sha256)
        length = max(PIECE_BYTES, -(-size // _MOST_PIECES))
        source = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
                pieces = list(
                    pool.map(
                        lambda number: self._send(
                            upload, number, os.pread(source, length, (number - 1) * length)
                        ),
                        range(1, -(-size // length) + 1),
                    )
                )
        except BaseException:
            with suppress(BotoCoreError, ClientError):  # a lifecycle rule ends what stays behind
                self._clients.once.abort_multipart_upload(**upload)
            raise
        finally:
            os.close(source)
        self._complete(upload, pieces)

    def _begin(self, path: str, sha256: str) -> dict[str, str]:
        named = self._named(path)
        begun = self._clients.repeating.create_multipart_upload(
            **named, ChecksumAlgorithm="SHA256", Metadata={SHA256_METADATA: sha256}
        )
        return {**named, "UploadId": begun["UploadId"]}

    def _send(self, upload: dict[str, str], number: int, data: bytes) -> dict[str, Any]:
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        sent = self._clients.repeating.upload_part(
            **upload, PartNumber=number, Body=data, ChecksumSHA256=checksum
        )
        return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def _complete(self, upload: dict[str, str], pieces: list[dict[str, Any]]) -> None:
        try:
            self._clients.once.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": pieces}, IfNoneMatch="*"
            )
        except ClientError as error:
            if fault_of(error).answer is not Answer.UNCLEAR:
                with suppress(BotoCoreError, ClientError):
                    self._clients.once.abort_multipart_upload(**upload)
            raise

    def _completes_create_only(self) -> bool:
        """Tell whether the store turns a completion down where an object stands; asked once."""
        with self._guard:
            if self._in_pieces is None:
                self._in_pieces = self._probe()
            return self._in_pieces

    def _probe(self) -> bool:
        """Complete an upload over the object that the store created before any other."""
        upload = self._begin(PROBE, hashlib.sha256(PROBE_BYTES).hexdigest())
        piece = self._send(upload, 1, PROBE_BYTES)
        try:
            self._complete(upload, [piece])
        except ClientError as error:
            if fault_of(error).answer is not Answer.TAKEN:
                raise
            return True
        return False

    def _bucket_locks(self) -> bool:
        try:
            found = self._clients.repeating.get_object_lock_configuration(
                Bucket=self._address.bucket
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _NO_LOCK:
                return False
            raise
        enabled = found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled")
        return bool(enabled == "Enabled")

    def _named(self, path: str) -> dict[str, str]:
        return {"Bucket": self._address.bucket, "Key": self._address.key(path)}


_NO_LOCK = ("ObjectLockConfigurationNotFoundError", "NotImplemented", "InvalidRequest")


def _in_base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
