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

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from platform_assets.adapters.kafka.connection import Brokers
from platform_assets.adapters.kafka.deliveries import Deliveries, producer_error
from platform_assets.adapters.kafka.errors import Where
from platform_assets.adapters.kafka.limits import largest_batch
from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.adapters.kafka.security import librdkafka_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from platform_assets.declarations import KafkaSource
    from platform_assets.ports.sinks import Outgoing, SendReport

#: How much may be under way, and so ambiguous when a cluster falls silent.
_MOST_RECORDS = 20_000
_MOST_KIB = 64 * 1024
_LARGEST_RECORD = 64 * 1024**2
_GRACE_SECONDS = 5


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
        troubles: list[KafkaError] = []
        settings = {
            **librdkafka_settings(self._source, self._home),
            "error_cb": troubles.append,  # a time-out alone does not say what of
        }
        admin = AdminClient(settings)
        wanted = NewTopic(self._topic.name, partitions, replication_factor=-1)
        for done in admin.create_topics([wanted], request_timeout=seconds).values():
            try:
                done.result(seconds + _GRACE_SECONDS)  # librdkafka bounds the request itself
            except KafkaException as error:
                admin.poll(0)
                told: KafkaError = error.args[0]
                if told.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                    continue
                if told.code() == KafkaError._TIMED_OUT and troubles:  # noqa: SLF001 - the library's name
                    told = _first_said(troubles)
                raise producer_error(self._where, told) from error

    def send(
        self,
        records: Iterable[Outgoing | None],
        *,
        partitions: Collection[str] | None = None,
        acknowledged: Callable[[int], None] | None = None,
    ) -> SendReport:
        """Send records, in order within each key, and wait until the fate of each is known.

        A record without partition goes where its key says, by the hash that Kafka's own client uses.
        For `partitions` and `acknowledged` see `platform_assets.ports.sinks.StreamSink.send`.

        Raises:
            SourceUnreachable: nothing could be sent at all.
            SourceDenied: the client is not let in, or may not write.
            SourceChanged: there is no such topic, or no such partition.
        """
        sending = Deliveries(
            self._where,
            [name for name in self.partitions() if partitions is None or name in partitions],  # 1
            by_key=partitions is None,
            told=acknowledged,
        )
        producer = Producer(
            {
                **librdkafka_settings(self._source, self._home),
                **_settings(self._source.timeout_seconds),
                "batch.size": largest_batch(self._topic),
                "error_cb": sending.note,
            }
        )
        try:
            number = 0
            for record in records:  # 2
                with sending:
                    if record is not None:
                        sending.hand_over(producer, number, record)
                        number += 1
                    sending.ask(producer)
                if sending.account.stopped:
                    break
            with sending:
                # librdkafka bounds how long a record may be under way
                producer.flush(self._source.timeout_seconds + _GRACE_SECONDS)
        finally:
            with sending:
                producer.purge()  # what is left, if there is any, comes back as failed
                producer.flush(_GRACE_SECONDS)
        return sending.report()


def _first_said(troubles: list[KafkaError]) -> KafkaError:
    """Return what was said first, other than that all brokers are down: that only follows from it."""
    down = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - the library's name for a client-side code
    return next((trouble for trouble in troubles if trouble.code() != down), troubles[0])


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
