"""Pinning: the next window of a feed becomes a record before anything of it is read.

1. Read the head of the feed's log and verify that it links.
2. Look at every stream. One that does not answer ends the attempt: an outage is never an empty window.
3. Cut the window by records and bytes. Where nothing is new, nothing is pinned.
4. Require that it settles by the rules of those that go side by side and are open.
5. Record the configuration, then the anchors, both create-only.

Two that pin at once plan the same sequence, and the store lets one of them create it. The other reads
what stands there and returns the same run.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from platform_assets.errors import ChainBroken, RecordConflict
from platform_assets.flow.anchors import Range, StreamSeen, anchors_record, verify_link
from platform_assets.flow.positions import is_worth_pinning, known_of, waiting_ranges
from platform_assets.flow.windows import Due, WindowBounds, cut_window, due, oldest_arrival
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.records import read_record, write_record
from platform_assets.pipeline.settlement_rules import require_same_rules
from platform_assets.ports.streams import Look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from platform_assets.declarations import FeedDeclaration
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.streams import StreamSource


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowStatus:
    """What waits in a feed, what the next window would take of it, and whether it is due."""

    head: Mapping[str, Any] | None
    seen: Sequence[StreamSeen]
    waiting: Sequence[Range]
    window: Sequence[Range]
    due: Due | None
    oldest: datetime | None

    @property
    def records(self) -> int:
        """The number of offsets that wait in all partitions."""
        return sum(part.records for part in self.waiting)

    @property
    def left(self) -> int:
        """The number of offsets that wait on when the window is pinned."""
        return self.records - sum(part.records for part in self.window)

    @property
    def last(self) -> int:
        """The sequence of the newest run, as it was at the look; 0 for an empty log."""
        return int(RunId.parse(self.head["run_id"]).sequence) if self.head else 0


def pin(platform: Platform, feed: str, *, force: bool = True) -> RunId | None:
    """Pin the next window and return its run; None where nothing is new.

    Args:
        platform: the opened home.
        feed: the feed's name.
        force: pin whatever is there; otherwise only a window that is due.

    Raises:
        SourceUnreachable: a stream did not answer.
        SourceChanged, OffsetExpired, OffsetTruncated: a source is not what the feed's log knows.
        ChainBroken: the feed's log does not link.
        PredecessorOpen: a run that goes side by side by other rules has to be closed first.
        UnknownOutcome: the store does not say what it wrote; look again.
    """
    return pin_window(platform, feed, window_status(platform, feed), force=force)  # 1, 2, 3


def pin_window(
    platform: Platform, feed: str, status: WindowStatus, *, force: bool = True
) -> RunId | None:
    """Pin the window of a look that was taken already; for the rest as `pin` does."""
    if not is_worth_pinning(status.window) or not (force or status.due):
        return None
    config_digest, configuration = platform.configuration(feed)
    require_same_rules(platform, feed, config_digest, configuration, status.head)  # 4
    record = anchors_record(
        feed,
        status.seen,
        status.window,
        status.head,
        pinned_at=platform.clock.now(),
        config_digest=config_digest,
    )
    run = RunId.parse(record["run_id"])
    write_record(platform.store, layout.configuration_path(config_digest), configuration)  # 5
    try:
        write_record(platform.store, layout.anchors_path(run), record)
    except RecordConflict:
        verify_link(status.head, read_record(platform.store, layout.anchors_path(run), "anchors"))
    return run


def window_status(platform: Platform, feed: str) -> WindowStatus:
    """Look at a feed's streams and return what waits; nothing is written.

    Raises:
        SourceUnreachable, SourceChanged, OffsetExpired, OffsetTruncated, ChainBroken: as for `pin`.
    """
    declaration = platform.feed(feed)
    head = log_head(platform, feed)  # 1
    with ExitStack() as opened:
        sources = {
            name: opened.enter_context(closing(platform.source(declaration, name)))
            for name in declaration.streams
        }
        return _look(platform, declaration, head, sources)


def _look(
    platform: Platform,
    declaration: FeedDeclaration,
    head: Mapping[str, Any] | None,
    sources: Mapping[str, StreamSource],
) -> WindowStatus:
    bounds = WindowBounds(declaration.window.max_records, declaration.window.max_bytes)
    seen = [  # 2
        StreamSeen(
            stream=name,
            kind=sources[name].kind,
            start=stream.start,
            extents=sources[name].extents(
                Look(
                    known=known_of(head, name),
                    start=stream.start,
                    max_records=bounds.max_records,
                    max_bytes=bounds.max_bytes,
                )
            ),
        )
        for name, stream in declaration.streams.items()
    ]
    waiting = waiting_ranges(declaration.feed, seen, head)
    window = [  # 3
        named(sources[part.stream], part)
        for part in cut_window(
            waiting, bounds, lambda part, size: sources[part.stream].limit_bytes(part.span(), size)
        )
    ]
    max_age, now = timedelta(seconds=declaration.window.max_age_seconds), platform.clock.now()
    return WindowStatus(
        head=head,
        seen=seen,
        waiting=waiting,
        window=window,
        due=due(waiting, window, head, now=now, max_age=max_age),
        oldest=oldest_arrival(waiting, head, now=now),
    )


def named(source: StreamSource, part: Range) -> Range:
    """Return a range whose end has the source's own name, where the source has one."""
    if part.start == part.end:
        return replace(part, native_end=part.native_start)
    return replace(part, native_end=source.native(part.partition, part.end))


def log_head(platform: Platform, feed: str) -> dict[str, Any] | None:
    """Return the newest anchors of a feed after verifying their link; None for an empty log.

    Raises:
        ChainBroken: an entry is missing or foreign, or the head does not follow the one before it.
    """
    folder = layout.feed_log(feed)
    names = [path.removeprefix(f"{folder}/") for path in platform.store.list(folder)]
    expected = [f"{sequence:08d}.json" for sequence in range(1, len(names) + 1)]
    if names != expected:
        wrong = sorted(set(names) ^ set(expected))
        raise ChainBroken(
            f"feed {feed}",
            expected="anchors numbered from 1 without a hole",
            found=f"{len(names)} entries that differ at {', '.join(wrong[:5])}",
            remedy=f"Restore the folder {folder} of the store from a copy.",
        )
    if not names:
        return None
    run = RunId(feed, len(names))
    head = platform.anchors(run)
    verify_link(platform.anchors(run.predecessor) if run.predecessor else None, head)
    return head
