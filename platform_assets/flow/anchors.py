"""Anchors: which offsets a run processes, recorded before anything is read.

The feed's log is a chain. Every record names the digest of the one before it, and every partition that
stands in a record stands in all later ones, starting where it ended, with an empty range where nothing
was new. So one record tells the whole position of its feed, and a link needs only two neighbours to be
verified: no offset is skipped and none is counted twice across runs.

A partition that the log does not know yet has an origin that says why it starts where it does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest, rfc3339
from platform_assets.errors import ChainBroken
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from platform_assets.ports.streams import Extent

FROM_PREDECESSOR = "predecessor"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSeen:
    """What was seen of a stream, and where its new partitions start."""

    stream: str
    kind: str
    start: str | Mapping[str, int]
    extents: Sequence[Extent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Offsets ``[start, end)`` of a partition: what waits, or what of it a window takes."""

    stream: str
    partition: str
    start: int
    end: int
    origin: str
    incarnation: str
    waiting_since: datetime | None = None

    @property
    def records(self) -> int:
        """The number of offsets; the number of records where there are no gaps."""
        return self.end - self.start

    def until(self, end: int) -> Range:
        """Return the range cut at an offset."""
        return replace(self, end=end)

    def as_json(self) -> dict[str, Any]:
        """Return the range as anchors hold it."""
        return {
            "partition": self.partition,
            "start": self.start,
            "end": self.end,
            "origin": self.origin,
            "incarnation": self.incarnation,
        }


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
        raise _broken(thing, f"stream {key[0]}, partition {key[1]}", "no such partition")
    for key, part in after.items():
        _verify_partition(f"{thing}, stream {key[0]}, partition {key[1]}", before.get(key), part)


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


def _verify_partition(
    thing: str, before: Mapping[str, Any] | None, part: Mapping[str, Any]
) -> None:
    if int(part["start"]) > int(part["end"]):
        raise _broken(thing, "start <= end", f"[{part['start']}, {part['end']})")
    if (part["origin"] == FROM_PREDECESSOR) != (before is not None):
        raise _broken(thing, "the origin of its start", f"origin {part['origin']}")
    if before is None:
        return
    if int(part["start"]) != int(before["end"]):
        raise _broken(thing, f"start {before['end']}", f"start {part['start']}")
    for name in ("kind", "incarnation"):
        if part[name] != before[name]:
            raise _broken(thing, f"{name} {before[name]!r}", f"{part[name]!r}")


def _broken(thing: str, expected: str, found: str) -> ChainBroken:
    return ChainBroken(
        thing,
        expected=expected,
        found=found,
        remedy="The feed's log was changed after it was written; restore it from a copy.",
    )
