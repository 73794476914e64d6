"""Kafka servers that the tests start: they serve, keep their data, and fail over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Producer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

_SECONDS = 60


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


def test_what_is_produced_is_consumed(kafka: Kafka, topic: NewTopic) -> None:
    name = topic("orders", partitions=3)
    values = [b"%d" % number for number in range(1000)]
    _produce(kafka.bootstrap, name, values)
    assert _consume(kafka.bootstrap, name, 1000) == values
