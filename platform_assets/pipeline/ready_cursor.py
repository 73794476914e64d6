"""How far a consumer has read a control topic, and what it was given.

A position counts for the incarnation of the partition that it was taken from. Where a partition was
made anew, or no longer reaches a position, it is read from its first record on: events that come twice
are recognised by their ids, and none that is still there is missed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.cloud_events import NotACloudEventError, decode
from platform_assets.canonical import parse_rfc3339, rfc3339
from platform_assets.errors import OffsetExpired, OffsetTruncated, SourceChanged
from platform_assets.flow.announcements import Announcement, announced
from platform_assets.ports.streams import (
    Gap,
    Identity,
    Known,
    Look,
    Position,
    Span,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Self

    from platform_assets.ports.streams import Extent, StreamSource

_LOOK_RECORDS = 10_000
#: How many events are kept that nobody asked for, and how many ids that were given.
_KEPT = 1_000
_REMEMBERED = 10_000
_UNREADABLE = 20
#: How a source says that a position is none of its own, or that what stood there is gone.
_LOST = (OffsetExpired, OffsetTruncated, SourceChanged)


@dataclass(slots=True)
class ReadyCursor:
    """Positions by partition, events that wait to be asked for, and ids that were given.

    Attributes:
        start: where partitions are entered, ``earliest`` or ``latest``.
        unreadable: what was no announcement, the newest few: where -> why.
    """

    start: str = "earliest"
    places: dict[str, tuple[Known, Identity]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    _waiting: dict[str, Announcement] = field(default_factory=dict)
    _given: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def waiting(self) -> list[Announcement]:
        """Return the announcements that nobody was given, in the order in which they were read."""
        return list(self._waiting.values())

    def give(self, announcement: Announcement) -> None:
        """Note that an announcement was given; it is not given again."""
        self._given.append(announcement.id)
        self.drop(announcement)

    def drop(self, announcement: Announcement) -> None:
        """Forget an announcement that will not hold any more."""
        self._waiting.pop(announcement.id, None)

    def read(self, source: StreamSource, now: datetime) -> None:
        """Read what is new in every partition.

        Raises:
            SourceUnreachable, SourceChanged, GapUnproven: the topic cannot be read, wherever from.
        """
        try:
            extents = self._look(source)
        except _LOST:
            if not self.places:
                raise
            self.places.clear()
            extents = self._look(source)
        for extent in extents:
            end = Position(extent.end, source.native(extent.partition, extent.end))
            span = Span(extent.partition, self._from(extent), end, extent.facts)
            try:
                self._read_span(source, span)
            except _LOST:
                if self.places.pop(extent.partition, None) is None:
                    raise
                continue
            place = Known(end, now, ended=extent.ended, facts=extent.facts)
            self.places[extent.partition] = place, extent.identity

    def _look(self, source: StreamSource) -> list[Extent]:
        known = {name: place for name, (place, _) in self.places.items()}
        return source.extents(Look(known=known, start=self.start, max_records=_LOOK_RECORDS))

    def as_json(self) -> dict[str, Any]:
        """Return the cursor as values, to be kept."""
        return {
            "start": self.start,
            "places": {
                name: {
                    "offset": place.position.offset,
                    "native": place.position.native,
                    "seen_at": rfc3339(place.seen_at),
                    "ended": place.ended,
                    "facts": dict(place.facts),
                    "cluster": identity.cluster,
                    "incarnation": identity.incarnation,
                }
                for name, (place, identity) in self.places.items()
            },
            "waiting": [announcement.event() for announcement in self._waiting.values()],
            "given": list(self._given),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Return the cursor that was kept. What waits in it is verified before it is given."""
        cursor = cls(start=kept["start"])
        for name, place in kept["places"].items():
            known = Known(
                Position(place["offset"], place["native"]),
                parse_rfc3339(place["seen_at"]),
                ended=place["ended"],
                facts=place["facts"],
            )
            cursor.places[name] = known, Identity(place["cluster"], place["incarnation"])
        cursor._given.extend(kept["given"])
        for event in kept["waiting"]:
            cursor._take(announced(event), "cursor")
        return cursor

    def _from(self, extent: Extent) -> Position:
        place, identity = self.places.get(extent.partition, (None, None))
        if place is not None and identity == extent.identity:
            offset = place.position.offset
            if extent.start <= offset <= extent.end:
                return place.position
        elif place is None and extent.entry is not None:
            return extent.entry.position
        elif place is None and self.start == "latest":
            return Position(extent.end)
        return Position(extent.start)

    def _read_span(self, source: StreamSource, span: Span) -> None:
        if span.start.offset == span.end.offset:
            return
        for item in source.read(span):
            if isinstance(item, Gap):
                continue
            for offset, value in zip(
                item.column("offset").to_pylist(), item.column("value").to_pylist(), strict=True
            ):
                where = f"{span.partition} offset {offset}"
                try:
                    found = announced(decode(value or b""))
                except NotACloudEventError as error:
                    found = f"no CloudEvent: {error}"
                self._take(found, where)

    def _take(self, found: Announcement | str, where: str) -> None:
        if isinstance(found, str):
            self.unreadable[where] = f"partition {where}: {found}"
            while len(self.unreadable) > _UNREADABLE:
                del self.unreadable[next(iter(self.unreadable))]
        elif found.id not in self._given:
            self._waiting.setdefault(found.id, found)
            while len(self._waiting) > _KEPT:
                del self._waiting[next(iter(self._waiting))]
