from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.adapters.kafka.known_logs import brokers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.adapters.kafka.connection import Brokers
    from platform_assets_tests.servers.kafka_found import Kafka


@pytest.fixture
def cluster(kafka: Kafka) -> Iterator[Brokers]:
    """The one broker, as the adapter asks it."""
    with brokers(kafka.bootstrap) as connected:
        yield connected
