"""A4: what stands behind the name is not what was pinned any more. Each way has a name of its own.

Every change is met twice: by landing a run that was pinned before it, and by pinning the next one.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import NewPartitions
from confluent_kafka.admin import NewTopic as Wanted

from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.errors import (
    ClusterChanged,
    OffsetExpired,
    OffsetTruncated,
    Refusal,
    SourceChanged,
    StreamRecreated,
)
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, land, pin
from platform_assets_tests.adapters.kafka.kafka_home import FEED, event, make_home
from platform_assets_tests.adapters.kafka.known_logs import (
    SECONDS,
    Ledger,
    Writer,
    admin_of,
    brokers,
)
from platform_assets_tests.adapters.kafka.test_gaps_of_real_logs import delete_below
from platform_assets_tests.adapters.kafka.test_metadata import recreate
from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kafka_topics import new_topic
from platform_assets_tests.servers.processes import NoServer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

FIRST, SECOND = RunId(FEED, 1), RunId(FEED, 2)


def write(bootstrap: Sequence[str], topic: str, start: int, count: int, partition: int = 0) -> None:
    records = [
        (partition, b"key", event(f"e-{partition}-{n}", n)) for n in range(start, start + count)
    ]
    Writer(bootstrap, topic, Ledger(), transactions=False).write(records)


def landed_and_pinned(tmp_path: Path, bootstrap: Sequence[str], topic: str) -> tuple[Path, Path]:
    """Return a home with a run that is closed, and one with the same run only pinned."""
    write(bootstrap, topic, 0, 20)
    closed = make_home(tmp_path / "closed", bootstrap, {"events": topic})
    platform = Platform.open(closed)
    assert pin(platform, FEED) == FIRST
    pinned = tmp_path / "pinned"
    shutil.copytree(closed, pinned)
    assert finish(platform, FIRST)["verdict"] == "CLOSED"
    return closed, pinned


def refused(closed: Path, pinned: Path, kind: type[Refusal]) -> list[Refusal]:
    """Require that pinning and landing are refused by name, and leave nothing behind."""
    found = []
    with pytest.raises(kind) as at_pin:
        pin(Platform.open(closed), FEED)
    found.append(at_pin.value)
    with pytest.raises(kind) as at_landing:
        land(Platform.open(pinned), FIRST, "events")
    found.append(at_landing.value)
    for error in found:
        assert type(error) is kind
        assert error.exit_code == 1
        assert error.remedy
    assert not list((closed / "store" / "feeds" / FEED).glob("*2.json"))
    assert not (pinned / "store" / "runs" / str(FIRST) / "landing" / "events.json").exists()
    return found


def test_records_that_were_deleted_below_the_start(
    kafka: Kafka, topic: NewTopic, tmp_path: Path
) -> None:
    name = topic("events")
    closed, pinned = landed_and_pinned(tmp_path, kafka.bootstrap, name)
    write(kafka.bootstrap, name, 20, 20)
    delete_below(kafka, name, 30)

    for error in refused(closed, pinned, OffsetExpired):
        assert "begins at 30" in error.found
        assert "retention" in error.remedy


def test_records_that_were_deleted_below_what_was_landed_are_not_missed(
    kafka: Kafka, topic: NewTopic, tmp_path: Path
) -> None:
    name = topic("events")
    closed, _ = landed_and_pinned(tmp_path, kafka.bootstrap, name)
    write(kafka.bootstrap, name, 20, 20)
    delete_below(kafka, name, 20)

    platform = Platform.open(closed)
    assert pin(platform, FEED) == SECOND
    assert land(platform, SECOND, "events")["delivered"] == 20


@pytest.mark.parametrize("records", [5, 20, 50], ids=["fewer", "as many", "more"])
def test_a_topic_that_was_deleted_and_made_anew(
    kafka: Kafka, topic: NewTopic, tmp_path: Path, records: int
) -> None:
    name = topic("events")
    closed, pinned = landed_and_pinned(tmp_path, kafka.bootstrap, name)
    recreate(kafka, name)
    write(kafka.bootstrap, name, 0, records)

    refused(closed, pinned, StreamRecreated)


def test_a_topic_that_was_deleted(kafka: Kafka, topic: NewTopic, tmp_path: Path) -> None:
    name = topic("events")
    closed, pinned = landed_and_pinned(tmp_path, kafka.bootstrap, name)
    admin = admin_of(kafka.bootstrap)
    admin.delete_topics([name])[name].result(SECONDS)

    for error in refused(closed, pinned, SourceChanged):
        assert name in error.thing
        assert "create the topic" in error.remedy


class Successor(KafkaCluster):
    """Another cluster on the ports of one that is stopped."""

    def __init__(self, predecessor: KafkaCluster) -> None:
        super().__init__()
        self._predecessor = predecessor

    def _assign_ports(self) -> None:
        self._ports = dict(self._predecessor._ports)


@pytest.mark.kafka
def test_another_cluster_behind_the_same_address(tmp_path: Path) -> None:
    try:
        with KafkaCluster() as first:
            name = new_topic(first.bootstrap, "events")
            closed, pinned = landed_and_pinned(tmp_path, first.bootstrap, name)
            assert pin(Platform.open(closed), FEED) is None  # nothing new, and nothing wrong
        with Successor(first) as second:
            assert second.bootstrap == first.bootstrap
            admin = admin_of(second.bootstrap)
            admin.create_topics([Wanted(name, 1, 1)])[name].result(SECONDS)
            write(second.bootstrap, name, 0, 40)

            for error in refused(closed, pinned, ClusterChanged):
                assert first.cluster_id in error.expected
                assert second.cluster_id in error.found
    except NoServer as error:
        pytest.skip(f"no Kafka: {error}")


@pytest.mark.parametrize("overwritten", [False, True], ids=["shorter", "longer, with others"])
def test_records_that_an_unclean_election_lost(
    kafka_three: KafkaCluster, tmp_path: Path, overwritten: bool
) -> None:
    settings = {"unclean.leader.election.enable": "true", "min.insync.replicas": "1"}
    name = new_topic(kafka_three.bootstrap, "events", copies=2, config=settings)
    write(kafka_three.bootstrap, name, 0, 5)
    leader, follower = replicas(kafka_three, name)
    try:
        kafka_three.kill(follower)
        closed, pinned = landed_and_pinned(tmp_path, kafka_three.bootstrap, name)
        kafka_three.kill(leader)
        kafka_three.restart(follower)
        wait_for_leader(kafka_three, name, follower)
        if overwritten:
            write(kafka_three.bootstrap, name, 100, 60)

        for error in refused(closed, pinned, OffsetTruncated):
            assert "Records were lost" in error.remedy
    finally:
        for broker in (leader, follower):
            kafka_three.restart(broker)
        kafka_three.wait_ready()


def replicas(cluster: KafkaCluster, topic: str) -> tuple[int, int]:
    """Return the leader of a topic's partition, and its other replica."""
    admin = admin_of(cluster.bootstrap)
    found = admin.list_topics(topic, timeout=SECONDS).topics[topic].partitions[0]
    (other,) = set(found.replicas) - {found.leader}
    return found.leader, other


