"""A Kinesis stream as a source of a feed.

Kinesis has no offsets. An offset here is the ordinal of a record among those that the feed read of a
shard, from 0 on; records of the Producer Library's aggregates count one by one. Anchors keep beside it
the name of the place (`places`), which says in the stream's own terms where that is. So a window is so
many records behind one place, the last of which is named, and is read again exactly.

A look reads the shards ahead (`scan`), from where the feed's log ends until nothing more is there, or
until a window is filled. Shards take turns, page by page, so that a window is filled by all of them.
What was counted is remembered, and the next look goes on from it.

With the end of what it counted a look records when the shard held nothing behind it. That is the proof,
later on, that nothing expired unread, should the last record itself have expired: whatever came
afterwards is younger.

`latest` is a place that was seen as well. An iterator at the end of a shard names none, and what
arrives before its first use could be lost; so a shard is read from a little before now, and entered
behind the last record, or at that moment where there is none.

What the stream is, is asked before the first record of a span and after its last one. The answer that
ended one look or read begins the next: shards that are read one after the other cost one question
each, and a stream that was made anew between two of them is found out as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.closes import Closes
from platform_assets.adapters.kinesis.client import READS_PER_SECOND, KinesisClient
from platform_assets.adapters.kinesis.delivery import deliver
from platform_assets.adapters.kinesis.looking import (
    Looking,
    anew,
    memory_key,
)
from platform_assets.adapters.kinesis.scan import REMEMBERED, Scanner
from platform_assets.adapters.kinesis.shards import list_shards
from platform_assets.adapters.kinesis.summary import summarise
from platform_assets.errors import OffsetTruncated
from platform_assets.flow.positions import check_same
from platform_assets.ports.positions import FIRST_LOOK, Entry, Extent

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from platform_assets.adapters.kinesis.counted import Count
    from platform_assets.adapters.kinesis.looking import Seen
    from platform_assets.adapters.kinesis.summary import Summary
    from platform_assets.declarations import KinesisSource
    from platform_assets.ports.positions import Identity, Look, Span


class KinesisStream(Closes):
    """One Kinesis stream. Implements `platform_assets.ports.streams.StreamSource`."""

    kind = "kinesis"

    def __init__(
        self, source: KinesisSource, stream: str, *, reads_per_second: float = READS_PER_SECOND
    ) -> None:
        self._client = KinesisClient(source, stream, reads_per_second=reads_per_second)
        self._shown: dict[str, Count] = {}
        self._summary: Summary | None = None

    def close(self) -> None:
        """Let go of the connections; the next request connects anew."""
        self._summary = None
        self._client.close()

    def extents(self, look: Look = FIRST_LOOK) -> list[Extent]:
        """Return the extent of every shard that may be read now, in their natural order.

        Raises:
            OffsetExpired: a shard, or records of one, may have expired unread.
            DeclarationInvalid: positions are declared, and none for a shard that needs one.
            SourceUnreachable: no answer within the declared bound.
            SourceDenied: the credentials are not accepted, or do not allow it.
            SourceChanged: there is no such stream, or it is another one than a moment ago.
        """
        before = summarise(self._client)
        seen = Looking(self._client, before, look).seen()
        self._require_same(before)
        self._shown = {one.shard.name: one.scan.count for one in seen}
        return [_extent(one, before) for one in seen]

    def identities(self) -> dict[str, Identity]:
        """Return what each listed shard is: all of a stream have its identity.

        Raises:
            SourceUnreachable, SourceDenied, SourceChanged: as for `extents`.
        """
        self._summary = summary = summarise(self._client)
        return {shard.name: summary.identity for shard in list_shards(self._client)}

    def native(self, partition: str, offset: int) -> str:
        """Return the name of the place at an offset that the last look showed."""
        return self._shown[partition].name(offset)

    def limit_bytes(self, span: Span, max_bytes: int) -> int:
        """Return where to cut a span so that its data and keys hold at most so many bytes.

        An aggregate is kept whole. What the last look did not count is counted now.

        Raises:
            SourceUnreachable, SourceDenied, SourceChanged, OffsetExpired: as for `extents`.
            OffsetTruncated: the shard does not reach the end of the span.
        """
        start, end = span.start.offset, span.end.offset
        if start == end:
            return end
        count = self._shown.get(span.partition)
        if count is None or not count.holds(span.start) or count.end < end:
            count = self._counted(span, max_bytes)
        return count.fitting(start, end, max_bytes)

    def read(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Deliver exactly the records of a span; a Kinesis stream declares no gaps.

        Raises:
            OffsetExpired: records of the span are not there any more.
            OffsetTruncated: the shard ends before the span does.
            GapUnproven: other records stand there than were counted.
            SourceChanged: there is no such shard, or the stream was made anew since it was looked at.
            SourceUnreachable, SourceDenied: as for `extents`.
        """
        if span.start.offset == span.end.offset:
            return
        before = self._summary or summarise(self._client)
        yield from deliver(self._client, span, before.retention)
        self._require_same(before)

    def _require_same(self, before: Summary) -> None:
        after = summarise(self._client)
        check_same(self._client.thing, before.identity, after.identity)
        self._summary = after

    def _counted(self, span: Span, max_bytes: int) -> Count:
        summary = summarise(self._client)
        key = memory_key(self._client, summary, span.partition)
        scan = REMEMBERED.find(key, span.start) or anew(span.start, span.facts)
        scanner = Scanner(self._client, span.partition, scan, summary.retention)
        while scanner.scan.count.end < span.end.offset and scanner.scan.count.bytes <= max_bytes:
            scanner.advance()
            if scanner.scan.at_tip and scanner.scan.count.end < span.end.offset:
                raise OffsetTruncated(
                    f"{self._client.thing}, shard {span.partition}",
                    expected=f"records up to offset {span.end.offset}",
                    found=f"records up to offset {scanner.scan.count.end}",
                    remedy="The stream answers otherwise than before; check what is at its "
                    "endpoint.",
                )
        REMEMBERED.keep(key, scanner.scan)
        return scanner.scan.count


def _extent(seen: Seen, summary: Summary) -> Extent:
    count = seen.scan.count
    oldest = count.arrival(count.start.offset) if count.records else None
    return Extent(
        partition=seen.shard.name,
        start=count.start.offset,
        end=count.end,
        identity=summary.identity,
        waiting_since=oldest,
        oldest_waiting=oldest,
        entry=Entry(position=count.start, origin=seen.origin) if seen.origin else None,
        ended=seen.ended,
        parents=seen.shard.parents,
        renews=not count.records and seen.proof_grows_old(summary.retention),
        facts=seen.facts,
    )
