"""Lag: what waits in each partition that no window has taken, in records and in seconds.

Records are offsets between the end of the newest window and the end of the partition. Seconds are from
the arrival of the first of them until now; where the source does not know when that was, they are
unknown, which is not the same as none. A partition in which nothing waits lags by neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.pipeline.pin import window_status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from platform_assets.flow.anchors import Range
    from platform_assets.pipeline.platform import Platform


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """What waits in one partition. ``seconds`` is None where nothing waits or the age is unknown."""

    stream: str
    partition: str
    records: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class FeedLag:
    """What waits in a feed, partition by partition in natural order."""

    partitions: tuple[PartitionLag, ...]

    @property
    def records(self) -> int:
        """The number of offsets that wait in all partitions."""
        return sum(part.records for part in self.partitions)

    @property
    def seconds(self) -> float | None:
        """How long the first of them has waited, None where nothing waits or no age is known."""
        known = [part.seconds for part in self.partitions if part.seconds is not None]
        return max(known, default=None)

    def worst(self, count: int) -> list[PartitionLag]:
        """Return up to so many partitions in which something waits, those that lag most first."""
        some = [part for part in self.partitions if part.records]
        return sorted(some, key=lambda part: (-(part.seconds or 0.0), -part.records))[:count]


def lag_of(waiting: Iterable[Range], now: datetime) -> FeedLag:
    """Return the lag that a look at the streams shows."""
    return FeedLag(
        tuple(
            PartitionLag(part.stream, part.partition, part.records, _seconds(part, now))
            for part in waiting
        )
    )


def lag(platform: Platform, feed: str) -> FeedLag:
    """Look at a feed's streams and return its lag; nothing is written.

    Raises:
        SourceUnreachable, SourceChanged, OffsetExpired, OffsetTruncated, ChainBroken: as for `pin`.
    """
    return lag_of(window_status(platform, feed).waiting, platform.clock.now())


def _seconds(part: Range, now: datetime) -> float | None:
    if not part.records or part.oldest_waiting is None:
        return None
    # the broker's clock may be ahead of ours
    return max(0.0, (now - part.oldest_waiting).total_seconds())
