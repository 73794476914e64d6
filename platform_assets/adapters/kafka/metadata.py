"""What a cluster says of a topic: identity, leaders, policy, and offsets of several kinds.

`Topic(brokers, name)` asks anew at every call; nothing is remembered.

- `describe() -> Description`: cluster id, topic id, and every partition with its leader and epoch;
- `cleanup_policy() -> str`: ``delete``, ``compact``, ``compact,delete``, or nothing;
- `log_starts(partitions)`: the first offset that can be read;
- `stable_ends(partitions)`: the last stable offset; below it the fate of each transaction is decided;
- `at_time(partitions, moment)`: the first offset, below the last stable one, whose record is not older
  than a moment; None where there is none;
- `epoch_ends({partition: epoch})`: the largest epoch up to that one that the leader's log has, and
  where it ends there. A log that lost records in an unclean election ends it below what was seen.

Every answer is complete, or there is none: a partition that has no leader, or whose leader does not
answer, is asked again until the source's `timeout_seconds` are over, and then the error names it. The
number of partitions never shrinks because of an outage. Calls raise what `Brokers.run` raises; a topic
that does not exist is `SourceChanged`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import kafka.errors as kafka_errors
from kafka.protocol.admin import DescribeConfigsRequest
from kafka.protocol.consumer import (
    IsolationLevel,
    ListOffsetsRequest,
    OffsetForLeaderEpochRequest,
    OffsetSpec,
)

from platform_assets.adapters.kafka.descriptions import (
    Description,
    Leader,
    described_topic,
    named,
    retry,
    without_leader,
)
from platform_assets.adapters.kafka.errors import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from platform_assets.adapters.kafka.connection import Brokers, Session

__all__ = ["Description", "EpochEnd", "Leader", "Topic"]

Wanted = TypeVar("Wanted")

_EPOCH = datetime.fromtimestamp(0, UTC)
_TOPIC_RESOURCE = 2


class EpochEnd(NamedTuple):
    """An epoch of a partition's log, and the offset at which it ends there."""

    epoch: int
    end: int


