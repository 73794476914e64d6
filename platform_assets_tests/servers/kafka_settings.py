"""The settings of a test broker: quick to start, quick to notice that another is gone, small."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: A heap that a broker of small tests fits in; no compiler that warms up for minutes.
JVM = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
)

_ALWAYS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    # Few threads, small buffers: several brokers share two cores with the tests.
    "num.network.threads": "2",
    "num.io.threads": "3",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": str(8 * 2**20),
    # The internal topics are made at their first use; one partition is made sooner than fifty.
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "offsets.topic.segment.bytes": str(2**20),
    "transaction.state.log.segment.bytes": str(2**20),
    "group.initial.rebalance.delay.ms": "0",
    # Retention, compaction and deletion within seconds of being asked for.
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "500",
    "log.retention.ms": "-1",  # records with times of long ago stay, unless a topic says otherwise
    "log.segment.delete.delay.ms": "500",
    "log.cleaner.backoff.ms": "200",
    "log.cleaner.min.cleanable.ratio": "0.01",
    "delete.records.purgatory.purge.interval.requests": "1",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    # Within seconds it is noticed that a broker is gone, and accepted that it is back.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "replica.lag.time.max.ms": "3000",
    "replica.fetch.backoff.ms": "200",
    "controller.quorum.election.timeout.ms": "1000",
    "controller.quorum.fetch.timeout.ms": "2000",
}


def settings(brokers: int) -> dict[str, str]:
    """Return what all brokers of a cluster of this size have in common."""
    copies = str(min(brokers, 3))
    return {
        **_ALWAYS,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": "1",
        "default.replication.factor": copies,
    }


def write_properties(path: Path, properties: Mapping[str, str]) -> None:
    """Write a broker's file of settings."""
    lines = (f"{name}={value}" for name, value in properties.items())
    path.write_text("\n".join(lines) + "\n")
