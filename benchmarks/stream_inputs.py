"""What all contenders of the stream benchmark read: generated authorisations in a Kafka topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import yaml
from confluent_kafka import Producer

from benchmarks import feed, inputs

if TYPE_CHECKING:
    from pathlib import Path

PARTITIONS = 4
_FLUSH_SECONDS = 120


def fill(bootstrap: list[str], topic: str, folder: Path, records: int, codec: str) -> list[int]:
    """Send so many generated records to a topic, keyed by account, and return each partition's end.

    Raises:
        RuntimeError: not every record was acknowledged.
    """
    inputs.write_input(folder, records)
    producer = Producer(
        {
            "bootstrap.servers": ",".join(bootstrap),
            "enable.idempotence": True,
            "compression.type": codec,
            "linger.ms": 20,
            "batch.size": 256 * 1024,
            "queue.buffering.max.messages": 500_000,
        }
    )
    ends = [0] * PARTITIONS
    left = records
    for segment in inputs.segments(folder):
        partition = int(segment.parent.name) % PARTITIONS
        for line in inputs.lines(segment):
            if left == 0:
                break
            _send(producer, topic, partition, line.rstrip(b"\n"))
            ends[partition] += 1
            left -= 1
    if producer.flush(_FLUSH_SECONDS) or left:
        raise RuntimeError(f"{len(producer)} records were not acknowledged, {left} not generated")
    return ends


def _send(producer: Producer, topic: str, partition: int, line: bytes) -> None:
    key = orjson.loads(line)["account_id"]
    while True:
        try:
            producer.produce(topic, line, key, partition=partition)
        except BufferError:
            producer.poll(0.1)
        else:
            return


def write_home(home: Path, bootstrap: list[str], topic: str, max_records: int) -> None:
    """Write a platform home whose one feed reads the topic, at most so many records at once."""
    feed.write_home(home, home)
    path = home / "defs" / "payments" / "defs.yaml"
    declared: dict[str, Any] = yaml.safe_load(path.read_text())
    attributes = declared["attributes"]
    attributes["source"] = {"kind": "kafka", "bootstrap": bootstrap}
    attributes["streams"][feed.STREAM]["topic"] = topic
    attributes["window"]["max_records"] = max_records
    path.write_text(yaml.safe_dump(declared, sort_keys=False))
