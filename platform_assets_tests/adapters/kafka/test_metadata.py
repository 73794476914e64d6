from __future__ import annotations

import base64
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException, Producer

from platform_assets.adapters.kafka import metadata as metadata_module
from platform_assets.adapters.kafka.batches import BatchScan
from platform_assets.adapters.kafka.descriptions import described_topic
from platform_assets.adapters.kafka.metadata import Description, EpochEnd, Leader, Topic
from platform_assets.errors import SourceChanged, SourceUnreachable, StreamRecreated
from platform_assets_tests.adapters.kafka.known_logs import (
    SECONDS,
    Ledger,
    Writer,
    admin_of,
    brokers,
    numbered,
)
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from platform_assets.adapters.kafka.connection import Brokers, Session
    from platform_assets_tests.servers.kafka_cluster import KafkaCluster
    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic


def test_a_topic_is_described_by_cluster_id_topic_id_and_every_partition(
    kafka: Kafka, topic: NewTopic, cluster: Brokers
) -> None:
    found = Topic(cluster, topic("events", partitions=5)).describe()

    assert found.cluster == kafka.cluster_id
    assert found.uuid is not None
    assert uuid.UUID(bytes=base64.urlsafe_b64decode(found.topic_id + "==")) == found.uuid
    assert list(found.leaders) == [0, 1, 2, 3, 4]
    assert {leader.epoch for leader in found.leaders.values()} == {0}


def test_a_topic_that_does_not_exist_is_no_outage(cluster: Brokers) -> None:
    absent = Topic(cluster, "absent")

    for ask in (absent.describe, absent.cleanup_policy, lambda: absent.stable_ends([0])):
        with pytest.raises(SourceChanged, match=r"does not know it.*create the topic") as refused:
            ask()
        assert refused.value.exit_code == 1
        assert "topic absent of kafka at" in refused.value.thing


def test_a_partition_that_does_not_exist_is_named(topic: NewTopic, cluster: Brokers) -> None:
    with pytest.raises(SourceChanged, match="partitions 7"):
        Topic(cluster, topic("events")).log_starts([0, 7])


@pytest.mark.parametrize("policy", ["delete", "compact", "compact,delete"])
def test_the_cleanup_policy(topic: NewTopic, cluster: Brokers, policy: str) -> None:
    name = topic("events", config={"cleanup.policy": policy})
    assert Topic(cluster, name).cleanup_policy() == policy


def test_the_words_of_a_policy_are_always_in_the_same_order(
    topic: NewTopic, cluster: Brokers
) -> None:
    name = topic("events", config={"cleanup.policy": "delete, compact"})
    assert Topic(cluster, name).cleanup_policy() == "compact,delete"


def test_the_stable_end_is_before_an_open_transaction_and_moves_when_it_ends(
    kafka: Kafka, topic: NewTopic, cluster: Brokers
) -> None:
    name = topic("events", partitions=3)
    ledger = Ledger()
    Writer(kafka.bootstrap, name, ledger, transactions=False).write(
        [*numbered(0, 4), *numbered(2, 6)]
    )
    Writer(kafka.bootstrap, name, ledger).write(list(numbered(2, 5)), "open")
    events = Topic(cluster, name)

    assert events.stable_ends([0, 1, 2]) == {0: 4, 1: 0, 2: 6}
    assert events.log_starts([2, 0]) == {2: 0, 0: 0}


def test_an_offset_is_found_by_the_time_of_its_record(
    kafka: Kafka, topic: NewTopic, cluster: Brokers
) -> None:
    name = topic("events", partitions=2)
    producer = Producer({"bootstrap.servers": ",".join(kafka.bootstrap)})
    moment = datetime(2024, 5, 6, 7, 8, 9, 123_000, UTC)
    at = round(moment.timestamp() * 1000)
    for number in range(10):
        producer.produce(name, b"x", partition=0, timestamp=at + number)
    producer.flush(SECONDS)
    events = Topic(cluster, name)

    def found(microseconds: int) -> dict[int, int | None]:
        return events.at_time([0, 1], moment + timedelta(microseconds=microseconds))

    assert found(0) == {0: 0, 1: None}
    assert found(1) == {0: 1, 1: None}  # not older: the record a millisecond later
    assert found(3000) == {0: 3, 1: None}
    assert found(9001) == {0: None, 1: None}
    assert found(-(10**9)) == {0: 0, 1: None}


def test_a_recreated_topic_has_another_id_and_its_batches_are_not_taken_for_the_old_ones(
    kafka: Kafka, topic: NewTopic, cluster: Brokers
) -> None:
    name = topic("events")
    writer = Writer(kafka.bootstrap, name, Ledger(), transactions=False)
    writer.write(list(numbered(0, 5)))
    events = Topic(cluster, name)
    before = events.describe()
    scan = BatchScan(events, before, 0)
    assert len(list(scan.scan(0, 5))) == 1

    recreate(kafka, name)
    Writer(kafka.bootstrap, name, Ledger(), transactions=False).write(list(numbered(0, 5)))
    after = events.describe()

    assert (after.cluster, after.leaders[0].epoch) == (before.cluster, before.leaders[0].epoch)
    assert after.topic_id != before.topic_id
    for old in (scan, BatchScan(events, before, 0)):  # one knows a leader, the other asks for it
        with pytest.raises(StreamRecreated, match=f"{before.topic_id}.*{after.topic_id}"):
            list(old.scan(0, 5))


# --- three brokers, some of them down --------------------------------------------------------------


