"""A log that is stable further than its batches reach: the cleaner took those at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.kafka.batches import BatchScan
from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.errors import GapUnproven
from platform_assets.ports.streams import Gap, GapKind
from platform_assets_tests.adapters.kafka.known_logs import (
    Ledger,
    Writer,
    brokers,
    explained,
    numbered,
)
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from platform_assets_tests.servers.kafka_cluster import KafkaCluster


@pytest.mark.parametrize("policy", ["compact", "delete"])
def test_offsets_behind_the_last_batch_are_compaction_by_policy_only(
    own_kafka: KafkaCluster, policy: str
) -> None:
    name = new_topic(own_kafka.bootstrap, "state", config={"cleanup.policy": policy})
    Writer(own_kafka.bootstrap, name, Ledger(), transactions=False).write(list(numbered(0, 10)))
    # What a broker finds if the cleaner took the end of the log and a segment was begun behind it.
    own_kafka.kill(1)
    folder = own_kafka._folder / "data-1" / f"{name}-0"
    (folder / f"{25:020d}.log").touch()
    own_kafka.restart(1)
    own_kafka.wait_ready()

    with brokers(own_kafka.bootstrap) as connected:
        topic = Topic(connected, name)
        assert topic.stable_ends([0]) == {0: 25}
        covered = list(BatchScan(topic, topic.describe(), 0).scan(0, 25))
        assert [batch.last for piece in covered for batch in piece.batches] == [9]
        assert list(BatchScan(topic, topic.describe(), 0).scan(12, 25)) == []
        delivered = dict.fromkeys(range(10))  # librdkafka waits for the record that comes next
        if policy == "compact":
            assert explained(topic, 0, 0, 25, delivered) == [
                Gap(
                    "0", 10, 25, GapKind.COMPACTED, "cleanup.policy compact; no batch from 10 to 24"
                )
            ]
        else:
            with pytest.raises(GapUnproven, match="offsets 10 to 24: no batch"):
                explained(topic, 0, 0, 25, delivered)
