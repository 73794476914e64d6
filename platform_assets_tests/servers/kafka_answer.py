"""What a Kafka cluster says of itself, and what it says so late."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from platform_assets_tests.servers.processes import ServerFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka.admin import ClusterMetadata

_ANSWER_SECONDS = 5


def described(bootstrap: Sequence[str]) -> ClusterMetadata:
    """Return brokers, topics and partitions, asked with a new client that remembers nothing.

    Raises:
        KafkaException: nobody answered.
    """
    admin = AdminClient({"bootstrap.servers": ",".join(bootstrap), "log_level": 0})
    return admin.list_topics(timeout=_ANSWER_SECONDS)


def cluster_id(bootstrap: Sequence[str], seconds: float) -> str:
    """Return the cluster's id; wait until somebody answers.

    Raises:
        ServerFailed: nobody did in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return str(described(bootstrap).cluster_id)
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise ServerFailed(
                    f"no Kafka answers at {', '.join(bootstrap)}: {error}"
                ) from error
