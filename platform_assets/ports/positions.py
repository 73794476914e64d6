"""Places in a stream, and what is seen of its partitions. Values only; no data is held here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two records: before the one at ``offset``.

    ``native`` is the source's own name of the place, empty where the offset is its own name.
    """

    offset: int
    native: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """The records of a partition from one position up to another.

    ``facts`` is what the anchors recorded about the partition when it was pinned.
    """

    partition: str
    start: Position
    end: Position
    facts: Mapping[str, str | int] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, partition: str, start: int, end: int) -> Span:
        """Return the span between two offsets of a source that has no names of its own."""
        return cls(partition, Position(start), Position(end))

    def __post_init__(self) -> None:
        if not 0 <= self.start.offset <= self.end.offset:
            found = f"[{self.start.offset}, {self.end.offset})"
            raise RuntimeError(f"a span needs 0 <= start <= end, found {found}")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a partition is, apart from its name: empty where the source cannot tell.

    ``cluster`` names what answers behind the address: a Kafka cluster id, or account and region.
    ``incarnation`` changes when a stream is recreated under the same name: Kafka's topic id.
    """

    cluster: str = ""
    incarnation: str = ""


#: The identity of a partition whose source cannot tell.
NOBODY = Identity()


@dataclass(frozen=True, slots=True)
class Known:
    """What the feed's log knows of a partition: where its last window ended, and when it was pinned.

    ``facts`` is what was recorded about it then, as its extent gave it.
    """

    position: Position
    seen_at: datetime
    ended: bool = False
    facts: Mapping[str, str | int] = field(default_factory=dict, compare=False)


#: Where a partition starts that the log does not know: the first record, the end as it is now, the
#: first record not older than a moment, or a position for each partition.
Start = str | datetime | Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at a stream needs to know.

    ``max_records`` and ``max_bytes`` tell how far ahead a source has to look that can count its records
    only by reading them; others need not care.
    """

    known: Mapping[str, Known] = field(default_factory=dict)
    start: Start = "earliest"
    max_records: int = 2**63 - 1
    max_bytes: int = 2**63 - 1


#: A look at a stream of which nothing is known yet.
FIRST_LOOK = Look()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a partition starts that the log does not know, and why there."""

    position: Position
    origin: str


@dataclass(frozen=True, slots=True)
class Extent:
    """What a partition holds now: records with ``start <= offset < end`` can be read.

    Attributes:
        partition: its name.
        start: the earliest offset that can be read.
        end: the offset after the last one that can be read.
        identity: what the partition is.
        waiting_since: the earliest moment at which the newest records can have arrived, where known.
        oldest_waiting: when the first record arrived that no window has taken, where known.
        entry: where it starts, if it is not known and the source has to say so itself.
        ended: nothing will ever come after ``end``.
        parents: partitions whose records all stand before those of this one.
        renews: the facts prove what the facts of the last window will soon prove no more, so that they
            have to be recorded even where no record waits.
        facts: what else the anchors shall record about it.
    """

    partition: str
    start: int
    end: int
    identity: Identity = NOBODY
    waiting_since: datetime | None = None
    oldest_waiting: datetime | None = None
    entry: Entry | None = None
    ended: bool = False
    parents: tuple[str, ...] = ()
    renews: bool = False
    facts: Mapping[str, str | int] = field(default_factory=dict)
