"""A Kafka topic as its producer sees it: idempotent, acknowledged by all replicas in sync.

1. Ask for the topic first, in a way that creates none. A cluster that does not answer, or does not know
   the topic, or does not let the client in, is an error before anything is sent.
2. Hand records over to librdkafka, which batches, compresses and sends them, and sends a batch again
   under its own sequence number where the answer was lost, so that a broker writes it once. Only a
   bounded number is under way.
3. Each record comes back acknowledged or failed. What a broker says of a record that it did not write
   is a refusal. After any other failure, a time-out above all, the record may stand in the topic: it is
   ambiguous, and nothing more is sent.

librdkafka knows of some timed-out records that they never left, but Python is not told; so all that was
under way when the time ran out is ambiguous.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from platform_assets.adapters.kafka.connection import Brokers
from platform_assets.adapters.kafka.errors import (
    DENIED_CODES,
    MISSING_CODES,
    Where,
    from_librdkafka,
)
from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.adapters.kafka.security import librdkafka_settings, principal
from platform_assets.adapters.sending import Account
from platform_assets.errors import PlatformError, SourceChanged, SourceDenied

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from confluent_kafka import Message

    from platform_assets.declarations import KafkaSource
    from platform_assets.ports.sinks import Outgoing, SendReport

#: How much may be under way, and so ambiguous when a cluster falls silent.
_MOST_RECORDS = 20_000
_MOST_KIB = 64 * 1024
_LARGEST_RECORD = 64 * 1024**2
_POLL_EVERY = 64
_POLL_SECONDS = 0.05
_GRACE_SECONDS = 5

#: What brokers answer about a record that they did not write.
_NOT_WRITTEN = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
}


class KafkaSink:
    """One topic to which records are sent. Implements `platform_assets.ports.sinks.StreamSink`."""

    kind = "kafka"

    def __init__(self, source: KafkaSource, topic: str, *, home: Path) -> None:
        self._source = source
        self._home = home
        self._where = Where(source, topic)
        self._brokers = Brokers(source, home)
        self._topic = Topic(self._brokers, topic)

    def close(self) -> None:
        """Let go of connections."""
        self._brokers.close()

    def partitions(self) -> list[str]:
        """Return the topic's partitions in numeric order.

        Raises:
            SourceUnreachable: the cluster did not answer in time.
            SourceDenied: the client is not let in.
            SourceChanged: there is no such topic; none is created.
        """
        return [str(number) for number in self._topic.describe().leaders]

    def create(self, partitions: int) -> None:
        """Create the topic, with as many copies as the cluster gives; one that is there stays.

        Raises:
            SourceUnreachable, SourceDenied: it could not be created.
        """
        seconds = float(self._source.timeout_seconds)
        admin = AdminClient(librdkafka_settings(self._source, self._home))
        wanted = NewTopic(self._topic.name, partitions, replication_factor=-1)
        for done in admin.create_topics([wanted], request_timeout=seconds).values():
            try:
                done.result(seconds)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise _error(self._where, error.args[0]) from error

    def send(self, records: Iterable[Outgoing]) -> SendReport:
        """Send records, in order within each key, and wait until the fate of each is known.

        A record without partition goes where its key says, by the hash that Kafka's own client uses.

        Raises:
            SourceUnreachable: nothing could be sent at all.
            SourceDenied: the client is not let in, or may not write.
            SourceChanged: there is no such topic, or no such partition.
        """
        sending = _Sending(self._where, self.partitions())  # 1
        producer = Producer(
            {
                **librdkafka_settings(self._source, self._home),
                **_settings(self._source.timeout_seconds),
                "error_cb": sending.note,
            }
        )
        try:
            for number, record in enumerate(records):  # 2
                sending.hand_over(producer, number, record)
                if number % _POLL_EVERY == 0:
                    producer.poll(0)
                if sending.account.stopped:
                    break
            # librdkafka bounds how long a record may be under way
            producer.flush(self._source.timeout_seconds + _GRACE_SECONDS)
        finally:
            producer.purge()  # what is left, if there is any, comes back as failed
            producer.flush(_GRACE_SECONDS)
        return sending.account.report()


class _Sending:
    """One call of `send`: what is known of each record, and the last trouble with a connection."""

    def __init__(self, where: Where, names: list[str]) -> None:
        self.account = Account()
        self._where = where
        self._names = names
        self._trouble = ""

    def note(self, error: KafkaError) -> None:
        """Keep what librdkafka says of a connection."""
        self._trouble = _described(error)

    def hand_over(self, producer: Producer, number: int, record: Outgoing) -> None:
        """Hand a record to librdkafka; wait while as many are under way as may be."""
        if record.partition is not None and record.partition not in self._names:
            self.account.stop(number, self._no_partition(record.partition))
            return
        where: dict[str, Any] = {}
        if record.partition is not None:
            where["partition"] = int(record.partition)
        if record.headers:
            where["headers"] = list(record.headers)
        told = partial(self._told, number)
        while True:
            try:
                producer.produce(
                    str(self._where.topic), record.value, record.key, on_delivery=told, **where
                )
            except BufferError:
                producer.poll(_POLL_SECONDS)
            except KafkaException as error:
                self._not_written(number, error.args[0])
                return
            else:
                return

    def _told(self, number: int, error: KafkaError | None, message: Message) -> None:
        if error is None:  # 3
            self.account.acknowledged[str(message.partition())] += 1
        elif error.code() in _NOT_WRITTEN | DENIED_CODES | MISSING_CODES:
            self._not_written(number, error)
        else:
            after = f", after {self._trouble}" if self._trouble else ""
            self.account.doubt(number, f"{_described(error)}{after}")

    def _not_written(self, number: int, error: KafkaError) -> None:
        if error.code() in _NOT_WRITTEN:
            self.account.refuse(number, _described(error))
        else:
            self.account.stop(number, _error(self._where, error))

    def _no_partition(self, name: str) -> SourceChanged:
        return SourceChanged(
            str(self._where),
            expected=f"one of the partitions {', '.join(self._names)}",
            found=f"a record for partition {name}",
            remedy="Send to a partition that there is, or give the topic more of them.",
        )


def _error(where: Where, error: KafkaError) -> PlatformError:
    found = from_librdkafka(where, error)
    if not isinstance(found, SourceDenied):
        return found
    return SourceDenied(
        found.thing,
        expected=f"leave to write for {principal(where.source)}",
        found=found.found,
        remedy="Correct the credentials, or grant what a producer needs: WRITE and DESCRIBE on the "
        "topic, and CREATE where it shall make the topic.",
    )


def _settings(timeout_seconds: int) -> dict[str, Any]:
    milliseconds = timeout_seconds * 1000
    return {
        "enable.idempotence": True,
        "acks": "all",
        "delivery.timeout.ms": milliseconds,
        # A broker that hangs is given up early enough to ask another one in time.
        "socket.timeout.ms": max(milliseconds // 3, 1000),
        "compression.type": "lz4",
        "linger.ms": 5,
        "partitioner": "murmur2_random",
        "message.max.bytes": _LARGEST_RECORD,
        "queue.buffering.max.messages": _MOST_RECORDS,
        "queue.buffering.max.kbytes": _MOST_KIB,
    }


def _described(error: KafkaError) -> str:
    return f"{error.name()}: {error.str()}"
