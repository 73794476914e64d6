"""The shards of a stream, and which of them may be read when a stream is split and merged.

A split closes one shard and opens two; a merge closes two and opens one. The children name their
parents. Everything in a parent stands before everything in its children, so a child is read once the
feed's log knows each of its parents as ended.

Shards that the log does not know enter so:

- at a first look with `earliest`, or from a moment: those whose parents are listed no more, because
  all that they held has expired. The others follow as their parents end.
- at a first look with `latest`: all at once, for all that was written before is passed over. Closed
  shards enter as ended and empty.
- at a first look with positions: the shards that are named. What stands before them is passed over and
  enters as ended and empty; what follows them enters as they end.
- later: a child whose parents have ended, from its first record on, or from the moment.

What expired unread is a loss, and refused: a known shard that is listed no more and was not read to
its end, and a new one none of whose parents is listed any more. A closed shard leaves the list one
retention period after it was closed, and its children hold nothing older than that. So as long as a
parent is listed, the first records of its children are there; afterwards they may not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.kinesis import places
from platform_assets.adapters.kinesis.client import NotNow
from platform_assets.errors import DeclarationInvalid, OffsetExpired, SourceUnreachable
from platform_assets.flow.positions import NEW_FEED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platform_assets.adapters.kinesis.client import KinesisClient
    from platform_assets.adapters.kinesis.places import Place
    from platform_assets.ports.positions import Known, Start

_LISTINGS = 3


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as it is listed; a closed one takes no more records."""

    name: str
    parents: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where and why a shard enters; one that is passed over enters as ended and empty."""

    origin: str
    place: Place = places.TRIM_HORIZON
    passed_over: bool = False


def list_shards(client: KinesisClient) -> list[Shard]:
    """Return all shards that still hold records, or may get some, in their natural order.

    Raises:
        SourceUnreachable, SourceDenied, SourceChanged: as for `KinesisClient.ask`.
    """
    for _ in range(_LISTINGS):
        try:
            listed = _pages(client)
        except NotNow:  # a page came so late that the list has to begin anew
            continue
        return sorted((_shard(raw) for raw in listed), key=lambda shard: shard.name)
    raise SourceUnreachable(
        client.thing,
        expected="a list of its shards",
        found=f"{_LISTINGS} lists whose pages expired before they were asked for",
        remedy="Check the network; the list is asked for again at the next attempt.",
    )


def beginnings(
    thing: str, listed: Sequence[Shard], known: Mapping[str, Known], start: Start
) -> dict[str, Beginning]:
    """Return where each shard enters that the log does not know and that may be read now.

    Raises:
        OffsetExpired: a shard expired before it was read.
        DeclarationInvalid: positions are declared, and none for a shard that needs one.
    """
    names = {shard.name for shard in listed}
    gone = [name for name, one in known.items() if not one.ended and name not in names]
    if gone:
        raise _expired_unread(thing, gone)
    new = [shard for shard in listed if shard.name not in known]
    if known:
        return _later(thing, new, names, known, start)
    if isinstance(start, Mapping):
        return _named(thing, new, start)
    if start == "latest":
        return {s.name: Beginning("latest", passed_over=s.closed) for s in new}
    roots = [shard for shard in new if not names.intersection(shard.parents)]
    if isinstance(start, datetime):
        return {shard.name: Beginning("timestamp", _at(start)) for shard in roots}
    return {shard.name: Beginning("earliest") for shard in roots}


def _later(
    thing: str, new: Sequence[Shard], names: set[str], known: Mapping[str, Known], start: Start
) -> dict[str, Beginning]:
    found = {}
    for shard in new:
        listed = names.intersection(shard.parents)
        if any(parent not in known or not known[parent].ended for parent in listed):
            continue
        if not listed:  # one of two may have left, not all
            raise _expired_unread(thing, [shard.name])
        if isinstance(start, Mapping) and shard.name in start:
            found[shard.name] = Beginning("position", _before(start[shard.name]))
        elif isinstance(start, datetime):
            found[shard.name] = Beginning("timestamp", _at(start))
        else:
            found[shard.name] = Beginning("parent")
    return found


def _named(
    thing: str, new: Sequence[Shard], start: Mapping[str, str | int]
) -> dict[str, Beginning]:
    parents = {shard.name: shard.parents for shard in new}
    above = _ancestors(start, parents)
    below = {name for name in parents if _ancestors([name], parents).intersection(start)}
    lost = [name for name in start if name not in parents]
    missing = [name for name in parents if name not in {*start, *above, *below}]
    if lost or missing:
        raise DeclarationInvalid(
            thing,
            expected="`start` with a position for each shard that is not split from, or merged "
            "into, another one that has a position",
            found=[
                *(f"{name}, which the stream does not list" for name in lost),
                *(f"no position for {name}" for name in missing),
            ],
            remedy="Give each of these shards the sequence number of the first record to read.",
        )
    found = {}
    for shard in new:
        read_before = {*start, *below}.intersection(shard.parents)
        if shard.name in start and not read_before:
            found[shard.name] = Beginning("position", _before(start[shard.name]))
        elif shard.name in above - below - {*start}:
            found[shard.name] = Beginning("position", passed_over=True)
    return found


def _ancestors(names: Iterable[str], parents: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return the listed shards from which others come, through any number of generations."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        for parent in parents.get(waiting.pop(), ()):
            if parent in parents and parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def _at(moment: datetime) -> Place:
    return places.at(moment.astimezone(UTC))


def _before(position: str | int) -> Place:
    return places.before(int(position))


def _pages(client: KinesisClient) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    page = client.ask("ListShards", StreamName=client.stream)
    listed += page["Shards"]
    while token := page.get("NextToken"):
        page = client.ask("ListShards", NextToken=token)
        listed += page["Shards"]
    return listed


def _shard(raw: Mapping[str, Any]) -> Shard:
    parents = (raw.get("ParentShardId"), raw.get("AdjacentParentShardId"))
    return Shard(
        name=raw["ShardId"],
        parents=tuple(parent for parent in parents if parent),
        closed="EndingSequenceNumber" in raw["SequenceNumberRange"],
    )


def _expired_unread(thing: str, names: Sequence[str]) -> OffsetExpired:
    return OffsetExpired(
        thing,
        expected="every shard to be there until it was read to its end",
        found=f"shards that expired before: {', '.join(names)}, or those before them",
        remedy=f"Lengthen the stream's retention period. {NEW_FEED}",
    )
