"""How large a batch a topic takes.

A broker holds the size of a whole batch against the topic's ``max.message.bytes`` and refuses it as a
whole. A producer that batches more than that would have small records refused as too large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kafka.errors as kafka_errors
from kafka.protocol.admin import DescribeConfigsRequest

from platform_assets.errors import SourceDenied

if TYPE_CHECKING:
    from platform_assets.adapters.kafka.connection import Session
    from platform_assets.adapters.kafka.metadata import Topic

#: As librdkafka does it by itself; brokers take a little more, if nobody told them otherwise.
USUAL_BATCH_BYTES = 1_000_000
_TOPIC_RESOURCE = 2
_SETTING = "max.message.bytes"


def largest_batch(topic: Topic) -> int:
    """Return how many bytes a batch may have; the usual size, where the client may not ask.

    Raises:
        SourceUnreachable: the cluster did not answer in time.
    """

    def request() -> Any:
        resource = DescribeConfigsRequest.DescribeConfigsResource(
            resource_type=_TOPIC_RESOURCE, resource_name=topic.name, configuration_keys=[_SETTING]
        )
        return DescribeConfigsRequest(resources=[resource])

    async def ask(session: Session) -> int:
        [result] = (await session.anywhere(request)).results
        values = [config.value for config in result.configs if config.name == _SETTING]
        if result.error_code != kafka_errors.NoError.errno or not values:
            return USUAL_BATCH_BYTES
        return min(int(values[0]), USUAL_BATCH_BYTES)

    try:
        return topic.brokers.run(topic.where, ask)
    except SourceDenied:
        return USUAL_BATCH_BYTES
