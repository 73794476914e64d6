"""Anchors: which offsets a run processes, recorded before anything is read.

The feed's log is a chain. Every record names the digest of the one before it, and every partition that
stands in a record stands in all later ones, starting where it ended, with an empty range where nothing
was new; only one that has ended for good may leave. A partition enters after its parents have ended. So
one record tells the whole position of its feed, and a link needs only two neighbours to be verified: no
offset is skipped and none is counted twice across runs.

A partition that the log does not know yet has an origin that says why it starts where it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest, rfc3339
from platform_assets.errors import ChainBroken
from platform_assets.identifiers import RunId
from platform_assets.ports.positions import NOBODY, Identity, Position, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from platform_assets.ports.positions import Extent, Start

FROM_PREDECESSOR = "predecessor"


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
    }
    verify_link(predecessor, record)
    return record


def verify_chain(records: Sequence[Mapping[str, Any]]) -> None:
    """Verify a feed's log from its first record on.

    Raises:
        ChainBroken: the log is empty, or two neighbours do not link.
    """
    if not records:
        raise _broken("a feed's log", "at least the first anchors", "none")
    for predecessor, record in pairwise((None, *records)):
        assert record is not None
        verify_link(predecessor, record)


def verify_link(predecessor: Mapping[str, Any] | None, record: Mapping[str, Any]) -> None:
    """Verify that anchors follow their direct predecessor, or are the first of their feed.

    Raises:
        ChainBroken: sequence, feed, digest, a partition or an offset does not continue.
    """
    thing = f"anchors {record['run_id']}"
    if predecessor is not None and record["feed"] != predecessor["feed"]:
        raise _broken(thing, f"feed {predecessor['feed']}", record["feed"])
    sequence = predecessor["sequence"] + 1 if predecessor else 1
    if record["sequence"] != sequence or record["run_id"] != str(RunId(record["feed"], sequence)):
        raise _broken(thing, f"sequence {sequence}", f"{record['sequence']}, {record['run_id']}")
    named = digest(predecessor) if predecessor else None
    if record["predecessor"] != named:
        raise _broken(thing, f"predecessor {named}", f"{record['predecessor']}")
    before = partitions_of(predecessor) if predecessor else {}
    after = partitions_of(record)
    for key in before.keys() - after.keys():
        if not before[key].get("ended"):
            raise _broken(thing, f"stream {key[0]}, partition {key[1]}", "no such partition")
    for key, part in after.items():
        problems = continuation_problems(key[0], part, before)
        if problems:
            name = f"{thing}, stream {key[0]}, partition {key[1]}"
            raise _broken(name, "a partition that goes on from the anchors before", problems)


def partitions_of(record: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the partitions of anchors by stream and name, each with its stream's kind.

    Raises:
        ChainBroken: a partition stands there twice.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for stream in record["streams"]:
        for part in stream["partitions"]:
            key = (stream["stream"], part["partition"])
            if key in found:
                raise _broken(f"anchors {record['run_id']}", "each partition once", f"{key} twice")
            found[key] = {**part, "kind": stream["kind"]}
    return found


def continuation_problems(
    stream: str,
    part: Mapping[str, Any],
    before: Mapping[tuple[str, str], Mapping[str, Any]],
) -> list[str]:
    """Return everything in which a pinned partition does not go on from the anchors before it.

    Args:
        stream: the partition's stream.
        part: the partition as pinned, with its stream's kind.
        before: every partition of the anchors before, as `partitions_of` returns them.
    """
    problems = []
    start, end = int(part["start"]), int(part["end"])
    names = (part.get("native_start", ""), part.get("native_end", ""))
    if start > end or (start == end and names[0] != names[1]):
        problems.append(f"has the range [{start}, {end}) {' to '.join(names)}".rstrip())
    reached = before.get((stream, part["partition"]))
    if (part["origin"] == FROM_PREDECESSOR) != (reached is not None):
        problems.append(f"has the origin {part['origin']}")
    if reached is None:
        return problems + _parents_going_on(stream, part, before)
    if start != int(reached["end"]) or names[0] != reached.get("native_end", ""):
        found = f"{reached['end']} {reached.get('native_end', '')}".rstrip()
        problems.append(f"starts at {f'{start} {names[0]}'.rstrip()}, where {found} was reached")
    if reached.get("ended") and (not part.get("ended") or start != end):
        problems.append("goes on, and had ended")
    problems += [
        f"has the {name} {part.get(name, '')!r}, {reached.get(name, '')!r} was pinned before"
        for name in ("kind", "cluster", "incarnation")
        if part.get(name, "") != reached.get(name, "")
    ]
    return problems


def _parents_going_on(
    stream: str,
    part: Mapping[str, Any],
    before: Mapping[tuple[str, str], Mapping[str, Any]],
) -> list[str]:
    """Everything of its parents has to be taken before a partition enters."""
    return [
        f"enters before its parent {name} has ended"
        for name in part.get("parents", ())
        if not before.get((stream, name), {"ended": True}).get("ended")
    ]


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


def _broken(thing: str, expected: str, found: str | list[str]) -> ChainBroken:
    return ChainBroken(
        thing,
        expected=expected,
        found=found,
        remedy="The feed's log was changed after it was written; restore it from a copy.",
    )
