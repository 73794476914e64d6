"""A topic as a broker describes it: cluster, topic id, and who leads each partition.

A broker may lag behind the others: for a topic or partition that it does not know another broker is
asked, in turn, and it is missing only when all have said so for a while.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import kafka.errors as kafka_errors
from kafka.protocol.metadata import MetadataRequest

from platform_assets.adapters.kafka.errors import described
from platform_assets.ports.positions import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from platform_assets.adapters.kafka.connection import Session

_TIMES_MISSING = 5
#: For how long brokers have to say that something is missing, and at most which part of the timeout.
_MISSING_SECONDS = 5.0
_MISSING_PART = 0.5


class Leader(NamedTuple):
    """The broker that leads a partition, and since which epoch; no broker leads where node is -1."""

    node: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Description:
    """A topic as a broker describes it; ``topic_id`` is empty where the cluster gives none."""

    cluster: str
    topic_id: str
    uuid: UUID | None
    leaders: Mapping[int, Leader]

    @property
    def identity(self) -> Identity:
        """What every partition of the topic is."""
        return Identity(self.cluster, self.topic_id)


async def described_topic(
    session: Session, name: str, partitions: Iterable[int] = ()
) -> Description:
    """Return a topic as some broker describes it now; partitions may be without leaders.

    Raises:
        UnknownTopicOrPartitionError: the brokers say repeatedly that there is no such topic, or not
            all of these partitions of it.
    """
    missing = 0
    believed_at = time.monotonic() + min(_MISSING_SECONDS, session.timeout_seconds * _MISSING_PART)
    while True:
        answer = await session.anywhere(
            lambda: MetadataRequest(
                topics=[MetadataRequest.MetadataRequestTopic(name=name)],
                allow_auto_topic_creation=False,
                include_cluster_authorized_operations=False,
                include_topic_authorized_operations=False,
            )
        )
        topic = answer.topics[0]
        leaders = {
            row.partition_index: Leader(row.leader_id, row.leader_epoch) for row in topic.partitions
        }
        session.learn(answer)  # only now: for a recreated topic it overwrites the epochs
        error = kafka_errors.for_code(topic.error_code)
        unknown = sorted(set(partitions) - leaders.keys())
        if error is kafka_errors.NoError and leaders and not unknown:
            uuid = topic.topic_id if topic.topic_id is not None and topic.topic_id.int else None
            return Description(
                cluster=answer.cluster_id or "",
                topic_id=_printed(uuid),
                uuid=uuid,
                leaders=dict(sorted(leaders.items())),
            )
        if error is kafka_errors.NoError and leaders:
            error, what = kafka_errors.UnknownTopicOrPartitionError, named(unknown)
        else:
            what = f"metadata of topic {name}"
        if error is kafka_errors.UnknownTopicOrPartitionError:
            missing += 1
            if missing >= _TIMES_MISSING and time.monotonic() >= believed_at:
                raise error(what)
            session.doubt()
        await retry(session, error, what)


def without_leader(partitions: Iterable[int]) -> str:
    """Return the trouble of partitions that nobody leads."""
    return f"{named(partitions)}: no broker leads, the brokers that could are down"


def named(partitions: Iterable[int]) -> str:
    """Return partitions in words."""
    return f"partitions {', '.join(str(number) for number in sorted(partitions))}"


async def retry(session: Session, error: type[BaseException], what: str) -> None:
    """Wait before asking again, where the error may pass; raise it otherwise."""
    if not issubclass(error, kafka_errors.RetriableError | kafka_errors.NoError):
        raise error(what)
    session.trouble = f"{what}: {described(error(what))}"
    await session.pause()


def _printed(uuid: UUID | None) -> str:
    """Return a topic id as Kafka's own tools print it."""
    return "" if uuid is None else base64.urlsafe_b64encode(uuid.bytes).decode().rstrip("=")
