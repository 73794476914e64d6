"""A stream in memory that implements the port and can do what brokers do on a bad day.

It can be unreachable, stop answering midway through a read, expire its oldest records, lose its newest
ones, be recreated under the same name, hold gaps with a proof, and lose records without one. It also
delivers in batches as small as asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from platform_assets.errors import (
    GapUnproven,
    OffsetExpired,
    OffsetTruncated,
    SourceChanged,
    SourceUnreachable,
)
from platform_assets.ports.streams import FIRST_LOOK, LANDING_SCHEMA, Extent, Gap, GapKind, Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from platform_assets.ports.streams import Look, Span


@dataclass
class _Partition:
    start: int = 0
    end: int = 0
    incarnation: str = "1"
    records: dict[int, bytes] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)


@dataclass
class SimulatedStream:
    """One stream in memory. ``stall_after`` counts the records it answers before it stalls."""

    kind: str = "simulated"
    cluster: str = "simulated"
    batch_rows: int = 3
    unreachable: bool = False
    stall_after: int | None = None
    partitions: dict[str, _Partition] = field(default_factory=dict)

    def append(self, partition: str, records: Iterable[bytes]) -> tuple[int, int]:
        """Append records and return their offsets ``[start, end)``."""
        log = self.partitions.setdefault(partition, _Partition())
        start = log.end
        for record in records:
            log.records[log.end] = record
            log.end += 1
        return start, log.end

    def leave_gap(self, partition: str, length: int, kind: GapKind) -> None:
        """Append offsets that hold no record, with a proof."""
        log = self.partitions.setdefault(partition, _Partition())
        log.gaps.append(Gap(partition, log.end, log.end + length, kind, f"simulated {kind}"))
        log.end += length

    def lose(self, partition: str, offset: int) -> None:
        """Lose one record without any proof."""
        del self.partitions[partition].records[offset]

    def expire(self, partition: str, before: int) -> None:
        """Delete the records below an offset, as retention does."""
        self.partitions[partition].start = before

    def truncate(self, partition: str, end: int) -> None:
        """Lose the records from an offset on."""
        self.partitions[partition].end = end

    def recreate(self, partition: str) -> None:
        """Delete a partition and make another of the same name and length."""
        log = self.partitions[partition]
        log.incarnation = str(int(log.incarnation) + 1)

    def extents(self, look: Look = FIRST_LOOK) -> list[Extent]:
        """Return the extents in numeric order."""
        del look
        self._answer()
        return [
            Extent(name, log.start, log.end, self._identity(log))
            for name, log in sorted(self.partitions.items(), key=lambda item: int(item[0]))
        ]

    def identities(self) -> dict[str, Identity]:
        """Return what each partition is."""
        self._answer()
        return {name: self._identity(log) for name, log in self.partitions.items()}

    def native(self, partition: str, offset: int) -> str:
        """Return nothing; an offset is its own name."""
        del partition, offset
        return ""

    def close(self) -> None:
        """Do nothing; a test opens the same stream again and again."""

    def limit_bytes(self, span: Span, max_bytes: int) -> int:
        """Count each record with one byte for its terminator, as a file log would."""
        partition, start, end = span.partition, span.start.offset, span.end.offset
        self._answer()
        records = self.partitions[partition].records
        total = 0
        for offset in range(start, end):
            total += len(records[offset]) + 1 if offset in records else 0
            if total > max_bytes:
                return max(offset, start + 1)
        return end

    def read(self, span: Span) -> Iterator[pa.RecordBatch | Gap]:
        """Deliver the range in batches of ``batch_rows``, with its gaps between them."""
        partition, start, end = span.partition, span.start.offset, span.end.offset
        if start == end:
            return
        self._answer()
        log = self._partition(partition)
        if start < log.start:
            raise OffsetExpired(partition, expected=f"{start}", found=f"{log.start}", remedy="-")
        pending: list[tuple[int, bytes]] = []
        position, answered = start, 0
        while position < end:
            gap = next((gap for gap in log.gaps if gap.start <= position < gap.end), None)
            if gap is not None or len(pending) == self.batch_rows:
                yield from _batch(partition, pending)
                pending.clear()
            if gap is not None:
                stop = min(gap.end, end)
                yield Gap(partition, position, stop, gap.kind, gap.proof)
                position = stop
                continue
            if position >= log.end:
                found = f"the end {log.end}"
                raise OffsetTruncated(partition, expected=f"{position}", found=found, remedy="-")
            if position not in log.records:
                raise GapUnproven(partition, expected=f"{position}", found="nothing", remedy="-")
            if answered == self.stall_after:
                raise SourceUnreachable(partition, expected="data", found="a stall", remedy="-")
            pending.append((position, log.records[position]))
            position, answered = position + 1, answered + 1
        yield from _batch(partition, pending)

    def _partition(self, partition: str) -> _Partition:
        if partition not in self.partitions:
            raise SourceChanged(partition, expected="the partition", found="none", remedy="-")
        return self.partitions[partition]

    def _identity(self, log: _Partition) -> Identity:
        return Identity(self.cluster, log.incarnation)

    def _answer(self) -> None:
        if self.unreachable:
            raise SourceUnreachable("simulated", expected="an answer", found="none", remedy="-")


def _batch(partition: str, rows: list[tuple[int, bytes]]) -> Iterator[pa.RecordBatch]:
    if rows:
        yield pa.RecordBatch.from_pylist(
            [{"partition": partition, "offset": at, "value": value} for at, value in rows],
            schema=LANDING_SCHEMA,
        )
