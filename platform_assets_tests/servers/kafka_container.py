"""A broker in a container, for machines with Docker or its like."""

from __future__ import annotations

from typing import Self

from testcontainers.core.container import DockerContainer

from platform_assets_tests.servers.kafka_answer import cluster_id
from platform_assets_tests.servers.kafka_jars import version
from platform_assets_tests.servers.kafka_settings import settings
from platform_assets_tests.servers.processes import free_ports

_ANSWER_SECONDS = 3
_START_SECONDS = 120


class ContainerKafka:
    """The Kafka project's own image, with the native broker's settings, on a port of 127.0.0.1."""

    def __init__(self) -> None:
        (self._port,) = free_ports(1)

    def environment(self) -> dict[str, str]:
        """Return the broker's settings in the form that the image takes them."""
        listeners = {
            "node.id": "1",
            "listeners": f"PLAINTEXT://:{self._port},CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.quorum.voters": "1@localhost:9093",
        }
        return {
            f"KAFKA_{name.replace('.', '_').upper()}": value
            for name, value in {**settings(1), **listeners}.items()
        }

    @property
    def bootstrap(self) -> list[str]:
        return [f"127.0.0.1:{self._port}"]

    @property
    def cluster_id(self) -> str:
        return cluster_id(self.bootstrap, _ANSWER_SECONDS)

    @property
    def version(self) -> str:
        return f"{version()} in a container"

    def __enter__(self) -> Self:
        self._container = DockerContainer(f"apache/kafka:{version()}")
        self._container.with_bind_ports(self._port, self._port)
        self._container.with_envs(**self.environment())
        self._container.start()
        try:
            cluster_id(self.bootstrap, _START_SECONDS)
        except BaseException:
            self._container.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()
