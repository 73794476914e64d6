"""Bulk reading of exact offset ranges through librdkafka.

`PartitionReader.read(partition, start, end, examine)` delivers every record of the range that a reader
of committed transactions sees, in offset order. It ends when the range was passed: with the record at
``end - 1``, with one beyond it, or with the end of the log at or after ``end``. Which offsets carry no
record, and why, is not decided here.

The partition is assigned with its exact offset. There is no group, nothing is committed, and an offset
that the log does not have is an error instead of a jump to another one. What only delays is waited
for: a leader that moves, a broker that is down. ``examine`` is asked whether the range can still be had
when the brokers say that they do not know it, and when nothing has moved for the source's
`timeout_seconds`; if it finds nothing wrong, the first is tried again, and the second is an outage.

What is read ahead is bounded by the source's `fetch_memory`, apart from a record, or a fetched and
unpacked batch of records, that is larger; what is handed out at once is a part of it.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from platform_assets.adapters.kafka.errors import (
    DENIED_CODES,
    Where,
    damaged,
    from_librdkafka,
    unreachable,
)
from platform_assets.adapters.kafka.messages import HeaderUndecodable, as_batch
from platform_assets.adapters.kafka.security import librdkafka_settings
from platform_assets.errors import SourceChanged, SourceDenied, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from platform_assets.declarations import KafkaSource

#: Taken from librdkafka at once: few enough for their copies to stay in the processor's cache.
_MESSAGES = 512
_WAIT_SECONDS = 0.1
_MIB = 1024**2
_KIB = 1024

_NOT_IN_THE_LOG = {
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - the library's names for client-side codes
    KafkaError._LOG_TRUNCATION,  # noqa: SLF001
    KafkaError.OFFSET_OUT_OF_RANGE,
}
#: There is no group, so that no right to one is needed.
_OF_GROUPS = {KafkaError.GROUP_AUTHORIZATION_FAILED}


def tuned_settings(source: KafkaSource) -> dict[str, Any]:
    """Return the settings of librdkafka that decide what is read, and how fast."""
    timeout_ms = source.timeout_seconds * 1000
    fetch = max(64 * _KIB, min(_MIB, source.fetch_memory // 16))
    return {
        "group.id": "platform-assets",  # demanded by the library; nobody joins it
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "check.crcs": True,
        # The queue, what is being unpacked for it, and the copies of some messages fit the memory.
        "queued.max.messages.kbytes": max(1, source.fetch_memory // 4 // _KIB),
        "queued.min.messages": 1_000_000,  # the bound is in bytes
        "max.partition.fetch.bytes": fetch,
        "fetch.max.bytes": 4 * fetch,
        "message.max.bytes": fetch,  # of what is produced; fetch.max.bytes may not be smaller
        "receive.message.max.bytes": 2**31 - 1,  # a larger record must not close the connection
        "fetch.queue.backoff.ms": 10,  # how long a full queue is left alone; 1 s if unsaid
        "fetch.wait.max.ms": 10,  # or a partition's end keeps the connection from the next one
        "fetch.error.backoff.ms": 100,
        "topic.metadata.refresh.interval.ms": 5_000,
        "topic.metadata.refresh.fast.interval.ms": 50,
        "socket.timeout.ms": max(2_000, min(timeout_ms // 4, 10_000)),  # a frozen broker is left
        "reconnect.backoff.max.ms": 1_000,
        "max.poll.interval.ms": 86_400_000,  # writing what was read may take its time
        "statistics.interval.ms": max(100, min(timeout_ms // 4, 1_000)),
    }


class PartitionReader:
    """Reads ranges of one topic, one at a time, through one consumer that connects at the first."""

    def __init__(self, source: KafkaSource, topic: str, home: Path) -> None:
        self._source = source
        self._topic = topic
        self._home = home
        self._consumer: Consumer | None = None
        self._reading = False
        self._fetched: object = None
        self._trouble: KafkaError | None = None

    def read(
        self, partition: int, start: int, end: int, examine: Callable[[], None]
    ) -> Iterator[pa.RecordBatch]:
        """Deliver the records of ``[start, end)`` in batches of the landing schema.

        Args:
            partition: the partition's number.
            start: the first offset.
            end: the offset after the last one.
            examine: raises what is wrong with the range, where something is.

        Raises:
            SourceUnreachable: nothing came for `timeout_seconds`.
            SourceDenied: the client may not read the topic.
            GapUnproven: the brokers sent what cannot be read.
        """
        if self._reading:
            raise RuntimeError("a reader reads one range at a time; end the other one first")
        self._reading = True
        try:
            yield from self._batches(partition, start, end, examine)
        finally:
            self._reading = False
            if self._consumer is not None:
                self._consumer.unassign()  # or it would go on reading ahead

    def close(self) -> None:
        """Close the connections."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _batches(
        self, partition: int, start: int, end: int, examine: Callable[[], None]
    ) -> Iterator[pa.RecordBatch]:
        where = Where(self._source, self._topic, partition)
        consumer = self._open()
        name = pa.scalar(str(partition), pa.string())
        position = start
        progress = _Progress(self._source.timeout_seconds)
        self._trouble = None
        consumer.assign([TopicPartition(self._topic, partition, position)])
        while position < end:
            try:
                messages = consumer.consume(_MESSAGES, 0) or consumer.consume(1, _WAIT_SECONDS)
            except KafkaException as error:
                raise from_librdkafka(where, error.args[0]) from None
            records, errors = _apart(messages)
            if records:
                position = (records[-1].offset() or 0) + 1
                if position > end:  # what stands behind the range is not even looked at
                    records = [record for record in records if (record.offset() or 0) < end]
                if records:
                    yield self._converted(where, name, records)
                progress.made()
                self._trouble = None
            for report in errors:
                if _is_end(report) and (report.offset() or 0) >= end:
                    return
                if self._judge(where, report, examine):
                    consumer.assign([TopicPartition(self._topic, partition, position)])
            if not records and progress.stalled(self._fetched):
                examine()
                self.close()
                raise self._outage(where, position)

    def _open(self) -> Consumer:
        if self._consumer is None:
            settings = librdkafka_settings(self._source, self._home) | tuned_settings(self._source)
            settings |= {"error_cb": self._note, "stats_cb": self._measure}
            self._consumer = Consumer(settings)
        return self._consumer

    def _converted(
        self, where: Where, name: pa.StringScalar, records: Sequence[Message]
    ) -> pa.RecordBatch:
        try:
            return as_batch(name, records)
        except HeaderUndecodable as error:
            found = f"a header at offset {error.offset} whose name is not UTF-8"
            raise damaged(where, found) from None

    def _judge(self, where: Where, message: Message, examine: Callable[[], None]) -> bool:
        """Raise what waiting cannot help; tell whether the partition has to be assigned again."""
        error = message.error()
        if error is None or _is_end(message) or error.code() in _OF_GROUPS:
            return False
        if error.code() in _NOT_IN_THE_LOG:
            self._trouble = error
            examine()
            time.sleep(_WAIT_SECONDS)
            return True
        refusal = from_librdkafka(where, error)
        if isinstance(refusal, SourceChanged):
            examine()
        elif type(refusal) is not SourceUnreachable:
            raise refusal
        self._trouble = error
        return False

    def _outage(self, where: Where, position: int) -> SourceUnreachable:
        heard = "nothing"
        if self._trouble is not None:
            refusal = from_librdkafka(where, self._trouble)
            if isinstance(refusal, SourceDenied):  # waited for, as a broker that starts may say so
                return refusal
            heard = self._trouble.str()
        found = f"no record and no end of the log after offset {position}; last heard: {heard}"
        return unreachable(where, found)

    def _note(self, error: KafkaError) -> None:
        """Remember what went wrong last; that a login was refused is not forgotten for what follows."""
        refused = self._trouble is not None and self._trouble.code() in DENIED_CODES
        if error.code() not in _OF_GROUPS and (not refused or error.code() in DENIED_CODES):
            self._trouble = error

    def _measure(self, statistics: str) -> None:
        """Take how far each partition was fetched: aborted records are, and never come out."""
        topic = json.loads(statistics).get("topics", {}).get(self._topic, {})
        partitions = topic.get("partitions", {})
        self._fetched = {name: row.get("next_offset") for name, row in partitions.items()}


class _Progress:
    """Tells when nothing has moved for too long."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._seen: object = None
        self.made()

    def made(self) -> None:
        self._at = time.monotonic()

    def stalled(self, fetched: object) -> bool:
        if fetched != self._seen:
            self._seen = fetched
            self.made()
        return time.monotonic() - self._at > self._timeout


def _apart(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """Return records, and what librdkafka reports in the form of messages."""
    if not any(map(Message.error, messages)):
        return messages, []
    records = [message for message in messages if message.error() is None]
    return records, [message for message in messages if message.error() is not None]


def _is_end(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001
