"""Messages of librdkafka as rows of the landing schema, bytes as they came.

Everything that is not there stays null: a value (a tombstone), a key, headers, the value of a header,
and a timestamp that the message has not, or that no microsecond can hold. A header's name that is not
UTF-8 is refused, because librdkafka's Python client cannot hand it out.

A column is taken with one call over all messages and one conversion by Arrow. Few messages at a time
are best: their bytes stay in the processor's cache, and in memory that Python keeps for the next ones.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from confluent_kafka import Message

from platform_assets.ports.streams import LANDING_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARTITION, _, _NATIVE, _TIMESTAMP, _KEY, _HEADERS, _VALUE = (
    field.type for field in LANDING_SCHEMA
)
#: The second of what a message gives as its timestamp: kind and time.
_MILLISECONDS = itemgetter(1)
#: Kafka's own sign for it, whatever the kind.
_NO_TIMESTAMP = -1
_LARGEST_MS = (2**63 - 1) // 1000


class HeaderUndecodable(Exception):
    """The name of a header of this message is not UTF-8."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


def as_batch(partition: pa.StringScalar, messages: Sequence[Message]) -> pa.RecordBatch:
    """Return messages that carry no error as rows.

    Raises:
        HeaderUndecodable: a header's name is not UTF-8.
    """
    rows = len(messages)
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(partition, rows),
            pa.array(np.fromiter(map(Message.offset, messages), np.int64, rows)),
            pa.nulls(rows, _NATIVE),
            _timestamps(messages),
            _bytes(list(map(Message.key, messages)), _KEY),
            _headers(messages),
            _bytes(list(map(Message.value, messages)), _VALUE),
        ],
        schema=LANDING_SCHEMA,
    )


def _timestamps(messages: Sequence[Message]) -> pa.Array:
    pairs = map(Message.timestamp, messages)
    times = np.fromiter(map(_MILLISECONDS, pairs), np.int64, len(messages))
    absent = (times == _NO_TIMESTAMP) | (times > _LARGEST_MS) | (times < -_LARGEST_MS)
    # Milliseconds become microseconds; what overflows is absent.
    return pa.array(times * 1000, mask=absent if absent.any() else None).view(_TIMESTAMP)


def _bytes(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return a column of large binaries: joined at once, where Arrow would have it grow."""
    try:
        lengths = np.fromiter(map(len, values), np.int64, len(values))
    except TypeError:  # there is a null among them
        return pa.array(values, kind)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.LargeBinaryArray.from_buffers(kind, len(values), buffers, null_count=0)


def _headers(messages: Sequence[Message]) -> pa.Array:
    found: list[Any] = []
    try:
        found.extend(map(Message.headers, messages))
    except SystemError:  # how the client says that it could not decode a name
        raise HeaderUndecodable(int(messages[len(found)].offset() or 0)) from None
    return pa.array(found, _HEADERS) if any(found) else pa.nulls(len(messages), _HEADERS)
