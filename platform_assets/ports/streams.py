"""Streams: how far they reach, and exactly the records of a pinned range.

An offset is a 64-bit integer that orders the records of a partition and may have gaps; a source
whose own positions are wider keeps them in ``native``. A source that cannot be reached raises; it
never answers "nothing new". Reading a range ends only after every offset of it was either delivered
or declared a gap with proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

#: One row per delivered record, bytes as they came. ``timestamp`` is the broker's, where it has one.
LANDING_SCHEMA = pa.schema(
    [
        pa.field("partition", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("native", pa.string()),
        pa.field("timestamp", pa.timestamp("us", tz="UTC")),
        pa.field("key", pa.large_binary()),
        pa.field(
            "headers",
            pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())])),
        ),
        pa.field("value", pa.large_binary()),
    ]
)


class GapKind(StrEnum):
    """Why offsets hold no record. Each kind needs its own proof."""

    TRANSACTION_CONTROL = "transaction_control"
    ABORTED = "aborted"
    COMPACTED = "compacted"


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets ``[start, end)`` of a partition that hold no record, with the proof."""

    partition: str
    start: int
    end: int
    kind: GapKind
    proof: str


@dataclass(frozen=True, slots=True)
class Extent:
    """What a partition holds now: records with ``start <= offset < end`` can be read.

    ``incarnation`` changes when the partition was recreated under the same name; empty where the
    source cannot tell. ``waiting_since`` is the earliest moment at which the newest records can
    have arrived, where the source knows it.
    """

    partition: str
    start: int
    end: int
    incarnation: str = ""
    waiting_since: datetime | None = None


class StreamSource(Protocol):
    """One stream: a topic, a Kinesis stream or a file log."""

    @property
    def kind(self) -> str:
        """The kind of source: ``file_log``, ``kafka``, ``kinesis``."""
        ...

    def extents(self) -> list[Extent]:
        """Return the extent of every partition, in the partitions' natural order.

        Raises:
            SourceUnreachable: the source did not answer.
            SourceChanged: the source contradicts itself, for example overlapping segments.
        """
        ...

    def limit_bytes(self, partition: str, start: int, end: int, max_bytes: int) -> int:
        """Return the largest ``stop <= end`` such that ``[start, stop)`` holds at most so many bytes.

        At least one record is always kept, so that a record above the limit cannot block a feed.
        """
        ...

    def read(self, partition: str, start: int, end: int) -> Iterator[pa.RecordBatch | Gap]:
        """Deliver exactly the records of ``[start, end)``, in offset order, in bounded batches.

        Batches have `LANDING_SCHEMA`. Empty batches do not occur.

        Raises:
            OffsetExpired: the source no longer holds ``start``.
            OffsetTruncated: the source ends before ``end``.
            GapUnproven: offsets are missing and nothing proves why.
            SourceUnreachable: the source stopped answering.
        """
        ...
