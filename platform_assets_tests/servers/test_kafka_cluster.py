"""Kafka servers that the tests start: they serve, keep their data, and fail over."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from platform_assets_tests.servers.kafka_answer import described
from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kafka_topics import new_topic
from platform_assets_tests.servers.processes import ServerFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

_SECONDS = 60
_ROOT = Path(__file__).parents[2]
_VALUES = [b"%d" % number for number in range(1000)]


def _produce(bootstrap: Sequence[str], topic: str, values: Sequence[bytes]) -> None:
    producer = Producer({"bootstrap.servers": ",".join(bootstrap), "acks": "all", "log_level": 0})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(_SECONDS) == 0


def _consume(bootstrap: Sequence[str], topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": ",".join(bootstrap), "group.id": "unused", "log_level": 0}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(count, _SECONDS)
    consumer.close()
    assert not [error for message in messages if (error := message.error())]
    return [message.value() for message in messages]


def _leader(bootstrap: Sequence[str], topic: str) -> int:
    return int(described(bootstrap).topics[topic].partitions[0].leader)


def test_what_is_produced_is_consumed(kafka: Kafka, topic: NewTopic) -> None:
    name = topic("orders", partitions=3)
    _produce(kafka.bootstrap, name, _VALUES)
    assert _consume(kafka.bootstrap, name, 1000) == _VALUES
    assert described(kafka.bootstrap).cluster_id == kafka.cluster_id


def test_topics_of_one_name_are_two(kafka: Kafka, topic: NewTopic) -> None:
    one, two = topic("orders"), topic("orders")
    _produce(kafka.bootstrap, one, [b"one"])
    _produce(kafka.bootstrap, two, [b"two"])
    assert _consume(kafka.bootstrap, two, 1) == [b"two"]


@pytest.mark.parametrize("fault", [KafkaCluster.down, KafkaCluster.frozen])
def test_a_broker_that_is_killed_or_frozen_answers_nobody_and_keeps_its_data(
    own_kafka: KafkaCluster, fault: Callable[[KafkaCluster, int], AbstractContextManager[None]]
) -> None:
    name = new_topic(own_kafka.bootstrap)
    _produce(own_kafka.bootstrap, name, _VALUES)
    with fault(own_kafka, 1), pytest.raises(KafkaException):
        described(own_kafka.bootstrap)
    assert _consume(own_kafka.bootstrap, name, 1000) == _VALUES


def test_clients_of_the_proxied_listener_go_through_the_proxy(own_kafka: KafkaCluster) -> None:
    name = new_topic(own_kafka.bootstrap)
    _produce(own_kafka.bootstrap, name, _VALUES)
    proxy = own_kafka.proxies[1]
    before = proxy.to_client
    assert _consume(own_kafka.addresses("PROXIED"), name, 1000) == _VALUES
    assert proxy.to_client - before > sum(map(len, _VALUES))
    proxy.cut(refuse=True)
    with pytest.raises(KafkaException):
        described(own_kafka.addresses("PROXIED"))
    proxy.restore()
    assert _consume(own_kafka.addresses("PROXIED"), name, 1000) == _VALUES


def test_three_brokers_fail_over(kafka_three: KafkaCluster) -> None:
    name = new_topic(kafka_three.bootstrap, copies=3)
    _produce(kafka_three.bootstrap, name, _VALUES)
    leader = _leader(kafka_three.bootstrap, name)
    with kafka_three.down(leader):
        assert _consume(kafka_three.bootstrap, name, 1000) == _VALUES
        assert _leader(kafka_three.bootstrap, name) != leader
        _produce(kafka_three.bootstrap, name, _VALUES)
    assert _consume(kafka_three.bootstrap, name, 2000) == 2 * _VALUES


def test_another_broker_leads_when_the_leader_freezes(kafka_three: KafkaCluster) -> None:
    name = new_topic(kafka_three.bootstrap, copies=3)
    _produce(kafka_three.bootstrap, name, _VALUES)
    leader = _leader(kafka_three.bootstrap, name)
    others = [
        address for address in kafka_three.bootstrap if address != _address(kafka_three, leader)
    ]
    with kafka_three.frozen(leader):
        deadline = time.monotonic() + _SECONDS
        while _leader(others, name) == leader:
            assert time.monotonic() < deadline, "nobody took over"
            time.sleep(0.1)
        assert _consume(others, name, 1000) == _VALUES


def _address(cluster: KafkaCluster, broker: int) -> str:
    return cluster.bootstrap[cluster.ids.index(broker)]


def test_a_broker_that_does_not_start_says_why(kafka: Kafka) -> None:
    cluster = KafkaCluster(extra={"log.retention.bytes": "plenty"})
    with pytest.raises(ServerFailed, match=r"log\.retention\.bytes"):
        cluster.start()


_LEAVES_IT_BEHIND = """
from platform_assets_tests.servers.kafka_cluster import KafkaCluster
cluster = KafkaCluster().start()
print(cluster._brokers[1].pid, cluster._folder, flush=True)
input()
"""


def test_a_killed_test_run_leaves_no_broker_and_no_data(kafka: Kafka) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _LEAVES_IT_BEHIND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    ) as run:
        assert run.stdout is not None
        pid, folder = run.stdout.readline().split()
        broker = psutil.Process(int(pid))
        assert "kafka.Kafka" in broker.cmdline()
        broker.suspend()  # or it would end itself when its data are gone
        run.send_signal(signal.SIGKILL)
    psutil.wait_procs([broker], timeout=_SECONDS)
    assert not broker.is_running()
    deadline = time.monotonic() + _SECONDS
    while Path(folder).exists():
        assert time.monotonic() < deadline, "its data were left behind"
        time.sleep(0.1)
