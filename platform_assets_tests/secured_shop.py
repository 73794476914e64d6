"""The shop with its orders on a Kafka broker that asks for a password."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer
from confluent_kafka.admin import AclOperation

from platform_assets_tests.servers.kafka_security import allow
from platform_assets_tests.servers.kafka_topics import new_topic
from platform_assets_tests.shop import make_shop, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

SECONDS = 20


def orders_on(cluster: KafkaCluster) -> str:
    """Make a topic with ten orders, which the user ``reader`` may read, and return its name."""
    name = new_topic(cluster.bootstrap, "orders")
    needed = (AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    allow(cluster.bootstrap, "reader", name, *needed)
    producer = Producer({"bootstrap.servers": ",".join(cluster.bootstrap)})
    for number in range(10):
        producer.produce(name, json.dumps(order(number)).encode(), partition=0)
    assert producer.flush(SECONDS) == 0
    return name


def feed_on(
    home: Path, cluster: KafkaCluster, topic: str, mechanism: str, user: str, password: str
) -> Path:
    """Make a shop whose orders stand on a secured broker, with the password in a file."""
    make_shop(home, orders=2)
    assert cluster.security is not None
    (home / "keys").mkdir()
    (home / "keys" / "password").write_text(password + "\n")
    (home / "keys" / "user").write_text(user)
    (home / "keys" / "ca.pem").write_bytes(cluster.security.authority.file.read_bytes())

    def read_from_kafka(feed: dict[str, Any]) -> None:
        source = {
            "kind": "kafka",
            "bootstrap": cluster.addresses("SASL_SSL"),
            "timeout_seconds": SECONDS,
            "tls": {"ca_file": "keys/ca.pem"},
            "sasl": {
                "mechanism": mechanism,
                "username": {"file": "keys/user"},
                "password": {"file": "keys/password"},
            },
        }
        feed["streams"]["orders"] |= {"source": source, "topic": topic}

    redeclare(home, read_from_kafka)
    return home
