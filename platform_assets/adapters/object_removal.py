"""Deleting parts from an object store, every version of them.

In a bucket of S3 with versioning a plain deletion only hides an object: its bytes stay as an older
version. So every version of a part's key is deleted by its id, and so are the markers that hide one.
Google and Azure delete the object; whether they keep a copy for some days is a setting of the bucket
("soft delete"), which a program that may delete cannot see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import obstore

from platform_assets.adapters.object_answers import CLIENT_ERRORS, Answer, fault_of
from platform_assets.adapters.object_bucket import Bucket
from platform_assets.errors import RemovalDenied, UnknownOutcome
from platform_assets.ports.removal import require_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.adapters.object_address import Address
    from platform_assets.errors import PlatformError
    from platform_assets.settings import ObjectStoreSettings

_NEEDED = "s3:ListBucketVersions and s3:DeleteObjectVersion, or the provider's own right to delete"


class ObjectRemoval:
    """Deletes parts below one prefix of one bucket."""

    def __init__(self, address: Address, options: ObjectStoreSettings) -> None:
        """Use a bucket that exists; nothing is asked of it before the first part."""
        self._bucket = Bucket(address, options)

    def remove(self, path: str) -> None:
        """Delete one part with all its versions; its absence is success.

        Raises:
            InvalidName: the path is not that of a part.
            RemovalDenied: the client may not, or an object lock or a hold stands against it.
            UnknownOutcome: it cannot be told whether all of it is gone; delete it again.
            DependencyUnreachable: there is no such bucket.
        """
        key = self._bucket.address.key(require_part(path))
        try:
            s3 = self._bucket.clients.s3
            if s3 is None:
                obstore.delete(self._bucket.clients.reads, path)  # knows its prefix
                return
            for version in list(_versions(s3.repeating, self._bucket.address.bucket, key)):
                s3.repeating.delete_object(
                    Bucket=self._bucket.address.bucket, Key=key, VersionId=version
                )
        except CLIENT_ERRORS as error:
            failed = self._failed(path, error)
            if failed is not None:
                raise failed from error

    def _failed(self, path: str, error: Exception) -> PlatformError | None:
        fault = fault_of(error)
        thing = f"{self._bucket.address.key(path)} in {self._bucket.identity}"
        match fault.answer:
            case Answer.ABSENT:
                return None
            case Answer.DENIED | Answer.REFUSED | Answer.CONFLICT:
                return RemovalDenied(
                    thing,
                    expected=f"to be deleted with all its versions ({_NEEDED})",
                    found=f"{fault.told}; it may still be there",
                    remedy="Allow it, or wait until the object's lock or hold has ended, then run the "
                    "teardown again.",
                )
            case Answer.ELSEWHERE:
                return self._bucket.asked("list", path).elsewhere(fault)
            case _:
                return UnknownOutcome(
                    thing,
                    expected="an answer to its deletion",
                    found=fault.told,
                    remedy="Run the teardown again when the store answers; it goes on where it was.",
                )


def _versions(client: Any, bucket: str, key: str) -> Iterator[str]:
    """Yield the id of every version of a key, and of every marker that hides one."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
    for page in pages:
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            if entry["Key"] == key:
                yield entry["VersionId"]
