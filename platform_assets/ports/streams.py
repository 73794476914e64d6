"""Streams: how far they reach, and exactly the records of a pinned range.

An offset is a 64-bit integer that orders the records of a partition and may have gaps. A source whose
own positions are something else, as Kinesis sequence numbers are, counts its records from where the
feed began to read them, and keeps its own name of each place beside the count, in ``native``.

A source that cannot be reached raises; it never answers "nothing new". Reading a range ends only after
every offset of it was either delivered or declared a gap with proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from platform_assets.ports.positions import (
    FIRST_LOOK,
    NOBODY,
    Entry,
    Extent,
    Identity,
    Known,
    Look,
    Position,
    Span,
    Start,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FIRST_LOOK",
    "LANDING_SCHEMA",
    "NOBODY",
    "Entry",
    "Extent",
    "Gap",
    "GapKind",
    "Identity",
    "Known",
    "Look",
    "Position",
    "Span",
    "Start",
    "StreamSource",
]

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


class StreamSource(Protocol):
    """One stream: a topic, a Kinesis stream or a file log."""

    @property
    def kind(self) -> str:
        """The kind of source: ``file_log``, ``kafka``, ``kinesis``."""
        ...

    def extents(self, look: Look = FIRST_LOOK) -> list[Extent]:
        """Return the extent of every partition that may be read now, in their natural order.

        A partition with parents may be read once the log knows each of them as ended.

        Raises:
            SourceUnreachable: the source did not answer.
            SourceChanged: the source contradicts itself, for example overlapping segments.
            OffsetExpired: it cannot be shown any more that nothing was lost after a known position.
        """
        ...

    def close(self) -> None:
        """Let go of connections; a source that is used again connects again."""
        ...

    def identities(self) -> dict[str, Identity]:
        """Return what each partition is. Cheaper than its extent.

        Raises:
            SourceUnreachable: the source did not answer.
        """
        ...

    def native(self, partition: str, offset: int) -> str:
        """Return the source's own name of a position that it showed last, empty if it has none."""
        ...

    def limit_bytes(self, span: Span, max_bytes: int) -> int:
        """Return the largest offset to cut a span at so that it holds at most so many bytes.

        Bytes are counted as the source keeps them. A source that keeps its records in batches cuts
        between batches. At least one record, or one batch, is always kept, so that one above the limit
        cannot block a feed.

        Raises:
            SourceUnreachable, OffsetExpired, OffsetTruncated: as for `read`.
        """
        ...

    def read(self, span: Span) -> Iterator[pa.RecordBatch | Gap]:
        """Deliver exactly the records of a span, in offset order, in bounded batches.

        Batches have `LANDING_SCHEMA`. Empty batches do not occur. Gaps may come before or after the
        records around them.

        Raises:
            OffsetExpired: the source no longer holds the start.
            OffsetTruncated: the source ends before the end.
            GapUnproven: offsets are missing and nothing proves why.
            SourceChanged: the partition does not exist, or is another than the one of the last look.
            SourceUnreachable: the source stopped answering.
        """
        ...
