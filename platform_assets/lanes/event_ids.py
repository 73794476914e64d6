"""The ids of events: they name the pin of the lane and the number of the event.

An id begins with the first 12 hexadecimal digits of the pin's digest, so that no event can have been
made before its plan was pinned, and ends with the number in 12 decimal digits. Between them stands a
hyphen, or, where a feed's ids are UUIDs, what makes one of version 8 of the two; what that version's
digits say, RFC 9562 leaves to who makes them.
"""

from __future__ import annotations

import re
from enum import StrEnum

import polars as pl

_PREFIX = re.compile(r"[0-9a-f]{12}")
_DIGITS = 12
#: What ids of the feed look like, by a record of it.
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class IdForm(StrEnum):
    """How the two halves of an id are put together."""

    PLAIN = "plain"
    UUID = "uuid"

    @classmethod
    def like(cls, text: str) -> IdForm:
        """Return the form of ids that an id of the feed has."""
        return cls.UUID if _UUID.fullmatch(text) else cls.PLAIN


def id_stem(prefix: str, form: IdForm) -> str:
    """Return what stands before the number; the prefix is 12 lower-case hexadecimal digits."""
    if not _PREFIX.fullmatch(prefix):
        raise RuntimeError(f"ids begin with 12 hexadecimal digits of a digest, found {prefix!r}")
    if form is IdForm.UUID:
        return f"{prefix[:8]}-{prefix[8:]}-8000-8000-"
    return f"{prefix}-"


def event_id(prefix: str, number: int, form: IdForm = IdForm.PLAIN) -> str:
    """Return the id of an event."""
    return f"{id_stem(prefix, form)}{number:0{_DIGITS}d}"


def numbers_of(ids: pl.Series, prefix: str) -> pl.Series:
    """Return the numbers that ids name (Int64), null for each that is not one of this prefix."""
    own = pl.lit(value=False)
    for form in IdForm:
        stem = id_stem(prefix, form)
        own |= pl.col("id").str.contains(f"^{stem}[0-9]{{{_DIGITS}}}$")
    number = pl.col("id").str.tail(_DIGITS).cast(pl.Int64, strict=False)
    return ids.alias("id").to_frame().select(number=pl.when(own).then(number))["number"]
