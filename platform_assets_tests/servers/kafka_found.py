"""Where the tests' broker comes from.

In this order: an address given by ``PLATFORM_TESTS_KAFKA``; a container, where an engine answers; a
process of the tests' own.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import docker
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kafka_jars import version
from platform_assets_tests.servers.kafka_settings import settings
from platform_assets_tests.servers.processes import ServerFailed, free_ports

if TYPE_CHECKING:
    from types import TracebackType

ADDRESS = "PLATFORM_TESTS_KAFKA"
_ANSWER_SECONDS = 3
_START_SECONDS = 120


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


def find_kafka() -> Kafka:
    """Return the first broker that can be had; entering it starts it where that is needed."""
    given = os.environ.get(ADDRESS)
    if given:
        return GivenKafka(given.split(","))
    if docker_answers():
        return ContainerKafka()
    return KafkaCluster()


def docker_answers() -> bool:
    """Ask the engine behind Docker's own settings whether it is there."""
    try:
        client = docker.from_env(timeout=_ANSWER_SECONDS)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except (DockerException, OSError):
        return False


@dataclass(frozen=True)
class GivenKafka:
    """A broker at an address from the environment; it is neither started nor stopped."""

    bootstrap: list[str]

    @property
    def cluster_id(self) -> str:
        return _cluster_id(self.bootstrap, _ANSWER_SECONDS)

    @property
    def version(self) -> str:
        return f"at {','.join(self.bootstrap)}, as given by {ADDRESS}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class ContainerKafka:
    """The project's own image, with the settings of the native broker, on a port of 127.0.0.1."""

    def __init__(self) -> None:
        (self._port,) = free_ports(1)
        listeners = {
            "listeners": f"PLAINTEXT://:{self._port},CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.quorum.voters": "1@localhost:9093",
            "node.id": "1",
        }
        self._container = DockerContainer(f"apache/kafka:{version()}")
        self._container.with_bind_ports(self._port, self._port)
        for name, value in {**settings(1), **listeners}.items():
            self._container.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)

    @property
    def bootstrap(self) -> list[str]:
        return [f"127.0.0.1:{self._port}"]

    @property
    def cluster_id(self) -> str:
        return _cluster_id(self.bootstrap, _ANSWER_SECONDS)

    @property
    def version(self) -> str:
        return f"{version()} in a container"

    def __enter__(self) -> Self:
        self._container.start()
        try:
            _cluster_id(self.bootstrap, _START_SECONDS)
        except BaseException:
            self._container.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()


def _cluster_id(bootstrap: list[str], seconds: float) -> str:
    """Return the id that the broker answers with; wait for an answer."""
    deadline = time.monotonic() + seconds
    while True:
        admin = AdminClient({"bootstrap.servers": ",".join(bootstrap), "log_level": 0})
        try:
            return str(admin.list_topics(timeout=_ANSWER_SECONDS).cluster_id)
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise ServerFailed(f"no Kafka answers at {bootstrap}: {error}") from error
