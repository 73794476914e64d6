"""Where a feed stands in its sources, and what no window has taken yet.

A known partition goes on where the window before it ended. A partition that the feed's log does not
know starts where the stream's policy says: earliest, latest, or an explicit position.

What the log knows must still hold of the source. A stream that is declared no more, another kind of
source, a partition that vanished or was recreated: `SourceChanged`. A source that ends before the
known end: `OffsetTruncated`. One that begins after it: `OffsetExpired`. Nothing is skipped.

A window without records is not pinned, with one exception: where a partition enters at `latest`, its
position exists only once it is recorded, and would move away with every look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.errors import (
    DeclarationInvalid,
    OffsetExpired,
    OffsetTruncated,
    SourceChanged,
)
from platform_assets.flow.anchors import FROM_PREDECESSOR, Range, StreamSeen, partitions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platform_assets.ports.streams import Extent

_NEW_FEED = "A feed goes on from where it stood; to start anew, declare a feed of another name."


def waiting_ranges(
    feed: str, seen: Sequence[StreamSeen], predecessor: Mapping[str, Any] | None
) -> list[Range]:
    """Return everything that no window has taken yet: every partition, in natural order.

    Raises:
        SourceChanged, OffsetTruncated, OffsetExpired: the source is not what the feed's log knows.
        DeclarationInvalid: the declaration gives no start for a new partition.
    """
    known = _known_partitions(feed, seen, predecessor)
    ranges = []
    for stream in seen:
        for extent in stream.extents:
            before = known.pop((stream.stream, extent.partition), None)
            if before is None:
                start, origin = _first_start(feed, stream, extent)
            else:
                start, origin = int(before["end"]), FROM_PREDECESSOR
            thing = f"partition {extent.partition} of {feed}/{stream.stream}"
            if before is not None and before["incarnation"] != extent.incarnation:
                raise _changed(thing, before["incarnation"], extent.incarnation)
            _check_within(thing, start, extent)
            ranges.append(
                Range(
                    stream=stream.stream,
                    partition=extent.partition,
                    start=start,
                    end=extent.end,
                    origin=origin,
                    incarnation=extent.incarnation,
                    waiting_since=extent.waiting_since,
                )
            )
    for stream_name, partition in known:
        thing = f"partition {partition} of {feed}/{stream_name}"
        raise _changed(thing, "the partition, which earlier windows read", "none")
    return ranges


def is_worth_pinning(window: Iterable[Range]) -> bool:
    """Tell whether a window holds records, or fixes a position that is recorded nowhere else."""
    return any(part.records > 0 or part.origin == "latest" for part in window)


def _known_partitions(
    feed: str, seen: Sequence[StreamSeen], predecessor: Mapping[str, Any] | None
) -> dict[tuple[str, str], dict[str, Any]]:
    kinds = {stream.stream: stream.kind for stream in seen}
    for stream in predecessor["streams"] if predecessor else ():
        kind = kinds.get(stream["stream"])
        if kind != stream["kind"]:
            thing = f"stream {stream['stream']} of {feed}"
            raise _changed(thing, f"a source of kind {stream['kind']}", kind or "no such stream")
    return partitions_of(predecessor) if predecessor else {}


def _first_start(feed: str, stream: StreamSeen, extent: Extent) -> tuple[int, str]:
    if stream.start == "earliest":
        return extent.start, "earliest"
    if stream.start == "latest":
        return extent.end, "latest"
    if isinstance(stream.start, str) or extent.partition not in stream.start:
        raise DeclarationInvalid(
            f"stream {stream.stream} of feed {feed}",
            expected=f"a start for partition {extent.partition}, which is new",
            found=f"start: {stream.start}",
            remedy="Add the partition to `start`, with the offset of the first record to read.",
        )
    return stream.start[extent.partition], "position"


def _check_within(thing: str, start: int, extent: Extent) -> None:
    if extent.end < start:
        raise OffsetTruncated(
            thing,
            expected=f"a source that reaches offset {start}",
            found=f"one that ends at {extent.end}",
            remedy=f"Restore the records that were lost. {_NEW_FEED}",
        )
    if start < extent.start:
        raise OffsetExpired(
            thing,
            expected=f"a source that still holds offset {start}",
            found=f"one that begins at {extent.start}",
            remedy=f"Restore the expired records, and lengthen retention. {_NEW_FEED}",
        )


def _changed(thing: str, expected: str, found: str) -> SourceChanged:
    return SourceChanged(
        thing, expected=expected, found=found, remedy=f"Restore the source. {_NEW_FEED}"
    )
