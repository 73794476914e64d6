"""Where the tests' broker comes from.

In this order: an address given by ``PLATFORM_TESTS_KAFKA``; a container, where an engine answers; a
process of the tests' own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from platform_assets_tests.servers.containers import engine_answers
from platform_assets_tests.servers.kafka_answer import cluster_id
from platform_assets_tests.servers.kafka_cluster import KafkaCluster

if TYPE_CHECKING:
    from types import TracebackType

ADDRESS = "PLATFORM_TESTS_KAFKA"
_ANSWER_SECONDS = 20


class Kafka(Protocol):
    """A broker that tests may use, whoever started it."""

    @property
    def bootstrap(self) -> list[str]: ...
    @property
    def cluster_id(self) -> str: ...
    @property
    def version(self) -> str: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


@dataclass(frozen=True)
class GivenKafka:
    """A broker at an address from the environment; it is neither started nor stopped."""

    bootstrap: list[str]

    @property
    def cluster_id(self) -> str:
        return cluster_id(self.bootstrap, _ANSWER_SECONDS)

    @property
    def version(self) -> str:
        return f"at {','.join(self.bootstrap)}, as given by {ADDRESS}"

    def __enter__(self) -> Self:
        cluster_id(self.bootstrap, _ANSWER_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        return None


def find_kafka() -> Kafka:
    """Return the first broker that can be had; entering it starts it where that is needed."""
    given = os.environ.get(ADDRESS)
    if given:
        return GivenKafka(given.split(","))
    if not engine_answers():
        return KafkaCluster()
    # Slow to import, and loaded by every run of pytest otherwise.
    from platform_assets_tests.servers.kafka_container import ContainerKafka  # noqa: PLC0415

    return ContainerKafka()
