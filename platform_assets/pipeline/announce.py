"""Announcing facts on a feed's control topic: certified products and closed runs.

The records of a run are the outbox. What they say and no announcement record says yet is announced:

1. Look at every run after the last one of which nothing is left to be announced.
2. A product is announced once the gate opens it, a closure once its seal verifies. What is announced is
   made durable first, because a reader may see a file before whoever wrote it has synced it.
3. Publish, and wait for the acknowledgements.
4. Record what was acknowledged. What is ambiguous, or was published by a process that died before this,
   is published again at the next call, under the same id.
5. Record up to which run nothing is left. A closed run does not change, so it is not looked at again.

So each fact is announced at least once, never before it is one, and can be deduplicated by its id.
Announcement records are written after the seal too. They are no part of the evidence.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.cloud_events import CONTENT_TYPE_HEADER, encode
from platform_assets.adapters.streams import open_sink
from platform_assets.canonical import rfc3339
from platform_assets.errors import (
    AnnouncementRefused,
    DeclarationInvalid,
    RecordConflict,
    UnknownOutcome,
)
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.outbox import outbox_of
from platform_assets.pipeline.records import write_record
from platform_assets.ports.sinks import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from platform_assets.declarations import AnnounceDeclaration
    from platform_assets.flow.announcements import Announcement
    from platform_assets.pipeline.outbox import Outbox
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.sinks import SendReport

_TOGETHER = 100


def announce(platform: Platform, feed: str) -> dict[str, Any]:
    """Announce everything of a feed that is not announced yet, and return the events.

    Returns:
        ``feed``; ``announced``, the events that were acknowledged; ``withheld``, subject -> why
        something of a closed run could not be announced.

    Raises:
        DeclarationInvalid: the feed declares no `announce`.
        SourceUnreachable: the control topic did not answer; nothing was published.
        UnknownOutcome: it is not known of some events whether they were published; call again.
        AnnouncementRefused: the control topic does not take some of them.
    """
    target = _declared(platform, feed)
    outbox = outbox_of(platform, feed)  # 1, 2
    announced: list[dict[str, Any]] = []
    for begin in range(0, len(outbox.due), _TOGETHER):
        due = outbox.due[begin : begin + _TOGETHER]
        announced += _publish(platform, feed, target, due)
    _settle(platform, feed, outbox)  # 5
    return {"feed": feed, "announced": announced, "withheld": outbox.withheld}


def _declared(platform: Platform, feed: str) -> AnnounceDeclaration:
    target = platform.feed(feed).announce
    if target is None:
        raise DeclarationInvalid(
            f"feed {feed}",
            expected="`announce` with a source and a topic",
            found="none",
            remedy=f"Add it in {platform.home / platform.settings.defs}/{feed}/defs.yaml.",
        )
    return target


def _publish(
    platform: Platform, feed: str, target: AnnounceDeclaration, due: Sequence[Announcement]
) -> list[dict[str, Any]]:
    """Publish announcements and record the acknowledged ones."""
    taken: list[Announcement] = []

    def outgoing() -> Iterator[Outgoing]:
        for announcement in due:
            taken.append(announcement)
            key = str(announcement.run).encode()
            yield Outgoing(encode(announcement.event()), key, headers=(CONTENT_TYPE_HEADER,))

    with closing(open_sink(target.source, target.topic, platform.home)) as sink:
        report = sink.send(outgoing())  # 3
    doubtful = {trouble.number for trouble in (*report.ambiguous, *report.refused)}
    acknowledged = [a for number, a in enumerate(taken) if number not in doubtful]
    for announcement in acknowledged:  # 4
        _record(platform, target, announcement)
    _require_acknowledged(feed, target, taken, report)
    return [announcement.event() for announcement in acknowledged]


def _record(platform: Platform, target: AnnounceDeclaration, announcement: Announcement) -> None:
    record = {
        "record": "announcement",
        "version": 1,
        "run_id": str(announcement.run),
        "config_digest": platform.anchors(announcement.run)["config_digest"],
        "event": announcement.event(),
        "target": {"kind": target.source.kind, "topic": target.topic},
        "announced_at": rfc3339(platform.clock.now()),
    }
    path = layout.announcement_path(announcement.run, announcement.id)
    try:
        write_record(platform.store, path, record)
    except RecordConflict:
        return  # another process announced the same fact, and recorded that at another moment


def _require_acknowledged(
    feed: str, target: AnnounceDeclaration, taken: Sequence[Announcement], report: SendReport
) -> None:
    thing = f"announcements of {feed} on {target.topic}"
    again = f"platform-assets announce {feed}"
    if report.ambiguous:
        raise UnknownOutcome(
            thing,
            expected="an acknowledgement of each",
            found=[f"{taken[number].subject}: {why}" for number, why in report.ambiguous],
            remedy=f"Announce again, under the same ids: {again}",
        )
    if report.refused:
        raise AnnouncementRefused(
            thing,
            expected="a control topic that takes each",
            found=[f"{taken[number].subject}: {why}" for number, why in report.refused],
            remedy=f"Mend the topic or its permissions, then announce again: {again}",
        )


def _settle(platform: Platform, feed: str, outbox: Outbox) -> None:
    run = RunId(feed, outbox.first)
    while run in outbox.closed:
        record = {
            "record": "announced",
            "version": 1,
            "run_id": str(run),
            "config_digest": platform.anchors(run)["config_digest"],
            "bundle_digest": outbox.closed[run].bundle_digest,
        }
        write_record(platform.store, layout.announced_path(run), record)
        run = RunId(feed, run.sequence + 1)
