"""Sending to Kafka: what is acknowledged stands in the topic once, and what is not known is said."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AclOperation, AdminClient
from kafka.partitioner import murmur2

from platform_assets.adapters.kafka.sink import KafkaSink
from platform_assets.declarations import KafkaSource
from platform_assets.errors import SourceChanged, SourceDenied, SourceUnreachable
from platform_assets.ports.sinks import Outgoing
from platform_assets_tests.servers.kafka_security import allow
from platform_assets_tests.servers.kafka_topics import new_topic
from platform_assets_tests.servers.processes import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Message

    from platform_assets.ports.sinks import SendReport
    from platform_assets_tests.servers.kafka_cluster import KafkaCluster
    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

SECONDS = 60


def source(bootstrap: Sequence[str], timeout_seconds: int = 30) -> KafkaSource:
    return KafkaSource(kind="kafka", bootstrap=tuple(bootstrap), timeout_seconds=timeout_seconds)


def send(
    bootstrap: Sequence[str],
    topic: str,
    records: Iterator[Outgoing] | list[Outgoing],
    told: list[int] | None = None,
    **given: int,
) -> SendReport:
    with closing(KafkaSink(source(bootstrap, **given), topic, home=Path())) as sink:
        return sink.send(records, acknowledged=None if told is None else told.append)


def standing(bootstrap: Sequence[str], topic: str, at_least: int = 0) -> dict[int, list[Message]]:
    """Return what stands in each partition, as any consumer reads it; wait for so many records."""
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
        deadline = time.monotonic() + SECONDS
        while True:
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), SECONDS)[1]
                for number in partitions
            }
            if sum(ends.values()) >= at_least:
                break
            assert time.monotonic() < deadline, ends
            time.sleep(0.05)
        found: dict[int, list[Message]] = {number: [] for number in partitions}
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        while sum(map(len, found.values())) < sum(ends.values()):
            assert time.monotonic() < deadline
            for message in consumer.consume(10_000, 1):
                assert message.error() is None
                found[message.partition()].append(message)
        return found
    finally:
        consumer.close()


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
    told: list[int] = []
    report = send(kafka.bootstrap, name, records, told)
    assert sorted(told) == [0, 2, 3]
    assert [trouble.number for trouble in report.refused] == [1]
    assert "MSG_SIZE_TOO_LARGE" in report.refused[0].reason
    assert report.acknowledged == {"0": 3}
    [messages] = standing(kafka.bootstrap, name).values()
    assert [message.value() for message in messages] == [b"first", b"last", large]


def test_a_topic_that_takes_small_batches_gets_small_batches(kafka: Kafka, topic: NewTopic) -> None:
    name = topic("small", config={"max.message.bytes": "10000"})
    sent = [hashlib.sha512(b"%d" % n).digest() * 5 for n in range(2_000)]
    noise = b"".join(hashlib.sha512(b"%d" % n).digest() for n in range(300))
    report = send(kafka.bootstrap, name, [*map(Outgoing, sent), Outgoing(noise)])
    assert report.acknowledged == {"0": 2_000}
    assert [trouble.number for trouble in report.refused] == [2_000]
    [messages] = standing(kafka.bootstrap, name).values()
    assert [message.value() for message in messages] == sent


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


def test_what_was_under_way_when_the_broker_fell_silent_is_ambiguous_and_nothing_follows(
    own_kafka: KafkaCluster,
) -> None:
    name = new_topic(own_kafka.bootstrap, "silent", partitions=2)
    taken: list[bytes] = []

    def records() -> Iterator[Outgoing]:
        for number in range(10_000_000):
            if number == 30_000:
                own_kafka.freeze(1)
            taken.append(b"%d" % number)
            yield Outgoing(taken[-1], partition=str(number % 2))

    told: list[int] = []
    try:
        report = send(own_kafka.bootstrap, name, records(), told, timeout_seconds=4)
    finally:
        own_kafka.thaw(1)
    assert report.ambiguous
    assert set(told).isdisjoint(trouble.number for trouble in report.ambiguous)
    assert report.refused == ()
    assert report.total + len(report.ambiguous) == len(taken) < 100_000
    assert "_MSG_TIMED_OUT" in report.ambiguous[0].reason

    doubted = {taken[trouble.number] for trouble in report.ambiguous}
    own_kafka.wait_ready()
    found = Counter(
        message.value()
        for messages in standing(own_kafka.bootstrap, name).values()
        for message in messages
    )
    assert set(found.values()) == {1}, "no record stands twice"
    assert set(taken) - doubted <= set(found) <= set(taken)


def test_a_broker_that_is_killed_and_comes_back_has_every_record_once(
    own_kafka: KafkaCluster,
) -> None:
    name = new_topic(own_kafka.bootstrap, "killed", partitions=2)
    numbers = range(200_000)

    def records() -> Iterator[Outgoing]:
        for number in numbers:
            if number in (60_000, 120_000):
                own_kafka.restart(1)
            yield Outgoing(b"%d" % number, partition=str(number % 2))

    report = send(own_kafka.bootstrap, name, records(), timeout_seconds=SECONDS)
    assert report.acknowledged == {"0": 100_000, "1": 100_000}
    own_kafka.wait_ready()
    for partition, messages in standing(own_kafka.bootstrap, name).items():
        expected = [b"%d" % n for n in numbers if n % 2 == partition]
        assert [message.value() for message in messages] == expected


def test_what_was_written_and_not_answered_is_ambiguous_though_it_stands(
    own_kafka: KafkaCluster,
) -> None:
    """The broker writes the records, and its answer does not arrive in time."""
    name = new_topic(own_kafka.bootstrap, "unanswered")
    [proxy] = own_kafka.proxies.values()

    def records() -> Iterator[Outgoing]:
        yield from (Outgoing(b"first %d" % n) for n in range(100))
        standing(own_kafka.bootstrap, name, 100)
        proxy.delay(10 * SECONDS)
        yield from (Outgoing(b"last %d" % n) for n in range(100))

    try:
        report = send(own_kafka.addresses("PROXIED"), name, records(), timeout_seconds=4)
    finally:
        proxy.restore()
    assert report.total + len(report.ambiguous) == 200
    assert {trouble.number for trouble in report.ambiguous} >= set(range(100, 200))
    assert report.refused == ()
    [messages] = standing(own_kafka.bootstrap, name, 200).values()
    assert [m.value() for m in messages] == [
        *(b"first %d" % n for n in range(100)),
        *(b"last %d" % n for n in range(100)),
    ]


def test_connections_that_are_cut_again_and_again_double_nothing(own_kafka: KafkaCluster) -> None:
    name = new_topic(own_kafka.bootstrap, "cut", partitions=2)
    [proxy] = own_kafka.proxies.values()
    numbers = range(100_000)
    before = proxy.cuts

    def records() -> Iterator[Outgoing]:
        for number in numbers:
            if number % 10_000 == 9_999:
                proxy.cut_after(50)
            yield Outgoing(b"%d" % number, partition=str(number % 2))

    try:
        report = send(own_kafka.addresses("PROXIED"), name, records(), timeout_seconds=SECONDS)
    finally:
        proxy.restore()
    assert proxy.cuts - before >= 3
    assert report.acknowledged == {"0": 50_000, "1": 50_000}
    for partition, messages in standing(own_kafka.bootstrap, name).items():
        expected = [b"%d" % n for n in numbers if n % 2 == partition]
        assert [message.value() for message in messages] == expected


def stranger_on(cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> KafkaSource:
    """Declare a source with the password of the user ``stranger``."""
    assert cluster.security is not None
    monkeypatch.setenv("SINK_USER", "stranger")
    monkeypatch.setenv("SINK_PASSWORD", cluster.security.passwords["stranger"])
    return KafkaSource.model_validate(
        {
            "kind": "kafka",
            "bootstrap": cluster.addresses("SASL_PLAINTEXT"),
            "timeout_seconds": 20,
            "sasl": {
                "mechanism": "SCRAM-SHA-256",
                "username": {"env": "SINK_USER"},
                "password": {"env": "SINK_PASSWORD"},
            },
        }
    )


def test_a_record_that_comes_after_the_refusal_is_told_why_and_not_only_that_it_is_fatal(
    kafka_secured: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_topic(kafka_secured.bootstrap, "forbidden")
    allow(kafka_secured.bootstrap, "stranger", name, AclOperation.DESCRIBE)

    def late() -> Iterator[Outgoing]:
        time.sleep(3)  # by then the producer was refused its id, and nobody has asked it
        yield Outgoing(b"x")

    declared = stranger_on(kafka_secured, monkeypatch)
    with (
        closing(KafkaSink(declared, name, home=Path())) as sink,
        pytest.raises(SourceDenied, match="AUTHORIZATION_FAILED"),
    ):
        sink.send(late())


@pytest.mark.parametrize("elsewhere", [False, True], ids=["nowhere", "elsewhere"])
@pytest.mark.parametrize("rights", [[], [AclOperation.DESCRIBE]], ids=["nothing", "describe"])
def test_a_client_that_may_not_write_is_told_so(
    kafka_secured: KafkaCluster,
    monkeypatch: pytest.MonkeyPatch,
    rights: list[AclOperation],
    elsewhere: bool,
) -> None:
    name = new_topic(kafka_secured.bootstrap, "forbidden")
    if elsewhere:  # then the broker gives it a producer id
        other = new_topic(kafka_secured.bootstrap, "other")
        allow(kafka_secured.bootstrap, "stranger", other, AclOperation.WRITE)
    if rights:
        allow(kafka_secured.bootstrap, "stranger", name, *rights)
    declared = stranger_on(kafka_secured, monkeypatch)
    assert kafka_secured.security is not None
    with (
        closing(KafkaSink(declared, name, home=Path())) as sink,
        pytest.raises(SourceDenied) as told,
    ):
        sink.send([Outgoing(b"x")] * 10)
    assert kafka_secured.security.passwords["stranger"] not in str(told.value)
    if rights:
        assert "WRITE" in told.value.remedy
    assert standing(kafka_secured.bootstrap, name) == {0: []}
