"""A Kafka topic that can be filled and damaged, for the behaviours of stream sources.

Records are sent one by one, so that each is a record batch of its own. Damage that no broker would do
by itself is done to the segment of the partition while the broker is down, as a disk does it; the
broker then recovers the log from what is left.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from platform_assets.adapters.kafka.source import KafkaStream
from platform_assets.declarations import KafkaSource
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

_BROKER = 1
_LENGTH_AT, _UP_TO_LENGTH = 8, 12


class KafkaSubject:
    def __init__(self, cluster: KafkaCluster, home: Path) -> None:
        self._cluster = cluster
        self._topic = new_topic(cluster.bootstrap, "behaviours")
        bootstrap = tuple(cluster.bootstrap)
        self.source = KafkaStream(
            KafkaSource(kind="kafka", bootstrap=bootstrap, timeout_seconds=5),
            self._topic,
            home=home,
        )
        self._settings = {"bootstrap.servers": ",".join(bootstrap)}

    def append(self, partition: str, records: Iterable[bytes]) -> tuple[int, int]:
        self._make_partitions(int(partition) + 1)
        producer = Producer(self._settings | {"linger.ms": 0, "acks": "all"})
        offsets: list[int] = []
        for record in records:
            producer.produce(
                self._topic,
                record,
                partition=int(partition),
                on_delivery=lambda error, message: offsets.append(
                    -1 if error else message.offset()
                ),
            )
            assert producer.flush(30) == 0
        assert -1 not in offsets
        return offsets[0], offsets[-1] + 1

    def expire(self, partition: str, before: int) -> None:
        admin = AdminClient(self._settings)
        place = TopicPartition(self._topic, int(partition), before)
        assert admin.delete_records([place])[place].result(30).low_watermark == before

    def truncate(self, partition: str, end: int) -> None:
        self._rewrite(partition, lambda batches: batches[:end])

    def lose(self, partition: str, offset: int) -> None:
        self._rewrite(partition, lambda batches: [*batches[:offset], *batches[offset + 1 :]])

    def costs(self, partition: str, records: list[bytes]) -> list[int]:
        sizes = [len(batch) for batch in _batches(self._segment(partition).read_bytes())]
        assert len(sizes) == len(records)
        return sizes

    def disconnect(self) -> None:
        self._cluster.freeze(_BROKER)

    def reconnect(self) -> None:
        self._cluster.thaw(_BROKER)

    def close(self) -> None:
        self.source.close()
        self._cluster.thaw(_BROKER)

    def _make_partitions(self, count: int) -> None:
        admin = AdminClient(self._settings)
        has = len(admin.list_topics(self._topic, 30).topics[self._topic].partitions)
        if has < count:
            wanted = NewPartitions(self._topic, count)
            admin.create_partitions([wanted])[self._topic].result(30)
            self._cluster.wait_ready()

    def _rewrite(self, partition: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
        self._cluster.kill(_BROKER)
        segment = self._segment(partition)
        segment.write_bytes(b"".join(change(_batches(segment.read_bytes()))))
        self._cluster.restart(_BROKER)
        self._cluster.wait_ready()

    def _segment(self, partition: str) -> Path:
        folder = self._cluster._folder / f"data-{_BROKER}" / f"{self._topic}-{partition}"
        (segment,) = folder.glob("*.log")
        return segment


def _batches(log: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(log):
        (length,) = struct.unpack_from(">i", log, at + _LENGTH_AT)
        found.append(log[at : at + _UP_TO_LENGTH + length])
        at += len(found[-1])
    return found
