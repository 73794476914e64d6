"""Anchors: which offsets a run processes, recorded before anything is read.

The feed's log is a chain. Every record names the digest of the one before it, and each partition goes
on where it stood (see `continuity`). So one record tells the whole position of its feed, and a link
needs only two neighbours to be verified: no offset is skipped and none is counted twice across runs.

A partition that the log does not know yet has an origin that says why it starts where it does. A
correction (see `corrections`) stands in the log like any record, and leaves the position as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest, rfc3339
from platform_assets.flow.continuity import (
    FROM_PREDECESSOR,
    broken,
    carried_on,
    continuation_problems,
    is_correction,
    last_correction,
    partitions_of,
    position_of,
)
from platform_assets.identifiers import RunId
from platform_assets.ports.positions import NOBODY, Identity, Position, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from platform_assets.ports.positions import Extent, Start

__all__ = [
    "FROM_PREDECESSOR",
    "Range",
    "StreamSeen",
    "anchors_record",
    "continuation_problems",
    "identity_of",
    "partitions_of",
    "span_of",
    "verify_chain",
    "verify_link",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSeen:
    """What was seen of a stream, and where its new partitions start."""

    stream: str
    kind: str
    start: Start
    extents: Sequence[Extent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Offsets ``[start, end)`` of a partition: what waits, or what of it a window takes."""

    stream: str
    partition: str
    start: int
    end: int
    origin: str
    identity: Identity = NOBODY
    native_start: str = ""
    native_end: str = ""
    ended: bool = False
    newly_ended: bool = False
    parents: tuple[str, ...] = ()
    renews: bool = False
    facts: Mapping[str, str | int] = field(default_factory=dict)
    waiting_since: datetime | None = None
    oldest_waiting: datetime | None = None

    @property
    def records(self) -> int:
        """The number of offsets; the number of records where there are no gaps."""
        return self.end - self.start

    def until(self, end: int) -> Range:
        """Return the range cut at an offset; one that is cut short has not ended."""
        whole = end == self.end
        return replace(
            self,
            end=end,
            ended=self.ended and whole,
            newly_ended=self.newly_ended and whole,
        )

    def span(self) -> Span:
        """Return the range as a source reads it."""
        return Span(
            self.partition,
            Position(self.start, self.native_start),
            Position(self.end, self.native_end),
            self.facts,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the range as anchors hold it."""
        record: dict[str, Any] = {
            "partition": self.partition,
            "start": self.start,
            "end": self.end,
            "origin": self.origin,
            "incarnation": self.identity.incarnation,
        }
        if self.identity.cluster:
            record["cluster"] = self.identity.cluster
        if self.native_start or self.native_end:
            record |= {"native_start": self.native_start, "native_end": self.native_end}
        if self.ended:
            record["ended"] = True
        if self.parents:
            record["parents"] = list(self.parents)
        if self.renews:
            record["renews"] = True
        if self.facts:
            record["facts"] = dict(self.facts)
        return record


def anchors_record(
    feed: str,
    seen: Sequence[StreamSeen],
    window: Sequence[Range],
    predecessor: Mapping[str, Any] | None,
    *,
    pinned_at: datetime,
    config_digest: str,
) -> dict[str, Any]:
    """Return the record that pins a window.

    Raises:
        ChainBroken: it would not link to its predecessor; the window was planned against another.
    """
    sequence = predecessor["sequence"] + 1 if predecessor else 1
    record = {
        "record": "anchors",
        "version": 1,
        "run_id": str(RunId(feed, sequence)),
        "config_digest": config_digest,
        "feed": feed,
        "sequence": sequence,
        "predecessor": digest(predecessor) if predecessor else None,
        "pinned_at": rfc3339(pinned_at),
        "streams": [
            {
                "stream": stream.stream,
                "kind": stream.kind,
                "partitions": [part.as_json() for part in window if part.stream == stream.stream],
            }
            for stream in seen
        ],
        **names_correction(predecessor),
    }
    verify_link(predecessor, record)
    return record


def names_correction(predecessor: Mapping[str, Any] | None) -> dict[str, int]:
    """Return what a record says of the newest correction before it; nothing where there is none."""
    newest = last_correction(predecessor)
    return {} if newest is None else {"last_correction": newest}


def verify_chain(records: Sequence[Mapping[str, Any]]) -> None:
    """Verify a feed's log from its first record on.

    Raises:
        ChainBroken: the log is empty, or two neighbours do not link.
    """
    if not records:
        raise broken("a feed's log", "at least the first anchors", "none")
    for predecessor, record in pairwise((None, *records)):
        assert record is not None
        verify_link(predecessor, record)


def verify_link(predecessor: Mapping[str, Any] | None, record: Mapping[str, Any]) -> None:
    """Verify that anchors follow their direct predecessor, or are the first of their feed.

    Raises:
        ChainBroken: sequence, feed, digest, a partition or an offset does not continue, or a correction
            moves where the feed stands.
    """
    thing = f"anchors {record['run_id']}"
    if predecessor is not None and record["feed"] != predecessor["feed"]:
        raise broken(thing, f"feed {predecessor['feed']}", record["feed"])
    sequence = predecessor["sequence"] + 1 if predecessor else 1
    if record["sequence"] != sequence or record["run_id"] != str(RunId(record["feed"], sequence)):
        raise broken(thing, f"sequence {sequence}", f"{record['sequence']}, {record['run_id']}")
    named = digest(predecessor) if predecessor else None
    if record["predecessor"] != named:
        raise broken(thing, f"predecessor {named}", f"{record['predecessor']}")
    newest = last_correction(predecessor)
    if record.get("last_correction") != newest:
        raise broken(thing, f"the last correction {newest}", f"{record.get('last_correction')}")
    if is_correction(record):
        _verify_carried(thing, predecessor, record)
    else:
        _verify_continued(thing, predecessor, record)


def _verify_carried(
    thing: str, predecessor: Mapping[str, Any] | None, record: Mapping[str, Any]
) -> None:
    """A correction leaves its feed where it stood, and corrects a run before it."""
    named = RunId.parse(record["supersedes"]["run_id"])
    if predecessor is None or named.feed != record["feed"] or named.sequence >= record["sequence"]:
        raise broken(thing, "a correction of a run before it", f"one of {named}")
    if record["resumes"] != carried_on(predecessor):
        raise broken(thing, "the feed's position carried on unchanged", "another position")


def _verify_continued(
    thing: str, predecessor: Mapping[str, Any] | None, record: Mapping[str, Any]
) -> None:
    before = position_of(predecessor) if predecessor else {}
    after = partitions_of(record)
    for key in before.keys() - after.keys():
        if not before[key].get("ended"):
            raise broken(thing, f"stream {key[0]}, partition {key[1]}", "no such partition")
    for key, part in after.items():
        problems = continuation_problems(key[0], part, before)
        if problems:
            name = f"{thing}, stream {key[0]}, partition {key[1]}"
            raise broken(name, "a partition that goes on from the anchors before", problems)


def span_of(part: Mapping[str, Any]) -> Span:
    """Return a pinned partition as a source reads it."""
    return Span(
        part["partition"],
        Position(int(part["start"]), part.get("native_start", "")),
        Position(int(part["end"]), part.get("native_end", "")),
        part.get("facts", {}),
    )


def identity_of(part: Mapping[str, Any]) -> Identity:
    """Return what a pinned partition was."""
    return Identity(part.get("cluster", ""), part["incarnation"])
