"""Whether what was seen of a topic still stands: the same topic, and no record of it lost.

Each function raises what is wrong, or returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.kafka.errors import Where, missing
from platform_assets.errors import OffsetExpired, OffsetTruncated
from platform_assets.flow.positions import NEW_FEED, check_same

if TYPE_CHECKING:
    from platform_assets.adapters.kafka.metadata import Description, Topic


def require_same(
    topic: Topic, partition: int, seen: Description | None, found: Description
) -> None:
    """Require the topic of the last look, with its partition.

    Raises:
        ClusterChanged: another cluster answers.
        StreamRecreated: the topic was deleted and made anew.
        SourceChanged: there is no such partition.
    """
    where = _where(topic, partition)
    if seen is not None:
        check_same(str(where), seen.identity, found.identity)
    if partition not in found.leaders:
        raise missing(where, f"it has the partitions {', '.join(map(str, found.leaders))}")


def require_within(topic: Topic, partition: int, start: int, end: int) -> None:
    """Require that the log holds a range, up to its last stable offset.

    Raises:
        OffsetExpired: it begins after the start.
        OffsetTruncated: it ends before the end.
    """
    where = _where(topic, partition)
    first = topic.log_starts([partition])[partition]
    if first > start:
        raise OffsetExpired(
            str(where),
            expected=f"a log that still holds offset {start}",
            found=f"one that begins at {first}",
            remedy=f"Restore the expired records, and lengthen retention. {NEW_FEED}",
        )
    last = topic.stable_ends([partition])[partition]
    if last < end:
        raise truncated(where, f"a log that is stable up to offset {end}", f"one up to {last}")


def require_unbroken(topic: Topic, partition: int, epoch: int, end: int) -> None:
    """Require that the log reaches an offset within the leader epoch under which it was seen.

    Raises:
        OffsetTruncated: today's leader ends that epoch before the offset: it took over without the
            records that were there.
    """
    if epoch < 0:
        return
    found = topic.epoch_ends({partition: epoch})[partition]
    if 0 <= found.end < end:
        raise truncated(
            _where(topic, partition),
            f"a log that reaches offset {end} within leader epoch {epoch}",
            f"one whose epoch {found.epoch} ends at {found.end}; what comes after was written later",
        )


def truncated(where: Where, expected: str, found: str) -> OffsetTruncated:
    """Return the error of a log that lost records which were there."""
    return OffsetTruncated(
        str(where),
        expected=expected,
        found=found,
        remedy="Records were lost, for example by an unclean leader election: restore them."
        f" {NEW_FEED}",
    )


def _where(topic: Topic, partition: int) -> Where:
    return Where(topic.brokers.source, topic.name, partition)
