"""The headers of record batches, version 2, as they stand on the wire; records are not decoded.

A batch is 61 bytes of header and its records, which may be compressed as one block:

    offset  0  base offset             int64      27  base timestamp         int64
    offset  8  length after this field int32      35  max timestamp          int64
    offset 12  partition leader epoch  int32      43  producer id            int64
    offset 16  magic                   int8       51  producer epoch         int16
    offset 17  CRC-32C of what follows uint32     53  base sequence          int32
    offset 21  attributes              int16      57  number of records      int32
    offset 23  last offset delta       int32

(Kafka's protocol guide, "Record Batch".) Offsets that a batch covers without a record in it were
removed by compaction, which keeps the first and last offset of the batches that it thins out.

A control batch holds one record that is not compressed: a marker that ends a transaction.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER_BYTES = 61
_HEADER = struct.Struct(">qiibIhiqqqhii")
_MARKER_KEY = struct.Struct(">hh")
_TRANSACTIONAL = 0x10
_CONTROL = 0x20
_DELETE_HORIZON = 0x40
_UP_TO_LENGTH = 12
_MAGIC_AT = 16
_VERSION = 2


class Batch(NamedTuple):
    """The header of a record batch that covers the offsets ``base`` to ``last``, both included.

    Attributes:
        wire_bytes: what it takes on the wire and in the log.
        records: how many are left in it.
        producer_id: -1 where the producer is not idempotent.
        marker: ``abort`` or ``commit`` in a control batch, ``other`` in one of another kind or one
            that compaction emptied; empty where the batch holds data.
        first_ms: a lower bound of its records' times, in milliseconds since the epoch.
        max_ms: the newest of its records' times.
    """

    base: int
    last: int
    wire_bytes: int
    records: int
    producer_id: int
    producer_epoch: int
    transactional: bool
    marker: str
    first_ms: int
    max_ms: int
    leader_epoch: int


class Aborted(NamedTuple):
    """A transaction that the broker lists as aborted: whose it was, and where it began."""

    producer_id: int
    first: int


class Piece(NamedTuple):
    """Some batches of a partition in a row, and the aborted transactions that reach into them."""

    batches: list[Batch]
    aborted: frozenset[Aborted]


class FormatUnread(Exception):
    """What stands there is no record batch of version 2."""


def parse_batches(data: bytes | memoryview) -> list[Batch]:
    """Return the headers of the batches in a fetched piece of a log, in its order.

    The last batch may be cut off, because a broker fills a response up to its limit; it is left out.

    Raises:
        FormatUnread: an older message format, or no batch at all.
    """
    found: list[Batch] = []
    at, size = 0, len(data)
    unpack = _HEADER.unpack_from
    while size - at >= HEADER_BYTES:
        (base, length, leader_epoch, magic, _, attributes, last_delta, base_ms, max_ms,
         producer_id, producer_epoch, _, count) = unpack(data, at)  # fmt: skip
        wire_bytes = length + _UP_TO_LENGTH
        if magic != _VERSION or wire_bytes < HEADER_BYTES or count < 0 or count > last_delta + 1:
            raise FormatUnread(_unread(magic, base))
        if wire_bytes > size - at:
            break
        marker = ""
        if attributes & _CONTROL:
            marker = _marker(data, at + HEADER_BYTES, at + wire_bytes)
        # In a batch that compaction will empty, the base timestamp is the time of that.
        first_ms = max_ms if attributes & _DELETE_HORIZON else min(base_ms, max_ms)
        found.append(
            Batch(base, base + last_delta, wire_bytes, count, producer_id, producer_epoch,
                  bool(attributes & _TRANSACTIONAL), marker, first_ms, max_ms, leader_epoch)
        )  # fmt: skip
        at += wire_bytes
    if not found and size > _MAGIC_AT and data[_MAGIC_AT] != _VERSION:
        raise FormatUnread(_unread(data[_MAGIC_AT], 0))
    return found


def _unread(magic: int, base: int) -> str:
    if 0 <= magic < _VERSION:
        return f"message format {magic} at offset {base}, which is older than Apache Kafka 0.11"
    return f"bytes that are no record batch, near offset {base}"


def _marker(data: bytes | memoryview, at: int, end: int) -> str:
    """Return what the one record of a control batch says; its key is a version and a type."""
    try:
        _, at = _varint(data, at)  # the record's length
        at += 1  # its attributes
        _, at = _varint(data, at)  # its timestamp's and its offset's difference to the batch's
        _, at = _varint(data, at)
        key_bytes, at = _varint(data, at)
        if key_bytes < _MARKER_KEY.size or at + key_bytes > end:
            return "other"
        _, kind = _MARKER_KEY.unpack_from(data, at)
    except (IndexError, struct.error):
        return "other"
    return {0: "abort", 1: "commit"}.get(kind, "other")


def _varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return a zigzag-encoded integer and the place after it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
