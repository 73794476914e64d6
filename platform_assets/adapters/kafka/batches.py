"""The record batches of a range of offsets: where they stand, what they hold, how large they are.

`BatchScan(topic, described, partition).scan(start, end)` yields `Piece`s, in the order of the log,
until every batch that covers an offset of ``[start, end)`` was seen. Only the headers are looked at.
The brokers are asked with the isolation level ``read_committed``, so that a piece also lists the
aborted transactions that reach into it: producer id and first offset, from the broker's own index.

What is asked for is the topic's id, where the cluster has such, so that a topic that was recreated
under the same name cannot answer. A piece takes at most `fetch_bytes`, or one batch where that is
larger. A leader that changes is looked up again. A piece that does not come within the source's
`timeout_seconds` ends the scan with `SourceUnreachable`; a range is never cut short.

`peek(offset, end)` returns the batch that holds an offset, or the next one that the log has.

Raises, besides what `Brokers.run` raises: OffsetExpired and OffsetTruncated (the log begins after the
range, or ends before its end), StreamRecreated and ClusterChanged (it is another topic), GapUnproven
(the log holds something else than record batches of version 2).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import kafka.errors as kafka_errors
from kafka.protocol.consumer import FetchRequest, IsolationLevel

from platform_assets.adapters.kafka.batch_headers import (
    Aborted,
    Batch,
    FormatUnread,
    Piece,
    parse_batches,
)
from platform_assets.adapters.kafka.descriptions import described_topic, without_leader
from platform_assets.adapters.kafka.errors import Where, damaged, unreachable
from platform_assets.adapters.kafka.standing import require_same, require_within, truncated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.adapters.kafka.connection import Session
    from platform_assets.adapters.kafka.descriptions import Description
    from platform_assets.adapters.kafka.metadata import Topic

#: What is asked for at once; several copies of it pass through the client library.
FETCH_BYTES = 4 * 1024**2
_LARGEST_BATCH = 256 * 1024**2
_WAIT_MS = 500
#: The last version of the request that names a topic by name.
_BY_NAME = 12
#: So often in a row a leader has to say that it holds nothing up to the last stable offset.
_TIMES_EMPTY = 3
#: The part of the time after which what a leader says is believed.
_PATIENCE = 0.75
_PAUSE_SECONDS = 0.1
_OUT_OF_RANGE = object()


class BatchScan:
    """Reads the batch headers of one partition of a topic as it was described."""

    def __init__(
        self,
        topic: Topic,
        described: Description,
        partition: int,
        *,
        fetch_bytes: int = FETCH_BYTES,
    ) -> None:
        self._topic = topic
        self._described = described
        self._partition = partition
        self._fetch_bytes = fetch_bytes
        self._leader: int | None = None
        self._where = Where(topic.brokers.source, topic.name, partition)

    def scan(self, start: int, end: int) -> Iterator[Piece]:
        """Yield the batches that cover offsets of ``[start, end)``, and no others."""
        at = start
        while at < end:
            piece = self._fetch(at, end, self._fetch_bytes)
            batches = [batch for batch in piece.batches if batch.last >= at and batch.base < end]
            if not batches:
                return
            yield Piece(batches, piece.aborted)
            at = batches[-1].last + 1

    def peek(self, offset: int, end: int) -> Batch | None:
        """Return the batch that holds an offset, or the next one; None where none is below ``end``."""
        for batch in self._fetch(offset, end, 1).batches if offset < end else ():
            if batch.last >= offset:
                return batch if batch.base < end else None
        return None

    def _fetch(self, at: int, end: int, limit: int) -> Piece:
        """Return at least one batch from an offset on, or none where the leader says there is none."""
        given_up_at = time.monotonic() + self._topic.brokers.source.timeout_seconds * _PATIENCE
        while True:
            piece = self._topic.brokers.run(
                self._where, lambda session: self._ask(session, (at, end), limit, given_up_at)
            )
            if piece is not None:
                return piece
            require_within(self._topic, self._partition, at, end)
            if time.monotonic() > given_up_at:
                raise unreachable(self._where, f"a leader that has no offset {at}, and says it has")
            time.sleep(_PAUSE_SECONDS)

    async def _ask(
        self, session: Session, span: tuple[int, int], limit: int, given_up_at: float
    ) -> Piece | None:
        """Ask until there is an answer; None where the offset is out of the leader's range."""
        at, end = span
        empty = 0
        while True:
            row = await self._row(session, at, limit)
            if row is _OUT_OF_RANGE:
                return None
            if row is None:
                continue
            batches = self._parsed(row.records or b"")
            if batches:
                listed = row.aborted_transactions or ()
                aborted = (Aborted(each.producer_id, each.first_offset) for each in listed)
                return Piece(batches, frozenset(aborted))
            if row.records:  # an old broker cuts even the first batch off
                if limit >= _LARGEST_BATCH:
                    raise damaged(self._where, f"a batch of more than {limit} bytes at {at}")
                limit = min(max(limit, 1024) * 8, _LARGEST_BATCH)
                continue
            # A new leader may have to learn first how far the log is stable.
            empty = empty + 1 if row.last_stable_offset >= end else 0
            if empty >= _TIMES_EMPTY:
                return Piece([], frozenset())
            session.trouble = f"nothing at offset {at}, stable up to {row.last_stable_offset}"
            if row.last_stable_offset < end and time.monotonic() > given_up_at:
                raise truncated(
                    self._where,
                    f"a log that is stable up to offset {end}",
                    f"one up to {row.last_stable_offset}",
                )
            await session.pause()

    async def _row(self, session: Session, at: int, limit: int) -> Any:
        """Return the leader's answer for the partition; None where it has to be asked again."""
        if self._leader is None:
            self._leader = await self._find_leader(session)
            if self._leader is None:
                return None
        try:
            answer = await session.at(self._leader, self._request(at, limit))
        except kafka_errors.KafkaError as failure:
            await self._ask_again(session, failure)
            return None
        row = answer.responses[0].partitions[0] if answer.responses else None
        error = kafka_errors.for_code(row.error_code if row is not None else answer.error_code)
        if error is kafka_errors.NoError and row is not None:
            return row
        if error is kafka_errors.OffsetOutOfRangeError:
            self._leader = None
            return _OUT_OF_RANGE
        refused = error(f"offset {at}")
        if not isinstance(refused, kafka_errors.RetriableError | kafka_errors.UnknownError):
            raise refused
        await self._ask_again(session, refused)
        return None

    async def _ask_again(self, session: Session, failure: kafka_errors.KafkaError) -> None:
        """Wait before the leader is looked up again; what asking again cannot help is raised."""
        name, self._leader = session.name(self._leader), None
        await session.pause_after(failure, name)

    async def _find_leader(self, session: Session) -> int | None:
        found = await described_topic(session, self._topic.name, [self._partition])
        require_same(self._topic, self._partition, self._described, found)
        node = found.leaders[self._partition].node
        if node >= 0:
            return node
        session.trouble = without_leader([self._partition])
        await session.pause()
        return None

    def _request(self, at: int, limit: int) -> Any:
        uuid = self._described.uuid
        partition = FetchRequest.FetchTopic.FetchPartition(
            partition=self._partition,
            current_leader_epoch=-1,
            fetch_offset=at,
            last_fetched_epoch=-1,
            log_start_offset=-1,
            partition_max_bytes=limit,
        )
        return FetchRequest(
            replica_id=-1,
            max_wait_ms=_WAIT_MS,
            min_bytes=1,
            max_bytes=limit,
            isolation_level=IsolationLevel.READ_COMMITTED.value,
            session_id=0,
            session_epoch=-1,
            topics=[
                FetchRequest.FetchTopic(
                    topic=self._topic.name, topic_id=uuid, partitions=[partition]
                )
            ],
            forgotten_topics_data=[],
            rack_id="",
            min_version=FetchRequest.min_version_for_isolation_level(1),
            **({"max_version": _BY_NAME} if uuid is None else {}),
        )

    def _parsed(self, records: bytes | memoryview) -> list[Batch]:
        try:
            return parse_batches(records)
        except FormatUnread as error:
            raise damaged(self._where, str(error)) from None
