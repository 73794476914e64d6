"""Sending to Kafka: what is acknowledged stands in the topic once, and what is not known is said."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from kafka.partitioner import murmur2

from platform_assets.adapters.kafka.sink import KafkaSink
from platform_assets.declarations import KafkaSource
from platform_assets.errors import SourceChanged, SourceUnreachable
from platform_assets.ports.sinks import Outgoing
from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kafka_topics import new_topic
from platform_assets_tests.servers.processes import NoServer, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Message

    from platform_assets.ports.sinks import SendReport
    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

SECONDS = 60


def source(bootstrap: Sequence[str], timeout_seconds: int = 30) -> KafkaSource:
    return KafkaSource(kind="kafka", bootstrap=tuple(bootstrap), timeout_seconds=timeout_seconds)


def send(
    bootstrap: Sequence[str], topic: str, records: Iterator[Outgoing] | list[Outgoing], **given: int
) -> SendReport:
    with closing(KafkaSink(source(bootstrap, **given), topic, home=Path())) as sink:
        return sink.send(records)


def standing(bootstrap: Sequence[str], topic: str) -> dict[int, list[Message]]:
    """Return what stands in each partition, as any consumer reads it."""
    consumer = Consumer(
        {
            "bootstrap.servers": ",".join(bootstrap),
            "group.id": "none",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        partitions = consumer.list_topics(topic, SECONDS).topics[topic].partitions
        ends = {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), SECONDS)[1]
            for number in partitions
        }
        found: dict[int, list[Message]] = {number: [] for number in partitions}
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        deadline = time.monotonic() + SECONDS
        while sum(map(len, found.values())) < sum(ends.values()):
            assert time.monotonic() < deadline
            for message in consumer.consume(10_000, 1):
                assert message.error() is None
                found[message.partition()].append(message)
        return found
    finally:
        consumer.close()


@pytest.fixture(scope="module")
def breakable() -> Iterator[KafkaCluster]:
    """A broker of these tests' own, which they freeze and kill."""
    try:
        cluster = KafkaCluster().start()
    except NoServer as error:
        pytest.skip(f"no Kafka: {error}")
    with cluster:
        yield cluster


def test_records_stand_in_the_partitions_that_were_named_in_order(
    kafka: Kafka, topic: NewTopic
) -> None:
    name = topic("named", partitions=3)
    numbers = range(50_000)
    report = send(
        kafka.bootstrap, name, [Outgoing(b"%d" % n, partition=str(n % 3)) for n in numbers]
    )
    assert report.acknowledged == {"0": 16_667, "1": 16_667, "2": 16_666}
    assert (report.ambiguous, report.refused) == ((), ())
    for partition, messages in standing(kafka.bootstrap, name).items():
        expected = [b"%d" % n for n in numbers if n % 3 == partition]
        assert [message.value() for message in messages] == expected


def test_a_key_leads_to_the_partition_where_kafkas_own_client_puts_it(
    kafka: Kafka, topic: NewTopic
) -> None:
    name = topic("keyed", partitions=5)
    keys = [b"account-%d" % n for n in range(200)]
    report = send(kafka.bootstrap, name, [Outgoing(b"x", key) for key in keys])
    assert report.total == 200
    for partition, messages in standing(kafka.bootstrap, name).items():
        found = {message.key() for message in messages}
        assert found == {key for key in keys if (murmur2(key) & 0x7FFFFFFF) % 5 == partition}


def test_tombstones_empty_values_and_headers_are_sent_as_they_are(
    kafka: Kafka, topic: NewTopic
) -> None:
    name = topic("odd")
    headers = (("a", b"1"), ("a", b"2"), ("none", None))
    records = [Outgoing(None, b"k"), Outgoing(b"", b"k"), Outgoing(b"\x00\xff\n", headers=headers)]
    assert send(kafka.bootstrap, name, records).total == 3
    [messages] = standing(kafka.bootstrap, name).values()
    assert [message.value() for message in messages] == [None, b"", b"\x00\xff\n"]
    assert [message.key() for message in messages] == [b"k", b"k", None]
    assert messages[2].headers() == list(headers)


def test_a_record_that_the_broker_finds_too_large_is_refused_and_the_rest_is_sent(
    kafka: Kafka, topic: NewTopic
) -> None:
    name = topic("large")
    large = bytes(range(256)) * 2**13
    noise = b"".join((n * 2654435761 % 2**32).to_bytes(4, "big") for n in range(2**20))
    records = [Outgoing(b"first"), Outgoing(noise), Outgoing(b"last"), Outgoing(large)]
    report = send(kafka.bootstrap, name, records)
    assert [trouble.number for trouble in report.refused] == [1]
    assert "MSG_SIZE_TOO_LARGE" in report.refused[0].reason
    assert report.acknowledged == {"0": 3}
    [messages] = standing(kafka.bootstrap, name).values()
    assert [message.value() for message in messages] == [b"first", b"last", large]


