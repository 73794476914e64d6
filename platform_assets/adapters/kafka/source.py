"""A Kafka topic as a stream source.

What a partition is, is the cluster's id and the topic's id. How far it reaches is its last stable
offset: below it every transaction is decided. A look is taken when topic and leaders are the same
before and after it, and records the leader epoch under which the end was seen. What was pinned under
an epoch still stands only if the log of today's leader reaches that far within that epoch; if not, it
lost records, even where it has others under the same offsets by now.

A range is read in bulk (`reader`). Only where offsets are missing in what came, the headers of the
record batches are looked at, and each missing offset is explained or refused (`gaps`). Identity and
epoch are verified before and after, as they are where a range is cut by bytes.

A record is taken to have arrived when its timestamp says. A producer may have set it, and its clock is
no proof: a time that has not come yet says nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from platform_assets.adapters.closes import Closes
from platform_assets.adapters.kafka.batches import BatchScan
from platform_assets.adapters.kafka.connection import Brokers
from platform_assets.adapters.kafka.errors import Where, missing, unreachable
from platform_assets.adapters.kafka.gaps import classify
from platform_assets.adapters.kafka.holes import Holes
from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.adapters.kafka.reader import PartitionReader
from platform_assets.adapters.kafka.sizes import REMEMBERED
from platform_assets.adapters.kafka.standing import require_same, require_unbroken, require_within
from platform_assets.ports.positions import (
    FIRST_LOOK,
    Entry,
    Extent,
    Identity,
    Look,
    Position,
    Span,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from platform_assets.adapters.kafka.batch_headers import Batch
    from platform_assets.adapters.kafka.metadata import Description
    from platform_assets.declarations import KafkaSource
    from platform_assets.ports.streams import Gap

#: How often a look is begun again, because the leaders changed meanwhile.
_LOOKS = 20
_PAUSE_SECONDS = 0.1
#: So many holes are explained together; each takes memory.
_HOLES = 65_536
_EPOCH = datetime.fromtimestamp(0, UTC)


class _View(NamedTuple):
    topic: Description
    starts: Mapping[int, int]
    ends: Mapping[int, int]


class KafkaStream(Closes):
    """One topic. Implements `platform_assets.ports.streams.StreamSource`; connects when first asked."""

    kind = "kafka"

    def __init__(self, source: KafkaSource, topic: str, *, home: Path) -> None:
        self._brokers = Brokers(source, home)
        self._topic = Topic(self._brokers, topic)
        self._reader = PartitionReader(source, topic, home)
        self._seen: Description | None = None
        self._cutting: dict[int, tuple[Span, Description]] = {}
        self._arrivals: dict[tuple[str, int], tuple[int, datetime]] = {}

    def close(self) -> None:
        """Close the connections; the next use connects anew."""
        self._reader.close()
        self._brokers.close()

    def identities(self) -> dict[str, Identity]:
        """Return the cluster's and the topic's id for each partition.

        Raises:
            SourceUnreachable: no broker answered, or a partition has no leader.
            SourceChanged: there is no such topic.
        """
        found = self._topic.describe()
        self._sees(found)
        return {str(number): found.identity for number in found.leaders}

    def native(self, partition: str, offset: int) -> str:
        """Return nothing: an offset is its own name."""
        del partition, offset
        return ""

    def extents(self, look: Look = FIRST_LOOK) -> list[Extent]:
        """Return the extent of every partition, from the log's start to the last stable offset.

        Raises:
            SourceUnreachable: no broker answered, or a partition has no leader.
            SourceChanged: there is no such topic.
            OffsetTruncated: records before a known position were lost since it was known.
        """
        policy = self._topic.cleanup_policy()
        view = self._view()
        self._sees(view.topic)
        entries = self._entries(look, view)
        extents = []
        for number, leader in view.topic.leaders.items():
            self._require_known(look, number, leader.epoch)
            arrived = self._arrival(view, number, _waiting_from(look, view, number, entries))
            extents.append(
                Extent(
                    partition=str(number),
                    start=view.starts[number],
                    end=view.ends[number],
                    identity=view.topic.identity,
                    waiting_since=arrived,
                    oldest_waiting=arrived,
                    entry=entries.get(number),
                    facts={
                        "leader_epoch": leader.epoch,
                        "log_start": view.starts[number],
                        "cleanup_policy": policy,
                    },
                )
            )
        return extents

    def limit_bytes(self, span: Span, max_bytes: int) -> int:
        """Return the largest offset between record batches that holds so many bytes, as on the wire.

        One cut asks many times. That a span stands is verified when it is first asked for after a
        look, and again when batches were scanned, so that no other log was counted.

        Raises:
            SourceUnreachable, SourceChanged, OffsetExpired, OffsetTruncated: as for `read`.
        """
        start, end = span.start.offset, span.end.offset
        if start == end:
            return end
        number = self._number(span)
        asked, found = self._cutting.pop(number, (None, None))
        if found is None or asked != span:
            found = self._verified(number, span)
        batches = BatchScan(self._topic, found, number)
        scanned = False

        def scan(low: int, high: int) -> Iterator[Batch]:
            nonlocal scanned
            scanned = True
            return chain.from_iterable(piece.batches for piece in batches.scan(low, high))

        key = (found.cluster, self._topic.name, found.topic_id, number)
        stop = REMEMBERED.cut(key, start, end, max_bytes, scan)
        if scanned:
            self._verified(number, span)
        self._cutting[number] = (span, found)
        return stop

    def read(self, span: Span) -> Iterator[pa.RecordBatch | Gap]:
        """Deliver the records of a span; gaps come after the records around them.

        Raises:
            SourceUnreachable: nothing came for the source's `timeout_seconds`.
            SourceDenied: the client may not read.
            OffsetExpired: the log begins after the start.
            OffsetTruncated: the log ends before the end, or lost records that were there.
            GapUnproven: offsets are missing and nothing proves why, or what came cannot be read.
            SourceChanged: the topic or the partition is gone, or is another than that of the last look.
        """
        start, end = span.start.offset, span.end.offset
        if start == end:
            return
        number = self._number(span)

        def examine() -> None:
            self._verified(number, span)
            require_within(self._topic, number, start, end)

        examine()
        holes = Holes(start)
        for batch in self._reader.read(number, start, end, examine):
            holes.passed(batch)
            yield batch
            if len(holes.found) >= _HOLES:
                yield from self._explained(number, span, holes)
        holes.ended(end)
        yield from self._explained(number, span, holes)
        self._verified(number, span)

    def _explained(self, number: int, span: Span, holes: Holes) -> list[Gap]:
        window, found = holes.take()
        if not found:
            return []
        policies = f"{self._topic.cleanup_policy()},{span.facts.get('cleanup_policy', '')}"
        return classify(
            str(Where(self._brokers.source, self._topic.name, number)),
            span.partition,
            window,
            holes=found,
            policy=",".join(sorted({word for word in policies.split(",") if word})),
            scan=BatchScan(self._topic, self._verified(number, span), number).scan,
        )

    def _sees(self, topic: Description) -> None:
        self._seen = topic
        self._cutting.clear()

    def _number(self, span: Span) -> int:
        if not span.partition.isascii() or not span.partition.isdigit():
            raise missing(self._topic.where, f"a partition is a number, not {span.partition!r}")
        return int(span.partition)

    def _verified(self, number: int, span: Span) -> Description:
        """Return the topic as it is now, if it is the one that was seen and the span still stands."""
        found = self._topic.describe()
        require_same(self._topic, number, self._seen, found)
        self._seen = self._seen or found
        epoch = int(span.facts.get("leader_epoch", -1))
        require_unbroken(self._topic, number, epoch, span.end.offset)
        return found

    def _require_known(self, look: Look, number: int, epoch: int) -> None:
        known = look.known.get(str(number))
        if known is not None:
            then = int(known.facts.get("leader_epoch", epoch))
            # Within one epoch a log only grows, and whoever looks compares its end.
            if then != epoch:
                require_unbroken(self._topic, number, then, known.position.offset)

    def _view(self) -> _View:
        """Return topic, starts and ends as they were together at one moment.

        Metadata may come from a broker that is behind. So the leaders have to be the same before and
        after, and each log has to reach its end within the epoch that is recorded for it.
        """
        for _ in range(_LOOKS):
            topic = self._topic.describe()
            starts = self._topic.log_starts(topic.leaders)
            ends = self._topic.stable_ends(topic.leaders)
            reached = self._topic.epoch_ends(
                {number: leader.epoch for number, leader in topic.leaders.items()}
            )
            seen = all(
                ends[number] <= reached[number].end or reached[number].end < 0 for number in ends
            )
            if seen and self._topic.describe() == topic:
                return _View(topic, starts, ends)
            time.sleep(_PAUSE_SECONDS)
        raise unreachable(self._topic.where, f"leaders that changed during {_LOOKS} looks in a row")

    def _entries(self, look: Look, view: _View) -> dict[int, Entry]:
        new = [number for number in view.ends if str(number) not in look.known]
        if not new or not isinstance(look.start, datetime):
            return {}
        found = self._topic.at_time(new, look.start)
        return {
            number: Entry(
                position=Position(view.ends[number] if offset is None else offset),
                origin="timestamp",
            )
            for number, offset in found.items()
        }

    def _arrival(self, view: _View, number: int, offset: int) -> datetime | None:
        """Return the time of the first record from an offset on, unless it has not come yet."""
        if not view.starts[number] <= offset < view.ends[number]:
            return None
        key = (view.topic.topic_id, number)
        at, moment = self._arrivals.get(key, (-1, _EPOCH))
        if at != offset:
            batch = BatchScan(self._topic, view.topic, number).peek(offset, view.ends[number])
            if batch is None or batch.first_ms < 0:
                return None
            try:
                moment = _EPOCH + timedelta(milliseconds=batch.first_ms)
            except OverflowError:
                return None
            self._arrivals[key] = (offset, moment)
        return moment if moment <= datetime.now(UTC) else None


def _waiting_from(look: Look, view: _View, number: int, entries: Mapping[int, Entry]) -> int:
    """Return the offset from which on no window has taken anything."""
    known = look.known.get(str(number))
    if known is not None:
        return known.position.offset
    if number in entries:
        return entries[number].position.offset
    if isinstance(look.start, Mapping):
        return int(look.start.get(str(number), view.starts[number]))
    return view.ends[number] if look.start == "latest" else view.starts[number]