class Topic:
    """One topic, through the brokers of its cluster."""

    def __init__(self, brokers: Brokers, name: str) -> None:
        self.brokers = brokers
        self.name = name
        self.where = Where(brokers.source, name)

    def describe(self) -> Description:
        """Return cluster, topic id and every partition; each of them has a leader."""

        async def led(session: Session) -> Description:
            while True:
                found = await described_topic(session, self.name)
                leaderless = [number for number, leader in found.leaders.items() if leader.node < 0]
                if not leaderless:
                    return found
                session.trouble = without_leader(leaderless)
                await session.pause()

        return self.brokers.run(self.where, led)

    def cleanup_policy(self) -> str:
        """Return the words of the topic's cleanup policy, sorted and joined by commas."""

        async def ask(session: Session) -> str:
            while True:
                answer = await session.anywhere(self._policy_request)
                result = answer.results[0]
                error = kafka_errors.for_code(result.error_code)
                if error is kafka_errors.NoError:
                    words = ",".join(config.value or "" for config in result.configs).split(",")
                    return ",".join(sorted(word.strip() for word in words if word.strip()))
                if error is kafka_errors.UnknownTopicOrPartitionError:
                    await described_topic(session, self.name)  # says so, if it is gone
                await retry(session, error, f"DESCRIBE_CONFIGS of topic {self.name}")

        return self.brokers.run(self.where, ask)

    def log_starts(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return the first offset of each partition."""
        found = self._offsets(dict.fromkeys(partitions, int(OffsetSpec.EARLIEST)))
        return {number: row.offset for number, row in found.items()}

    def stable_ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return the last stable offset of each partition."""
        found = self._offsets(dict.fromkeys(partitions, int(OffsetSpec.LATEST)))
        return {number: row.offset for number, row in found.items()}

    def at_time(self, partitions: Iterable[int], moment: datetime) -> dict[int, int | None]:
        """Return the first offset of each partition whose record is not older than a moment."""
        milliseconds = -((_EPOCH - moment) // timedelta(milliseconds=1))  # rounded up
        found = self._offsets(dict.fromkeys(partitions, milliseconds))
        return {number: row.offset if row.offset >= 0 else None for number, row in found.items()}

    def epoch_ends(self, epochs: Mapping[int, int]) -> dict[int, EpochEnd]:
        """Return, for an epoch of each partition, the epoch that the leader's log has, and its end."""

        def request(wanted: Mapping[int, int]) -> Any:
            partition = OffsetForLeaderEpochRequest.OffsetForLeaderTopic.OffsetForLeaderPartition
            rows = [
                partition(partition=number, current_leader_epoch=-1, leader_epoch=epoch)
                for number, epoch in wanted.items()
            ]
            topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic(
                topic=self.name, partitions=rows
            )
            return OffsetForLeaderEpochRequest(replica_id=-1, topics=[topic])

        found = self._of_leaders(epochs, request, lambda row: row.partition)
        return {number: EpochEnd(row.leader_epoch, row.end_offset) for number, row in found.items()}

    def _policy_request(self) -> Any:
        resource = DescribeConfigsRequest.DescribeConfigsResource(
            resource_type=_TOPIC_RESOURCE,
            resource_name=self.name,
            configuration_keys=["cleanup.policy"],
        )
        return DescribeConfigsRequest(resources=[resource])

    def _offsets(self, times: Mapping[int, int]) -> dict[int, Any]:
        def request(wanted: Mapping[int, int]) -> Any:
            partition = ListOffsetsRequest.ListOffsetsTopic.ListOffsetsPartition
            rows = [
                partition(partition_index=number, timestamp=at) for number, at in wanted.items()
            ]
            topic = ListOffsetsRequest.ListOffsetsTopic(name=self.name, partitions=rows)
            return ListOffsetsRequest(
                isolation_level=IsolationLevel.READ_COMMITTED.value,
                topics=[topic],
                min_version=ListOffsetsRequest.min_version_for_isolation_level(1),
            )

        return self._of_leaders(times, request, lambda row: row.partition_index)

    def _of_leaders(
        self,
        wanted: Mapping[int, Wanted],
        request: Callable[[Mapping[int, Wanted]], Any],
        number_of: Callable[[Any], int],
    ) -> dict[int, Any]:
        """Ask the leader of each partition, together where they share one, until all have answered."""

        async def ask(session: Session) -> dict[int, Any]:
            found: dict[int, Any] = {}
            while left := {number: what for number, what in wanted.items() if number not in found}:
                leaders = (await described_topic(session, self.name, left)).leaders
                nodes = {leaders[number].node for number in left}
                if -1 in nodes:
                    gone = [number for number in left if leaders[number].node < 0]
                    session.trouble = without_leader(gone)
                asked = []
                for node in sorted(nodes - {-1}):
                    share = {
                        number: what
                        for number, what in left.items()
                        if leaders[number].node == node
                    }
                    asked.append((node, share, session.at_once(node, request(share))))
                for node, share, future in asked:
                    await _gather(session, found, _Asked(node, share, future), number_of)
                if len(found) < len(wanted):
                    await session.pause()
            return {number: found[number] for number in wanted}

        return self.brokers.run(self.where, ask)


class _Asked(NamedTuple):
    node: int
    share: Mapping[int, Any]
    future: Any


async def _gather(
    session: Session, found: dict[int, Any], asked: _Asked, number_of: Callable[[Any], int]
) -> None:
    """Take what a leader answered; what it could not answer is asked again by the caller."""
    names = f"{named(asked.share)} of {session.name(asked.node)}"
    try:
        answer = await asked.future
    except kafka_errors.KafkaError as error:
        await session.pause_after(error, names)
        return
    for topic in answer.topics:
        for row in topic.partitions:
            error_type = kafka_errors.for_code(row.error_code)
            if error_type is kafka_errors.NoError:
                found[number_of(row)] = row
            else:
                await retry(session, error_type, f"partition {number_of(row)}")
