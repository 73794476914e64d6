"""What a look counted is not transferred again by the next one, which opens the topic anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Producer

from platform_assets.adapters.kafka.batches import BatchScan
from platform_assets.adapters.kafka.sizes import RememberedSizes
from platform_assets.adapters.kafka.source import KafkaStream
from platform_assets.declarations import KafkaSource
from platform_assets.ports.streams import Span
from platform_assets_tests.adapters.kafka.test_sizes import Log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from platform_assets.adapters.kafka.batch_headers import Piece
    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

_SECONDS = 30


def test_partitions_that_were_used_last_are_remembered() -> None:
    remembered = RememberedSizes(2)
    logs = [Log([(0, 1, 100)] * 10) for _ in range(3)]

    def look(number: int) -> int:
        log, before = logs[number], logs[number].scanned
        assert remembered.cut(number, 0, log.end, 350, log.scan) == 3
        return log.scanned - before

    first = look(0)
    assert first > 0
    assert look(1) > 0
    assert look(0) == 0
    assert look(2) > 0  # the third partition puts out the one that was not used for longest
    assert look(0) == 0
    assert look(1) == first


def test_the_next_look_transfers_only_what_is_new(
    kafka: Kafka, topic: NewTopic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, other = topic("orders"), topic("orders")
    producer = Producer({"bootstrap.servers": ",".join(kafka.bootstrap), "linger.ms": 0})
    scanned: list[tuple[int, int]] = []
    scan = BatchScan.scan

    def noted(self: BatchScan, start: int, end: int) -> Iterator[Piece]:
        scanned.append((start, end))
        return scan(self, start, end)

    monkeypatch.setattr(BatchScan, "scan", noted)

    def send(records: int) -> None:
        for _ in range(records):
            producer.produce(name, b"x" * 100, partition=0)
            assert producer.flush(_SECONDS) == 0

    def look(of: str = name) -> int:
        source = KafkaSource(kind="kafka", bootstrap=tuple(kafka.bootstrap))
        with KafkaStream(source, of, home=tmp_path) as stream:
            (extent,) = stream.extents()
            return stream.limit_bytes(Span.of("0", 0, extent.end), 1_000_000)

    send(5)
    assert look() == look() == 5
    assert scanned == [(0, 5)]
    send(3)
    assert look() == 8
    assert scanned == [(0, 5), (5, 8)]
    assert look(other) == 0
