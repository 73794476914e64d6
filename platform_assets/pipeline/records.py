"""Records in the store: validated when written and when read, created once.

Writing the record that already stands is agreement; writing another one in its place is a conflict.
After an unknown outcome the path is read back, so that a lost response is told from a lost write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes, digest_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    AlreadyExists,
    ObjectMissing,
    RecordConflict,
    RecordInvalid,
    RecordMissing,
    UnknownOutcome,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.ports.store import Store


def write_record(store: Store, path: str, record: Mapping[str, Any]) -> str:
    """Create a record and return its digest; the same record standing there already is success.

    Raises:
        RecordInvalid: the record does not meet the schema of its kind.
        RecordConflict: another record stands at the path.
        UnknownOutcome: the store does not say what stands at the path.
    """
    check_record(record, path)
    return write_bytes(store, path, canonical_bytes(record))


def write_bytes(store: Store, path: str, data: bytes) -> str:
    """Create an object and return its digest; the same bytes standing there already are success.

    Raises:
        RecordConflict: other bytes stand at the path.
        UnknownOutcome: the store does not say what stands at the path.
    """
    try:
        store.create(path, data)
    except (AlreadyExists, UnknownOutcome) as error:
        try:
            standing = store.read(path)
        except ObjectMissing:
            raise error from None
        if standing != data:
            raise RecordConflict(
                path,
                expected=f"nothing, or the same bytes ({digest_bytes(data)})",
                found=f"other bytes ({digest_bytes(standing)})",
                remedy="Records are created once. Look at what stands there: platform-assets show.",
            ) from error
    return digest_bytes(data)


def read_record(store: Store, path: str, kind: str) -> dict[str, Any]:
    """Read a record of one kind.

    Raises:
        RecordMissing: nothing stands at the path.
        RecordNotCanonical, RecordInvalid: what stands there is not a valid record of that kind.
    """
    try:
        data = store.read(path)
    except ObjectMissing as error:
        raise RecordMissing(
            path,
            expected=f"the {kind} record",
            found="nothing",
            remedy="Run the step that writes it: platform-assets run FEED.",
        ) from error
    return parse_record(data, path, kind)


def parse_record(data: bytes, path: str, kind: str) -> dict[str, Any]:
    """Parse and validate the bytes of a record of one kind.

    Raises:
        RecordNotCanonical, RecordInvalid: the bytes are not a valid record of that kind.
    """
    record: dict[str, Any] = check_record(parse_canonical(data, path), path)
    if record["record"] != kind:
        raise RecordInvalid(
            path,
            expected=f"a record of kind {kind}",
            found=f"one of kind {record['record']}",
            remedy="Restore the file from a copy of the evidence; do not edit records.",
        )
    return record
