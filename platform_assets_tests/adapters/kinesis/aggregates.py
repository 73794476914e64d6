"""Writes aggregates of the Kinesis Producer Library byte by byte, with no protobuf library at all.

The format: github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = bytes.fromhex("f3899ac2")


def aggregate(
    records: Sequence[tuple[bytes, bytes]],
    *,
    explicit: Sequence[bytes] = (),
    tags: Sequence[tuple[bytes, bytes | None]] = (),
) -> bytes:
    """Return an aggregate of (key, data); each key stands in the table once."""
    keys = list(dict.fromkeys(key for key, _ in records))
    body = b"".join(block(1, key) for key in keys)
    body += b"".join(block(2, hash_key) for hash_key in explicit)
    for index, (key, data) in enumerate(records):
        fields = number(1, keys.index(key))
        if explicit:
            fields += number(2, index % len(explicit))
        fields += block(3, data)
        for name, value in tags:
            fields += block(4, block(1, name) + (b"" if value is None else block(2, value)))
        body += block(3, fields)
    return sealed(body)


def sealed(body: bytes) -> bytes:
    """Put a message between the magic bytes and its digest."""
    return MAGIC + body + hashlib.md5(body).digest()  # noqa: S324 - the format's own digest


def block(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
