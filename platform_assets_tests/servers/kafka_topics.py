"""Topics of a test's own: a name that nobody else uses, partitions, copies and settings as wanted."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class NewTopic(Protocol):
    """Makes a topic on the test's server and returns its name."""

    def __call__(
        self, name: str = "topic", *, partitions: int = 1, config: Mapping[str, str] | None = None
    ) -> str: ...


def new_topic(
    bootstrap: Sequence[str],
    name: str = "topic",
    *,
    partitions: int = 1,
    copies: int = 1,
    config: Mapping[str, str] | None = None,
    **security: Any,
) -> str:
    """Create a topic, wait until every partition has a leader, and return its name.

    ``security`` goes to the admin client of kafka-python.
    """
    from kafka.admin import KafkaAdminClient  # noqa: PLC0415 - every run of pytest loads this module

    unique = f"{name}-{uuid.uuid4().hex[:12]}"
    admin = KafkaAdminClient(bootstrap_servers=list(bootstrap), **security)
    try:
        wanted = {
            "num_partitions": partitions,
            "replication_factor": copies,
            "configs": dict(config or {}),
        }
        admin.create_topics({unique: wanted}, timeout_ms=30_000, wait_for_metadata=True)
    finally:
        admin.close()
    return unique
