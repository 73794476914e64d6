"""Names of places between the records of a shard, as anchors keep them.

- ``trim_horizon``: before the first record that the shard holds;
- ``at:<moment>``: before the first record that arrived at that moment (RFC 3339) or later;
- ``from:<sequence number>/<n>``: before record ``n``, counted from 0, of those that stand under a
  sequence number; an ordinary record is the only one of its number, an aggregate holds several;
- ``after:<sequence number>/<n>``: after that record.

The last two name a record that was seen, or that somebody asked for. Only they can be proven: the
record is read again, and whatever follows it is there as long as it is there itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from platform_assets.canonical import parse_rfc3339, rfc3339

if TYPE_CHECKING:
    from datetime import datetime

_RECORD = re.compile(r"(from|after):([0-9]+)/([0-9]+)")


class Where(StrEnum):
    """How a place is named."""

    TRIM_HORIZON = "trim_horizon"
    AT = "at"
    FROM = "from"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Place:
    """A place between two records of a shard."""

    where: Where
    moment: datetime | None = None
    sequence: int | None = None
    sub: int = 0

    def __str__(self) -> str:
        if self.moment is not None:
            return f"{self.where}:{rfc3339(self.moment)}"
        if self.where is Where.TRIM_HORIZON:
            return str(self.where)
        return f"{self.where}:{self.sequence}/{self.sub}"

    @property
    def skipped(self) -> int:
        """How many of the records under its sequence number stand before the place."""
        return self.sub + (self.where is Where.AFTER)


TRIM_HORIZON = Place(Where.TRIM_HORIZON)


def at(moment: datetime) -> Place:
    """Return the place before the first record that is not older than a moment."""
    return Place(Where.AT, moment=moment)


def before(sequence: int, sub: int = 0) -> Place:
    """Return the place before a record."""
    return Place(Where.FROM, sequence=sequence, sub=sub)


def after(sequence: int, sub: int) -> Place:
    """Return the place after a record."""
    return Place(Where.AFTER, sequence=sequence, sub=sub)


def parse(name: str) -> Place:
    """Return the place that a name of it names.

    Raises:
        RuntimeError: it is no such name; anchors of this source hold no other.
    """
    if name == Where.TRIM_HORIZON:
        return TRIM_HORIZON
    if name.startswith("at:"):
        return at(parse_rfc3339(name.removeprefix("at:")))
    found = _RECORD.fullmatch(name)
    if found is None:
        raise RuntimeError(f"{name!r} names no place in a shard")
    return Place(Where(found[1]), sequence=int(found[2]), sub=int(found[3]))


def record_name(sequence: int, sub: int) -> str:
    """Return the name of a record, as the landing keeps it."""
    return f"{sequence}/{sub}"
