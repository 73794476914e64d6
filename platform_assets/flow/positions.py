"""Where a feed stands in its sources, and what no window has taken yet.

A known partition goes on where the window before it ended. A partition that the feed's log does not
know starts where the stream's policy says: earliest, latest, or an explicit position.

What the log knows must still hold of the source. A stream that is declared no more, another kind of
source, a partition that vanished: `SourceChanged`; one that was made anew: `StreamRecreated`; another
cluster at the same address: `ClusterChanged`. A source that ends before the
known end: `OffsetTruncated`. One that begins after it: `OffsetExpired`. Nothing is skipped. A partition
that ended for good may vanish once it was read to its end.

A window without records is not pinned, with three exceptions. Where a partition enters at `latest`, its
position exists only once it is recorded, and would move away with every look. Where a partition has
ended, those that follow it may enter only once that is recorded. Where a source proves by what it saw
last that nothing expired unread, what it sees now has to be recorded before that is too long ago.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import parse_rfc3339
from platform_assets.errors import (
    ClusterChanged,
    DeclarationInvalid,
    OffsetExpired,
    OffsetTruncated,
    SourceChanged,
    StreamRecreated,
)
from platform_assets.flow.anchors import (
    FROM_PREDECESSOR,
    Range,
    StreamSeen,
    identity_of,
    span_of,
)
from platform_assets.flow.continuity import position_of, position_seen_at, position_streams
from platform_assets.ports.positions import Entry, Known, Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platform_assets.ports.positions import Extent, Identity

#: What is left where a stream cannot be restored.
NEW_FEED = "A feed goes on from where it stood; to start anew, declare a feed of another name."
#: What is left where no window has read the partition yet.
CORRECT_START = "Or correct `start` in the declaration: no window has read this partition yet."


def known_of(predecessor: Mapping[str, Any] | None, stream: str) -> dict[str, Known]:
    """Return what the feed's log knows of the partitions of a stream."""
    if predecessor is None:
        return {}
    seen_at = parse_rfc3339(position_seen_at(predecessor))
    return {
        name: Known(
            span_of(part).end, seen_at, ended=bool(part.get("ended")), facts=part.get("facts", {})
        )
        for (of, name), part in position_of(predecessor).items()
        if of == stream
    }


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
            ranges.append(_waiting(feed, stream, extent, before))
    for (stream_name, partition), part in known.items():
        if not part.get("ended"):
            thing = f"partition {partition} of {feed}/{stream_name}"
            raise _changed(thing, "the partition, which earlier windows read", "none")
    return ranges


def is_worth_pinning(window: Iterable[Range]) -> bool:
    """Tell whether a window holds records, or fixes what is recorded nowhere else.

    That is a position at `latest`, that a partition has ended, so that others may enter after it, or a
    proof that takes the place of one which grows old.
    """
    return any(
        part.records > 0 or part.origin == "latest" or part.newly_ended or part.renews
        for part in window
    )


def _waiting(
    feed: str, stream: StreamSeen, extent: Extent, before: Mapping[str, Any] | None
) -> Range:
    thing = f"partition {extent.partition} of {feed}/{stream.stream}"
    if before is None:
        entry = extent.entry or _entry(feed, stream, extent)
    else:
        check_same(thing, identity_of(before), extent.identity)
        entry = Entry(position=span_of(before).end, origin=FROM_PREDECESSOR)
    start = entry.position.offset
    _check_within(thing, start, extent, NEW_FEED if before else CORRECT_START)
    return Range(
        stream=stream.stream,
        partition=extent.partition,
        start=start,
        end=extent.end,
        origin=entry.origin,
        identity=extent.identity,
        native_start=entry.position.native,
        ended=extent.ended,
        newly_ended=extent.ended and not (before or {}).get("ended"),
        parents=extent.parents,
        renews=extent.renews,
        facts=extent.facts,
        waiting_since=extent.waiting_since,
        oldest_waiting=extent.oldest_waiting,
    )


def _known_partitions(
    feed: str, seen: Sequence[StreamSeen], predecessor: Mapping[str, Any] | None
) -> dict[tuple[str, str], dict[str, Any]]:
    kinds = {stream.stream: stream.kind for stream in seen}
    for stream in position_streams(predecessor) if predecessor else ():
        kind = kinds.get(stream["stream"])
        if kind != stream["kind"]:
            thing = f"stream {stream['stream']} of {feed}"
            raise _changed(thing, f"a source of kind {stream['kind']}", kind or "no such stream")
    return position_of(predecessor) if predecessor else {}


def _entry(feed: str, stream: StreamSeen, extent: Extent) -> Entry:
    if stream.start == "earliest":
        return Entry(position=Position(extent.start), origin="earliest")
    if stream.start == "latest":
        return Entry(position=Position(extent.end), origin="latest")
    places = stream.start if isinstance(stream.start, Mapping) else {}
    offset = str(places.get(extent.partition, ""))
    if not offset.isdecimal():
        raise DeclarationInvalid(
            f"stream {stream.stream} of feed {feed}",
            expected=f"a start for partition {extent.partition}, which is new",
            found=f"start: {stream.start}",
            remedy="Add the partition to `start`, with the offset of the first record to read.",
        )
    return Entry(position=Position(int(offset)), origin="position")


def check_same(thing: str, pinned: Identity, now: Identity) -> None:
    """Check that a partition is still the one that was pinned under its name.

    Raises:
        ClusterChanged: another cluster, or another account, answers at the declared address.
        StreamRecreated: the stream was deleted and made anew under the same name.
    """
    if pinned.cluster != now.cluster:
        raise ClusterChanged(
            thing,
            expected=f"cluster {pinned.cluster or '(unnamed)'}",
            found=f"cluster {now.cluster or '(unnamed)'}, which answers at the declared address",
            remedy=f"Declare an address of the cluster that was pinned. {NEW_FEED}",
        )
    if pinned.incarnation != now.incarnation:
        raise StreamRecreated(
            thing,
            expected=f"the stream with the id {pinned.incarnation or '(none)'}",
            found=f"one with the id {now.incarnation or '(none)'}, made anew under the same name",
            remedy=f"Its offsets count other records now. {NEW_FEED}",
        )


def _check_within(thing: str, start: int, extent: Extent, otherwise: str) -> None:
    if extent.end < start:
        raise OffsetTruncated(
            thing,
            expected=f"a source that reaches offset {start}",
            found=f"one that ends at {extent.end}",
            remedy=f"Restore the records that were lost. {otherwise}",
        )
    if start < extent.start:
        raise OffsetExpired(
            thing,
            expected=f"a source that still holds offset {start}",
            found=f"one that begins at {extent.start}",
            remedy=f"Restore the expired records, and lengthen retention. {otherwise}",
        )


def _changed(thing: str, expected: str, found: str) -> SourceChanged:
    return SourceChanged(
        thing, expected=expected, found=found, remedy=f"Restore the source. {NEW_FEED}"
    )