def test_a_topic_that_is_not_there_is_refused_and_is_not_made(kafka: Kafka) -> None:
    with pytest.raises(SourceChanged, match="does not know"):
        send(kafka.bootstrap, "nowhere", [Outgoing(b"x")])
    admin = AdminClient({"bootstrap.servers": ",".join(kafka.bootstrap)})
    assert "nowhere" not in admin.list_topics(timeout=SECONDS).topics


def test_a_topic_is_made_where_it_is_asked_for_and_stays_as_it_is(kafka: Kafka) -> None:
    name = f"made-{time.monotonic_ns()}"
    with closing(KafkaSink(source(kafka.bootstrap), name, home=Path())) as sink:
        sink.create(3)
        assert sink.partitions() == ["0", "1", "2"]
        sink.create(7)
        assert sink.partitions() == ["0", "1", "2"]
        assert sink.send([Outgoing(b"x", partition="2")]).acknowledged == {"2": 1}


def test_a_partition_that_is_not_there_ends_the_sending(kafka: Kafka, topic: NewTopic) -> None:
    name = topic("two", partitions=2)
    with pytest.raises(SourceChanged, match="partition 2"):
        send(kafka.bootstrap, name, [Outgoing(b"x", partition="2")])
    records = [Outgoing(b"good", partition="0")] * 100 + [Outgoing(b"x", partition="2")] * 2
    report = send(kafka.bootstrap, name, records)
    assert report.acknowledged == {"0": 100}
    assert [trouble.number for trouble in report.refused] == [100]


def test_a_cluster_that_does_not_answer_is_an_outage_within_the_bound() -> None:
    (port,) = free_ports(1)
    with pytest.raises(SourceUnreachable):
        send([f"127.0.0.1:{port}"], "t", [Outgoing(b"x")], timeout_seconds=2)


def test_a_supply_that_fails_is_not_hidden_by_what_is_under_way(
    kafka: Kafka, topic: NewTopic
) -> None:
    def failing() -> Iterator[Outgoing]:
        yield Outgoing(b"x")
        raise LookupError("the supply broke")

    with pytest.raises(LookupError, match="the supply broke"):
        send(kafka.bootstrap, topic("failing"), failing())


@pytest.mark.kafka
def test_what_was_under_way_when_the_broker_fell_silent_is_ambiguous_and_nothing_follows(
    breakable: KafkaCluster,
) -> None:
    name = new_topic(breakable.bootstrap, "silent", partitions=2)
    taken: list[bytes] = []

    def records() -> Iterator[Outgoing]:
        for number in range(10_000_000):
            if number == 30_000:
                breakable.freeze(1)
            taken.append(b"%d" % number)
            yield Outgoing(taken[-1], partition=str(number % 2))

    try:
        report = send(breakable.bootstrap, name, records(), timeout_seconds=4)
    finally:
        breakable.thaw(1)
    assert report.ambiguous
    assert report.refused == ()
    assert report.total + len(report.ambiguous) == len(taken) < 100_000
    assert "_MSG_TIMED_OUT" in report.ambiguous[0].reason

    doubted = {taken[trouble.number] for trouble in report.ambiguous}
    breakable.wait_ready()
    found = Counter(
        message.value()
        for messages in standing(breakable.bootstrap, name).values()
        for message in messages
    )
    assert set(found.values()) == {1}, "no record stands twice"
    assert set(taken) - doubted <= set(found) <= set(taken)


@pytest.mark.kafka
def test_a_broker_that_is_killed_and_comes_back_has_every_record_once(
    breakable: KafkaCluster,
) -> None:
    name = new_topic(breakable.bootstrap, "killed", partitions=2)
    numbers = range(200_000)

    def records() -> Iterator[Outgoing]:
        for number in numbers:
            if number in (60_000, 120_000):
                breakable.restart(1)
            yield Outgoing(b"%d" % number, partition=str(number % 2))

    report = send(breakable.bootstrap, name, records(), timeout_seconds=SECONDS)
    assert report.acknowledged == {"0": 100_000, "1": 100_000}
    breakable.wait_ready()
    for partition, messages in standing(breakable.bootstrap, name).items():
        expected = [b"%d" % n for n in numbers if n % 2 == partition]
        assert [message.value() for message in messages] == expected