def wait_for_leader(cluster: KafkaCluster, topic: str, broker: int) -> None:
    """Wait until a broker leads a topic's partition."""
    deadline = time.monotonic() + SECONDS
    with brokers(cluster.bootstrap, seconds=SECONDS) as connected:
        while Topic(connected, topic).describe().leaders[0].node != broker:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_a_partition_that_was_added_enters_where_the_policy_says(
    kafka: Kafka, topic: NewTopic, tmp_path: Path
) -> None:
    name = topic("events")
    closed, _ = landed_and_pinned(tmp_path, kafka.bootstrap, name)
    admin = admin_of(kafka.bootstrap)
    admin.create_partitions([NewPartitions(name, 3)])[name].result(SECONDS)
    write(kafka.bootstrap, name, 0, 7, partition=2)

    platform = Platform.open(closed)
    assert pin(platform, FEED) == SECOND
    (stream,) = platform.anchors(SECOND)["streams"]
    found = {
        part["partition"]: (part["start"], part["end"], part["origin"])
        for part in stream["partitions"]
    }
    assert found == {
        "0": (20, 20, "predecessor"),
        "1": (0, 0, "earliest"),
        "2": (0, 7, "earliest"),
    }
    assert finish(platform, SECOND)["verdict"] == "CLOSED"
