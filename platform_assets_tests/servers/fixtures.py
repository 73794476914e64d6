"""Kafka servers as fixtures, started at their first use.

There is one of each kind for the whole session, and one for each test module that breaks its server.
A test that uses one carries the marker ``kafka``, and runs on one worker with all others that use the
same kind, so that each kind is started once. Topics keep tests apart, not servers.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pytest

from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kafka_found import find_kafka
from platform_assets_tests.servers.kafka_security import KafkaSecurity
from platform_assets_tests.servers.kafka_topics import new_topic
from platform_assets_tests.servers.processes import NoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

#: Fixtures -> the group that shares a worker. The first one that a test uses decides.
_GROUPS = {
    "kafka_three": "kafka_three",
    "kafka_secured": "kafka_secured",
    "own_kafka": "kafka",
    "kafka": "kafka",
}
_Server = TypeVar("_Server", bound="Kafka")
_VERSIONS = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    """One broker, wherever it comes from."""
    with _used(find_kafka(), request) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_three(request: pytest.FixtureRequest) -> Iterator[KafkaCluster]:
    """Three brokers behind fault proxies, to be killed and frozen; each test leaves them ready."""
    with _used(KafkaCluster(brokers=3, proxied=True), request) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_secured(request: pytest.FixtureRequest) -> Iterator[KafkaCluster]:
    """One broker with SASL and TLS listeners and an authoriser; ``PLAINTEXT`` is for preparations."""
    with _used(KafkaCluster(security=KafkaSecurity()), request) as server:
        yield server


@pytest.fixture(scope="module")
def own_kafka(request: pytest.FixtureRequest) -> Iterator[KafkaCluster]:
    """One broker behind a fault proxy for a test module alone, which may kill, freeze and damage it."""
    with _used(KafkaCluster(proxied=True), request) as server:
        yield server


@pytest.fixture
def topic(kafka: Kafka) -> NewTopic:
    """Make topics on the one broker: ``topic("orders", partitions=4, config={...})``."""
    return partial(new_topic, kafka.bootstrap)


@contextmanager
def _used(server: _Server, request: pytest.FixtureRequest) -> Iterator[_Server]:
    try:
        server.__enter__()
    except NoServer as error:
        pytest.skip(f"no Kafka: {error}")
    try:
        versions = request.config.stash.setdefault(_VERSIONS, [])
        versions.append(f"Apache Kafka {server.version}")
        yield server
    finally:
        server.__exit__(None, None, None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a Kafka server, and keep it together under xdist."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        groups = [group for name, group in _GROUPS.items() if name in names]
        if groups:
            item.add_marker("kafka")
            item.add_marker(pytest.mark.xdist_group(groups[0]))


def pytest_runtest_call(item: pytest.Item) -> None:
    """Report the servers' version with the test, so that it comes from a worker to the summary."""
    if item.get_closest_marker("kafka") is not None:
        versions = item.config.stash.get(_VERSIONS, [])
        item.user_properties.extend(("kafka", version) for version in dict.fromkeys(versions))
