"""Where a partition starts that a feed has never read: a word, a moment, or a position.

``earliest`` and ``latest`` are words. A moment names its zone, and may be written with or without
quotes. Positions are given partition by partition, as the source counts: offsets for Kafka and a file
log, sequence numbers for Kinesis. A number alone is neither: read as seconds it would be a moment, read
as an offset it would be one for every partition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from platform_assets.canonical import MAX_EXACT_INTEGER, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

    Problem = tuple[tuple[str, ...], str]

_WORDS = ("earliest", "latest")
_LARGEST_OFFSET = 2**63 - 1
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DIGITS = re.compile(r"0|[1-9][0-9]{0,127}")
_SHARD = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_EXPECTED = (
    "should be 'earliest', 'latest', a moment as 2026-01-31T06:00:00Z, or a position for each "
    "partition as {'0': 1200}"
)


def _read(value: object) -> object:
    """Return a start as it is kept: a word, a moment in UTC, or positions.

    Numbers that not every reader of JSON keeps exactly become text.
    """
    if isinstance(value, str) and value not in _WORDS:
        value = _moment(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            written = value.isoformat()
            raise _mistake(f"should name its zone, as {written}Z; found {written}")
        return value.astimezone(UTC)
    if isinstance(value, Mapping):
        return {key: _place(key, place) for key, place in value.items()}
    if value not in _WORDS:
        raise _mistake(f"{_EXPECTED}; found {value!r}")
    return value


def _moment(text: str) -> str | datetime:
    if _DAY.fullmatch(text):
        raise _mistake(f"should name a moment of that day and its zone, as {text}T00:00:00Z")
    if not _MOMENT.fullmatch(text):
        return text
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise _mistake(f"names no moment: {error}; found {text!r}") from error


def _place(partition: object, place: object) -> object:
    if not isinstance(partition, str):
        raise _mistake(f"has the key {partition!r}, which should be text; write it in quotes")
    if isinstance(place, bool) or not isinstance(place, int | str):
        raise _mistake(f"should give partition {partition} a number, found {place!r}")
    return str(place) if isinstance(place, int) and place > MAX_EXACT_INTEGER else place


def _mistake(text: str) -> PydanticCustomError:
    return PydanticCustomError("reference", "{text}", {"text": text})


def _written(start: Any) -> Any:
    return rfc3339(start) if isinstance(start, datetime) else start


Start = Annotated[
    Literal["earliest", "latest"] | AwareDatetime | dict[str, int | str],
    BeforeValidator(_read),
    PlainSerializer(_written, when_used="json"),
    Field(description="Where a new partition starts: a word, a moment, partition -> position."),
]


def start_problems(kind: str, start: object) -> Iterator[Problem]:
    """Yield what a source of a kind cannot start from, each below the key ``start``."""
    if isinstance(start, datetime) and kind == "file_log":
        yield (), "is a moment, and a file log does not know when its records came; give offsets"
    if not isinstance(start, Mapping):
        return
    if not start:
        yield (), "names no partition; leave it out to start at the earliest record"
    for partition, place in start.items():
        problem = _shard_problem if kind == "kinesis" else _offset_problem
        text = problem(kind, partition, str(place))
        if text is not None:
            yield (partition,), text


def _offset_problem(kind: str, partition: str, place: str) -> str | None:
    if kind == "kafka" and not _DIGITS.fullmatch(partition):
        return "is no partition of a topic; those are numbers, as '0'"
    if not _DIGITS.fullmatch(place) or int(place) > _LARGEST_OFFSET:
        return f"should be an offset, a whole number from 0 on, found {place!r}"
    return None


def _shard_problem(_: str, partition: str, place: str) -> str | None:
    if _DIGITS.fullmatch(partition) or not _SHARD.fullmatch(partition):
        return "is no shard of a stream; those have names, as shardId-000000000000"
    if not _DIGITS.fullmatch(place):
        return f"should be a sequence number, as its digits, found {place!r}"
    return None
