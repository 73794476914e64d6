"""Canonical bytes and digests of records.

A record is JSON in the canonical form of RFC 8785. Its digest is the SHA-256 of exactly those
bytes. Bytes that parse but are not canonical are refused, so that one record has one byte form and
every changed byte shows. Floats never occur in a record: counts are integers, decimals are strings.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import rfc8785

from platform_assets.errors import RecordNotCanonical

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Largest integer that every JSON reader keeps exactly; larger ones are written as strings.
MAX_EXACT_INTEGER = 2**53 - 1
_PLAIN = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value that holds no float.

    Raises:
        TypeError: the value holds a float or something JSON cannot express.
    """
    with suppress(UnicodeEncodeError, RecursionError):  # the reference decides what it makes of it
        if _is_plain(value):
            return _PLAIN.encode(value).encode("utf-8")
    _refuse_floats(value, "$")
    return rfc8785.dumps(value)


def parse_canonical(data: bytes, thing: str) -> Any:
    """Parse bytes that must already be canonical.

    Raises:
        RecordNotCanonical: they are not JSON, or differ from their own canonical form.
    """
    try:
        value = json.loads(data)
        canonical = canonical_bytes(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise RecordNotCanonical(
            thing,
            expected="canonical JSON (RFC 8785)",
            found=f"{len(data)} bytes that are not: {error}",
            remedy="Restore the file from a copy of the evidence; do not edit records.",
        ) from error
    if canonical != data:
        raise RecordNotCanonical(
            thing,
            expected="canonical JSON (RFC 8785)",
            found="JSON in another form (white space, key order or number format)",
            remedy="Restore the file from a copy of the evidence; do not edit records.",
        )
    return value


def digest_bytes(data: bytes) -> str:
    """Return ``sha256:`` and the lower-case hex SHA-256 of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest(value: Mapping[str, Any]) -> str:
    """Return the digest of a record: that of its canonical bytes."""
    return digest_bytes(canonical_bytes(value))


def rfc3339(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with microseconds and ``Z``.

    Raises:
        ValueError: the datetime has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs a time zone, found {moment!r}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """Read what `rfc3339` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _is_plain(value: Any) -> bool:
    """Tell whether the standard library's encoder writes the canonical form of a value.

    It escapes what RFC 8785 escapes, and in the same way. It sorts names by code points, where the
    RFC sorts them by UTF-16 units: that is the same for ASCII. It writes numbers of any size, which is
    why they are looked at here, as is everything that is not exactly of a type of JSON.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-MAX_EXACT_INTEGER <= value <= MAX_EXACT_INTEGER)
    if kind is dict:
        return all(
            type(name) is str and name.isascii() and _is_plain(item) for name, item in value.items()
        )
    return kind is list and all(map(_is_plain, value))


def _refuse_floats(value: Any, where: str) -> None:
    if isinstance(value, float):
        raise TypeError(f"{where} is the float {value!r}; records hold integers and strings")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_floats(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _refuse_floats(item, f"{where}[{index}]")
