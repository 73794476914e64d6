"""Damaging a record a little: what a writer with a defect, or an attacker, would send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[\[\]{}:,]')
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:\s*)')
_NUMBERS = (
    b"-0 0 0.0 -0.0 1 -1 1.0 1.50 1e2 1E2 1e+2 10e-1 1e400 1e-400 4.9e-324 01 -01 00 +1 - 1. .5 1.e1 "
    b"1e 0x1 1_0 9007199254740992 9007199254740993 9007199254740993.0 999999999999999999 "
    b"1000000000000000000 9223372036854775807 9223372036854775808 -9223372036854775808 "
    b"-9223372036854775809 18446744073709551616 123456789012345678901234567890 "
    b"0.1000000000000000055511151231257827 1.4999999999999999999 0.123456789012345678 "
    b"12345678901234567.8 NaN Infinity -Infinity nan"
).split()
_WORDS = (
    b'null true false nul truefalse True "" "null" "true" "1" "1.0" [] {} [[]] [1,1] {"a":1,"a":1} '
    b'{"":0} undefined'
).split()
_STRINGS = [
    rb'"\u0061"',
    rb'"\ud800"',
    rb'"\udc00\ud800"',
    rb'"\ud83d\ude00"',
    rb'"\u0000"',
    rb'"\x41"',
    rb'"\/"',
    b'"\x00"',
    b'"\x1f"',
    b'"\x7f"',
    b'"\t"',
    b'"\n"',
    b'"\xff"',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"\xe2\x82"',
    '"é中😀"'.encode(),
    '"e\u0301\u2028"'.encode(),
    b'"' + b"x" * 5000 + b'"',
    '"{}"'.format("é" * 700).encode(),
    b"'a'",
]
_TIMES = [
    f'"{text}"'.encode()
    for text in [
        "2026-02-28",
        "2026-02-29",
        "2024-02-29",
        "1900-02-29",
        "2000-02-29",
        "0000-01-01",
        "0001-01-01",
        "9999-12-31",
        "10000-01-01",
        "2026-13-01",
        "2026-00-10",
        "2026-01-32",
        "2026-1-1",
        "20260101",
        "2026-04-31",
        "2026-01-01T00:00:00Z",
        "2026-01-01t00:00:00z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:60:00Z",
        "2026-12-31T23:59:60Z",
        "2026-12-31T15:59:60-08:00",
        "2026-01-01T12:00:60Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00-00:00",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+23:59",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1Z",
        "2026-01-01T00:00:00.123456Z",
        "2026-01-01T00:00:00.1234567Z",
        "2026-01-01T00:00:00.1234560Z",
        "2026-01-01T00:00:00.000000000Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
        "2026-02-29T00:00:00Z",
    ]
] + [b'"2026-01-01 00:00:00Z"']
_UUIDS = [
    f'"{text}"'.encode()
    for text in [
        "0940387f-9026-425b-8004-683368eb13ba",
        "0940387F-9026-425B-8004-683368EB13BA",
        "0940387f9026425b8004683368eb13ba",
        "{0940387f-9026-425b-8004-683368eb13ba}",
        "urn:uuid:0940387f-9026-425b-8004-683368eb13ba",
        "0940387g-9026-425b-8004-683368eb13ba",
        "0940387f-9026-425b-8004-683368eb13b",
        "0940387f-9026-425b-8004-683368eb13ba0",
        "00000000-0000-0000-0000-000000000000",
        "0940387f-90264-25b-8004-683368eb13ba",
        "0940387f-9026-425b-8004-68336\uff18eb13ba",
    ]
]
#: One by one what a value is replaced with, so that a test can try them all.
VALUES = (*_NUMBERS, *_WORDS, *_STRINGS, *_TIMES, *_UUIDS, b"[" * 70 + b"]" * 70, b"[" * 5000)
_SPACES = (
    b" ",
    b"  ",
    b"\t",
    b"\n",
    b"\r\n",
    b"\x0b",
    b"\x00",
    b"\xc2\xa0",
    b"\xef\xbb\xbf",
    b"/**/",
)
ENDS = (*_SPACES, b"}", b"{}", b"x", b",", b'"', b"]", b"\xff", b"null", b"\n{}")


def damaged(record: bytes, random: Random) -> bytes:
    """Return the record with one to three small damages."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        record = random.choice(_DAMAGES)(record, random)
    return record


