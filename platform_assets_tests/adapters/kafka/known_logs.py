"""Real logs whose content is known: producers keep a ledger of what they wrote and how it ended.

The ledger is what the brokers acknowledged: partition and offset of each record, and whether its
transaction was committed, aborted, or left open.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from platform_assets.adapters.kafka.batches import BatchScan
from platform_assets.adapters.kafka.connection import Brokers
from platform_assets.adapters.kafka.gaps import classify
from platform_assets.declarations import KafkaSource
from platform_assets_tests.adapters.kafka.gap_model import holes_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.adapters.kafka.metadata import Topic
    from platform_assets.ports.streams import Gap

SECONDS = 60

#: Partition, key and value.
Record = tuple[int, bytes | None, bytes | None]


@dataclass
class Ledger:
    """What was acknowledged: by partition, offset to value; aborted and open records apart.

    ``keys`` has the key of every record.
    """

    committed: dict[int, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    aborted: dict[int, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    undecided: dict[int, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    keys: dict[int, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))

    def of(self, outcome: str) -> dict[int, dict[int, bytes]]:
        """Return the part of the ledger for an outcome of a transaction."""
        return {"commit": self.committed, "abort": self.aborted, "open": self.undecided}[outcome]


class Writer:
    """A producer that keeps the ledger; one per transaction that is open at a time.

    A transaction that ends is stable when the call returns, so none may be open before it.
    """

    def __init__(
        self,
        bootstrap: Sequence[str],
        topic: str,
        ledger: Ledger,
        *,
        compression: str = "none",
        transactions: bool = True,
    ) -> None:
        settings: dict[str, object] = {
            "bootstrap.servers": ",".join(bootstrap),
            "compression.type": compression,
            "linger.ms": 30_000,  # what is written together is one batch; flushing does not wait
            "log_level": 0,
        }
        if transactions:
            settings["transactional.id"] = uuid.uuid4().hex
            settings["transaction.timeout.ms"] = 600_000
        self._producer = Producer(settings)
        self._producer.list_topics(
            topic, SECONDS
        )  # a batch is not cut while the topic is looked up
        self._admin = admin_of(bootstrap)
        self._topic = topic
        self._ledger = ledger
        self._transactions = transactions
        self._ends: dict[int, int] = {}
        if transactions:
            self._producer.init_transactions(SECONDS)

    def write(self, records: Sequence[Record], outcome: str = "commit") -> None:
        """Send records, (partition, key, value) each, and end their transaction; or leave it open."""
        into = self._ledger.of(outcome)
        failed: list[object] = []

        def acknowledged(error: object, message: object) -> None:
            if error is not None:
                failed.append(error)
                return
            partition, offset = message.partition(), message.offset()  # type: ignore[attr-defined]
            into[partition][offset] = message.value()  # type: ignore[attr-defined]
            self._ledger.keys[partition][offset] = message.key()  # type: ignore[attr-defined]
            self._ends[partition] = offset + 2  # with the marker behind it

        self._ends = {}
        if self._transactions:
            self._producer.begin_transaction()
        for partition, key, value in records:
            while True:
                try:
                    self._producer.produce(
                        self._topic, value, key, partition, on_delivery=acknowledged
                    )
                    break
                except BufferError:
                    self._producer.poll(0.05)
        assert self._producer.flush(SECONDS) == 0
        assert not failed
        if self._transactions and outcome == "commit":
            self.commit()
        elif self._transactions and outcome == "abort":
            self._producer.abort_transaction(SECONDS)
            wait_until_stable(self._admin, self._topic, self._ends)

    def commit(self) -> None:
        """Commit the transaction that is open."""
        self._producer.commit_transaction(SECONDS)
        wait_until_stable(self._admin, self._topic, self._ends)


def admin_of(bootstrap: Sequence[str]) -> AdminClient:
    """Return a client that prepares things, and does not complain when its broker ends."""
    return AdminClient({"bootstrap.servers": ",".join(bootstrap), "log_level": 0})


def wait_until_stable(admin: AdminClient, topic: str, ends: Mapping[int, int]) -> None:
    """Wait until the last stable offset of each partition has come to an end, ``{partition: end}``.

    The coordinator says that a transaction has ended before its markers stand in the partitions.
    """
    asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in ends}
    deadline = time.monotonic() + SECONDS
    while asked:
        answers = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED)
        stable = {place.partition: found.result(SECONDS).offset for place, found in answers.items()}
        if all(stable[partition] >= end for partition, end in ends.items()):
            return
        assert time.monotonic() < deadline, f"stable up to {stable}, not up to {dict(ends)}"
        time.sleep(0.01)


def kafka_source(bootstrap: Sequence[str], *, seconds: int = 20) -> KafkaSource:
    """Return the declaration of a source without security."""
    return KafkaSource(kind="kafka", bootstrap=tuple(bootstrap), timeout_seconds=seconds)


def brokers(bootstrap: Sequence[str], *, seconds: int = 20) -> Brokers:
    """Return the brokers behind addresses, without security."""
    return Brokers(kafka_source(bootstrap, seconds=seconds), Path())


def read_committed(
    bootstrap: Sequence[str], topic: str, partition: int, start: int, end: int
) -> dict[int, bytes | None]:
    """Return what a plain consumer of committed records gets between two offsets."""
    consumer = Consumer(
        {
            "bootstrap.servers": ",".join(bootstrap),
            "group.id": "known-logs",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "log_level": 0,
        }
    )
    found: dict[int, bytes | None] = {}
    try:
        consumer.assign([TopicPartition(topic, partition, start)])
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for message in consumer.consume(10_000, 0.2):
                if message.error() is not None or message.offset() >= end:
                    return found
                found[message.offset()] = message.value()
        raise AssertionError("the end of the range was not reached")
    finally:
        consumer.close()


def explained(
    topic: Topic, partition: int, start: int, end: int, delivered: dict[int, bytes | None]
) -> list[Gap]:
    """Return the gaps that explain what was not delivered, from the real headers."""
    scan = BatchScan(topic, topic.describe(), partition).scan
    holes = holes_of((start, end), sorted(delivered))
    return classify(
        topic.name,
        str(partition),
        (start, end),
        holes=holes,
        policy=topic.cleanup_policy(),
        scan=scan,
    )


def numbered(partition: int, count: int, size: int = 0) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield records of a partition whose values are all different."""
    for number in range(count):
        value = f"{uuid.uuid4().hex}-{number}".encode()
        yield partition, str(number % 50).encode(), value.ljust(size, b".")