def test_partitions_without_a_leader_are_an_outage_that_names_them(
    kafka_three: KafkaCluster,
) -> None:
    name = new_topic(kafka_three.bootstrap, "events", partitions=6)
    with brokers(kafka_three.bootstrap, seconds=8) as connected:
        events = Topic(connected, name)
        leaders = events.describe().leaders
        assert {leader.node for leader in leaders.values()} == {1, 2, 3}
        with kafka_three.down(2):
            of_two = [number for number, leader in leaders.items() if leader.node == 2]
            names = "partitions " + ", ".join(map(str, of_two))
            with pytest.raises(SourceUnreachable, match=names):
                events.stable_ends(leaders)
            with pytest.raises(SourceUnreachable, match=f"{names}: no broker leads"):
                wait_for_no_leader(events)
            with pytest.raises(SourceUnreachable, match=f"{names}: no broker leads"):
                events.stable_ends(leaders)
            others = [number for number in leaders if number not in of_two]
            assert list(events.stable_ends(others)) == others
        assert list(events.stable_ends(leaders)) == list(leaders)


def test_half_of_the_brokers_down_gives_no_shorter_list_of_partitions(
    kafka_three: KafkaCluster,
) -> None:
    name = new_topic(kafka_three.bootstrap, "events", partitions=6)
    with brokers(kafka_three.bootstrap, seconds=6) as connected:
        events = Topic(connected, name)
        leaders = events.describe().leaders
        with (
            kafka_three.down(1, 2),
            pytest.raises(SourceUnreachable, match="partition"),
        ):
            events.stable_ends(leaders)
        assert list(events.stable_ends(leaders)) == list(leaders)


def test_a_leader_that_moves_is_followed_and_ends_its_epoch_where_it_left(
    kafka_three: KafkaCluster,
) -> None:
    name = new_topic(kafka_three.bootstrap, "events", copies=3)
    writer = Writer(kafka_three.bootstrap, name, Ledger(), transactions=False)
    writer.write(list(numbered(0, 10)))
    with brokers(kafka_three.bootstrap) as connected:
        events = Topic(connected, name)
        first = events.describe()
        scan = BatchScan(events, first, 0)
        assert len(list(scan.scan(0, 10))) == 1
        with kafka_three.down(first.leaders[0].node):
            writer.write(list(numbered(0, 5)))
            assert events.stable_ends([0]) == {0: 15}
            second = events.describe()
            assert second.leaders[0].epoch > first.leaders[0].epoch
            assert second.leaders[0].node != first.leaders[0].node
            found = events.epoch_ends({0: first.leaders[0].epoch})
            assert found == {0: EpochEnd(first.leaders[0].epoch, 10)}
            assert events.epoch_ends({0: second.leaders[0].epoch})[0].end == 15
            covered = [batch for piece in scan.scan(0, 15) for batch in piece.batches]
            assert [batch.leader_epoch for batch in covered] == [
                first.leaders[0].epoch,
                second.leaders[0].epoch,
            ]


def test_what_a_broker_that_does_not_lead_says_is_no_answer(
    kafka_three: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_topic(kafka_three.bootstrap, "events")
    Writer(kafka_three.bootstrap, name, Ledger(), transactions=False).write(list(numbered(0, 10)))
    told: list[int] = []

    async def behind(session: Session, name: str, partitions: Iterable[int] = ()) -> Description:
        found = await described_topic(session, name, partitions)
        told.append(found.leaders[0].node % 3 + 1 if not told else found.leaders[0].node)
        return replace(found, leaders={0: Leader(told[-1], found.leaders[0].epoch)})

    monkeypatch.setattr(metadata_module, "described_topic", behind)
    with brokers(kafka_three.bootstrap) as connected:
        events = Topic(connected, name)
        asked: list[tuple[Callable[[], object], object]] = [
            (lambda: events.stable_ends([0]), {0: 10}),
            (lambda: events.log_starts([0]), {0: 0}),
            (lambda: events.at_time([0], datetime.fromtimestamp(0, UTC)), {0: 0}),
            (lambda: events.epoch_ends({0: 0}), {0: EpochEnd(0, 10)}),
        ]
        for ask, answer in asked:
            told.clear()
            assert ask() == answer
            assert told[0] != told[-1]  # the one that lags, and the one that leads


@pytest.mark.parametrize("frozen", [1, 2, 3])
def test_a_frozen_broker_is_gone_round_or_named_within_the_bound(
    kafka_three: KafkaCluster, frozen: int
) -> None:
    name = new_topic(kafka_three.bootstrap, "events", partitions=3, copies=3)
    with brokers(kafka_three.bootstrap, seconds=30) as connected:
        events = Topic(connected, name)
        events.describe()
        with kafka_three.frozen(frozen):
            assert events.stable_ends([0, 1, 2]) == {0: 0, 1: 0, 2: 0}


# --- preparations ----------------------------------------------------------------------------------


def recreate(kafka: Kafka, name: str) -> None:
    """Delete a topic and make one of the same name."""
    from confluent_kafka.admin import NewTopic as Wanted  # noqa: PLC0415 - another NewTopic

    admin = admin_of(kafka.bootstrap)
    admin.delete_topics([name])[name].result(SECONDS)
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            admin.create_topics([Wanted(name, 1, 1)])[name].result(SECONDS)
        except KafkaException:  # the old one is not gone yet
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def wait_for_no_leader(events: Topic) -> None:
    """Ask until the cluster has noticed that the leader is gone; raises what the last answer was."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            events.describe()
        except SourceUnreachable as error:
            if "no broker leads" in error.found:
                raise
    raise AssertionError("the broker's partitions still have a leader")