def duplicated(record: bytes, random: Random) -> bytes:
    """Return the record with one key of one of its objects again, the second perhaps escaped."""
    found = _keys(record)
    if not found:
        return record
    match = random.choice(found)
    name = match[1]
    if random.random() < 0.5 and name.isalnum() and name.isascii():
        at = random.randrange(len(name))
        name = name[:at] + b"\\u%04x" % name[at] + name[at + 1 :]
    value = random.choice((b"1", b"null", b'"x"', _value_after(record, match.end())))
    again = b'"' + name + b'"' + match[2] + value + b","
    return record[: match.start()] + again + record[match.start() :]


def _keys(record: bytes) -> list[re.Match[bytes]]:
    """Return the keys; found token by token, because strings may look like them inside."""
    places = [match.start() for match in _TOKEN.finditer(record)]
    return [match for place in places if (match := _KEY.match(record, place))]


def _value_after(record: bytes, at: int) -> bytes:
    match = _TOKEN.match(record, at)
    return match[0] if match is not None and match[0] not in b"[]{}:," else b"{}"


def replaced(record: bytes, value: bytes) -> Iterator[bytes]:
    """Yield the record with each of its single values in turn replaced."""
    for match in _TOKEN.finditer(record):
        if match[0] not in b"[]{}:," and not _KEY.match(record, match.start()):
            yield record[: match.start()] + value + record[match.end() :]


def _replace_value(record: bytes, random: Random) -> bytes:
    found = list(replaced(record, random.choice(VALUES)))
    return random.choice(found) if found else record


def _byte(record: bytes, random: Random) -> bytes:
    at = random.randrange(len(record) + 1)
    return record[:at] + bytes([random.randrange(256)]) + record[at + random.randrange(2) :]


def _token(record: bytes, random: Random) -> bytes:
    """Take a token away, say it twice, or swap it with another."""
    tokens = list(_TOKEN.finditer(record))
    if not tokens:
        return record
    one, other = random.choice(tokens), random.choice(tokens)
    way = random.randrange(3)
    middle = (b"", one[0] * 2, other[0])[way]
    return record[: one.start()] + middle + record[one.end() :]


def _space(record: bytes, random: Random) -> bytes:
    tokens = list(_TOKEN.finditer(record))
    at = random.choice(tokens).start() if tokens else 0
    return record[:at] + random.choice(_SPACES) + record[at:]


def _end(record: bytes, random: Random) -> bytes:
    extra = random.choice(ENDS)
    return random.choice(
        (record + extra, extra + record, record[: random.randrange(len(record) + 1)])
    )


def _escape(record: bytes, random: Random) -> bytes:
    """Write one character as an escape, which does not change the meaning inside strings."""
    at = random.randrange(len(record) + 1)
    if at == len(record) or record[at] >= 0x80:
        return record
    return record[:at] + b"\\u%04x" % record[at] + record[at + 1 :]


def _reorder(record: bytes, random: Random) -> bytes:
    """Move what stands between two commas, which are perhaps of different depth."""
    parts = record.split(b",")
    random.shuffle(parts)
    return b",".join(parts)


def _rename(record: bytes, random: Random) -> bytes:
    found = list(_KEY.finditer(record))
    if not found:
        return record
    match = random.choice(found)
    name = random.choice((b"", b"surplus", match[1] + b" ", match[1].swapcase(), b"\\u0061"))
    return record[: match.start()] + b'"' + name + b'"' + match[2] + record[match.end() :]


_DAMAGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _replace_value,
    _replace_value,
    _replace_value,
    duplicated,
    _byte,
    _byte,
    _token,
    _space,
    _end,
    _escape,
    _reorder,
    _rename,
)
