"""The sensor over a real Kafka broker: what waits and since when, and an outage that is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from confluent_kafka import Producer

from platform_assets.errors import SourceUnreachable
from platform_assets.orchestration import sensors
from platform_assets.orchestration.names import FeedNames
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform, runs
from platform_assets_tests.orchestration.shop_home import good_window, redeclare
from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = FeedNames("shop")

pytestmark = pytest.mark.kafka


@pytest.fixture
def cluster() -> Iterator[KafkaCluster]:
    """A broker of the test's own, because it is killed."""
    with KafkaCluster() as cluster:
        yield cluster


def tick(home: Path, instance: dg.DagsterInstance) -> dg.SensorResult:
    resources = {"platform": PlatformResource(home=str(home))}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        answer = sensors.offsets_sensor(NAMES, Platform.open(home).feed("shop"))(context)
    assert isinstance(answer, dg.SensorResult)
    return answer


def send(cluster: KafkaCluster, topic: str, partition: int, first: int) -> None:
    producer = Producer({"bootstrap.servers": ",".join(cluster.bootstrap), "acks": "all"})
    for record in good_window(first):
        producer.produce(topic, json.dumps(record).encode(), partition=partition)
    assert producer.flush(60) == 0


def test_lag_has_seconds_and_a_dead_broker_fails_the_tick_until_it_is_back(
    home: Path, instance: dg.DagsterInstance, cluster: KafkaCluster
) -> None:
    topic = new_topic(cluster.bootstrap, "events", partitions=2)
    source = f"kind: kafka\n    bootstrap: [{', '.join(map(repr, cluster.bootstrap))}]"
    redeclare(home, "kind: file_log\n    path: data", f"{source}\n    timeout_seconds: 10")
    redeclare(
        home, "    events:\n      events:", f"    events:\n      topic: {topic}\n      events:"
    )
    send(cluster, topic, 0, 1)
    first = tick(home, instance)
    assert [request.run_key for request in first.run_requests or []] == ["shop-00000001"]
    (observed,) = first.asset_events
    shown = {name: value.value for name, value in observed.metadata.items()}
    assert (shown["records"], shown["events/0 records"], shown["events/1 records"]) == (5, 5, 0)
    assert 0 <= shown["events/0 seconds"] == shown["seconds"]
    assert shown["events/1 seconds"] == 0

    send(cluster, topic, 1, 11)
    (broker,) = cluster.ids
    cluster.kill(broker)
    with pytest.raises(SourceUnreachable):
        tick(home, instance)
    assert len(runs(Platform.open(home), "shop")) == 1

    cluster.restart(broker)
    cluster.wait_ready()
    recovered = tick(home, instance)
    assert [request.run_key for request in recovered.run_requests or []] == ["shop-00000001"]
    (observed,) = recovered.asset_events
    assert observed.metadata["events/1 records"].value == 5
