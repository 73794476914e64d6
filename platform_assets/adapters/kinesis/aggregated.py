"""Records that the Kinesis Producer Library put into one.

The format is github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md: four magic
bytes, a protobuf message with tables of keys and the records that point into them, and the MD5 of the
message. `split(data)` returns the records of an aggregate in their order, None for anything else.

What has the magic bytes and not the rest is an ordinary record, as consumers of the Kinesis Client
Library see it: a digest that differs, a message that does not decode. So is an aggregate with a pointer
beside its tables, or without any record: there is nothing to put in its place, and acknowledged bytes
are never dropped.

Nor are single records dropped. The Client Library drops an aggregate that holds a key outside the
shard's range of hashes: the shard was split or merged while the aggregate was on its way, and the
Producer Library sends the records again that it finds on the wrong shard. Other producers of the same
format do not, and their records were acknowledged once and for all. So every record is delivered from
where it stands; one that was sent twice is found by its identity when it is admitted.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16


class UserRecord(NamedTuple):
    """A record as its producer sent it. Tags are a part of the format that no producer fills yet."""

    key: bytes
    data: bytes
    tags: tuple[tuple[str, bytes | None], ...] = ()


def split(data: bytes) -> list[UserRecord] | None:
    """Return the records of an aggregate, in order; None if the bytes are not one."""
    if not data.startswith(MAGIC) or len(data) <= len(MAGIC) + _DIGEST_BYTES:
        return None
    body, digest = data[len(MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.md5(body, usedforsecurity=False).digest() != digest:
        return None
    try:
        found = _Aggregate.FromString(body)
        if not found.IsInitialized():  # the decoder leaves it to us to look for required fields
            return None
        return [_record(found, one) for one in found.records] or None
    except (DecodeError, IndexError):
        return None


def _record(aggregate: Any, record: Any) -> UserRecord:
    if record.HasField("explicit_hash_key_index"):
        _entry(aggregate.explicit_hash_key_table, record.explicit_hash_key_index)
    tags = tuple(
        (tag.key.decode("utf-8", "backslashreplace"), tag.value if tag.HasField("value") else None)
        for tag in record.tags
    )
    key = _entry(aggregate.partition_key_table, record.partition_key_index)
    return UserRecord(key, record.data, tags)


def _entry(table: Sequence[bytes], index: int) -> bytes:
    if index >= len(table):  # the index has 64 bits, more than a list takes
        raise IndexError(index)
    return table[index]


# --- the message ---------------------------------------------------------------------------------
# Text is declared as bytes: the same on the wire, and keys that are no UTF-8 stay as they are.

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "platform_assets.kinesis"
_MESSAGES: dict[str, list[tuple[str, int, Any, Any, str]]] = {
    "Tag": [
        ("key", 1, _Field.TYPE_BYTES, _Field.LABEL_REQUIRED, ""),
        ("value", 2, _Field.TYPE_BYTES, _Field.LABEL_OPTIONAL, ""),
    ],
    "Record": [
        ("partition_key_index", 1, _Field.TYPE_UINT64, _Field.LABEL_REQUIRED, ""),
        ("explicit_hash_key_index", 2, _Field.TYPE_UINT64, _Field.LABEL_OPTIONAL, ""),
        ("data", 3, _Field.TYPE_BYTES, _Field.LABEL_REQUIRED, ""),
        ("tags", 4, _Field.TYPE_MESSAGE, _Field.LABEL_REPEATED, "Tag"),
    ],
    "AggregatedRecord": [
        ("partition_key_table", 1, _Field.TYPE_BYTES, _Field.LABEL_REPEATED, ""),
        ("explicit_hash_key_table", 2, _Field.TYPE_BYTES, _Field.LABEL_REPEATED, ""),
        ("records", 3, _Field.TYPE_MESSAGE, _Field.LABEL_REPEATED, "Record"),
    ],
}


def _message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="platform_assets/kinesis.proto", package=_PACKAGE, syntax="proto2"
    )
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind, label, of in fields:
            field = described.field.add(name=name, number=number, type=kind, label=label)
            if of:
                field.type_name = f".{_PACKAGE}.{of}"
    pool = descriptor_pool.DescriptorPool()  # of our own: nobody else's names can meet ours
    pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindMessageTypeByName(f"{_PACKAGE}.AggregatedRecord")
    return message_factory.GetMessageClass(descriptor)


_Aggregate = _message_class()
