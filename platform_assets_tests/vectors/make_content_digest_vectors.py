"""Writes content_digest.json, the vectors that every engine's content digest is held against.

Values in the file: integers, timestamps (microseconds) and dates (days) as decimal strings, floats as
the 16 hex digits of their IEEE 754 bits, decimals as decimal strings with their full scale, text as
text, structs as objects, lists as arrays, null as null. ``rows`` are the input; ``encodings`` (hex),
``hashes`` (hex), ``sums`` (decimal strings) and ``digest`` are what rules 1 to 6 of
``platform_assets.flow.content_digest`` give.

Run it as ``python make_content_digest_vectors.py``. A change of the file is a change of the digest's
version: every manifest written before would no longer match.
"""

from __future__ import annotations

import decimal
import hashlib
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.columns import (
    Column,
    ColumnType,
    Decimal,
    ListOf,
    Scalar,
    Struct,
    column_as_json,
    column_from_json,
)
from platform_assets.flow.content_digest import ContentDigest, encode_row

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = Path(__file__).with_name("content_digest.json")

_LEAF = Struct((Column("lat", Scalar.FLOAT64, nullable=True), Column("note", Scalar.STRING, True)))

CASES: list[tuple[str, list[Column], list[dict[str, Any]]]] = [
    ("no rows", [Column("a", Scalar.INT64)], []),
    (
        "booleans, with null",
        [Column("b", Scalar.BOOLEAN, nullable=True)],
        [{"b": False}, {"b": True}, {"b": None}],
    ),
    (
        "integers to their limits",
        [Column("i", Scalar.INT64, nullable=True)],
        [{"i": v} for v in ("0", "1", "-1", str(2**63 - 1), str(-(2**63)), None)],
    ),
    (
        "floats: zeros, infinities, subnormal, three NaNs that are one",
        [Column("f", Scalar.FLOAT64, nullable=True)],
        [
            {"f": bits}
            for bits in (
                "0000000000000000",
                "8000000000000000",
                "3ff8000000000000",
                "bff8000000000000",
                "7ff0000000000000",
                "fff0000000000000",
                "0000000000000001",
                "7ff8000000000000",
                "fff8000000000000",
                "7ff8000000000abc",
                None,
            )
        ],
    ),
    (
        "decimals up to 38 digits",
        [Column("d", Decimal(18, 2), nullable=True), Column("w", Decimal(38, 10), nullable=True)],
        [
            {"d": "0.00", "w": "0.0000000000"},
            {"d": "12.34", "w": "9999999999999999999999999999.9999999999"},
            {"d": "-0.01", "w": "-9999999999999999999999999999.9999999999"},
            {"d": None, "w": "-0.0000000001"},
            {"d": "9999999999999999.99", "w": None},
        ],
    ),
    (
        "text is bytes: empty is not null, composed is not decomposed, spaces count",
        [Column("s", Scalar.STRING, nullable=True), Column("j", Scalar.JSON, nullable=True)],
        [
            {"s": "", "j": "{}"},
            {"s": None, "j": None},
            {"s": "caf\u00e9", "j": '{"a":1}'},
            {"s": "cafe\u0301", "j": '{"a": 1}'},
            {"s": " \U0001f30d\u0000\n", "j": "null"},
        ],
    ),
    (
        "the same text in other columns",
        [Column("x", Scalar.STRING), Column("y", Scalar.STRING)],
        [{"x": "ab", "y": ""}, {"x": "a", "y": "b"}, {"x": "", "y": "ab"}],
    ),
    (
        "instants and days before and after the epoch",
        [Column("t", Scalar.TIMESTAMP, nullable=True), Column("d", Scalar.DATE, nullable=True)],
        [
            {"t": "0", "d": "0"},
            {"t": "-1", "d": "-1"},
            {"t": "1700000000123456", "d": "19675"},
            {"t": "-62135596800000000", "d": "-719162"},
            {"t": None, "d": None},
        ],
    ),
    (
        "structs: absent is not a struct of absent fields",
        [Column("p", _LEAF, nullable=True)],
        [
            {"p": None},
            {"p": {"lat": None, "note": None}},
            {"p": {"lat": "404a000000000000", "note": ""}},
            {"p": {"lat": None, "note": "x"}},
        ],
    ),
    (
        "lists: absent, empty, with null, of lists, of structs",
        [
            Column("l", ListOf(Scalar.STRING, element_nullable=True), nullable=True),
            Column("n", ListOf(ListOf(Scalar.INT64)), nullable=True),
            Column("o", ListOf(_LEAF, element_nullable=True), nullable=True),
        ],
        [
            {"l": None, "n": None, "o": None},
            {"l": [], "n": [], "o": []},
            {"l": [None], "n": [[]], "o": [None]},
            {"l": ["", "a"], "n": [["1", "2"], []], "o": [{"lat": None, "note": None}]},
            {"l": ["a", ""], "n": [["1"], ["2"]], "o": [{"lat": "8000000000000000", "note": "z"}]},
        ],
    ),
    (
        "a row of a stream, twice: both count",
        [
            Column("amount", Decimal(12, 2)),
            Column("_stream", Scalar.STRING),
            Column("_partition", Scalar.STRING),
            Column("_offset", Scalar.INT64),
        ],
        [{"amount": "1.50", "_stream": "payments", "_partition": "0", "_offset": "7"}] * 2,
    ),
]


def _as_it_is(value: Any) -> Any:
    return value


_PARSERS: dict[Scalar, Callable[[Any], Any]] = {
    Scalar.FLOAT64: lambda bits: struct.unpack(">d", bytes.fromhex(bits))[0],
    Scalar.INT64: int,
    Scalar.TIMESTAMP: int,
    Scalar.DATE: int,
}


def value_from_json(column_type: ColumnType, value: Any) -> Any:
    """Turn a value of the file into the Python value that the reference takes."""
    if value is None:
        return None
    match column_type:
        case Struct(fields):
            return {f.name: value_from_json(f.type, value[f.name]) for f in fields}
        case ListOf(element):
            return [value_from_json(element, item) for item in value]
        case Decimal():
            return decimal.Decimal(value)
        case _:
            return _PARSERS.get(column_type, _as_it_is)(value)


def rows_from_json(columns: list[Column], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turn the rows of a case into Python values."""
    return [{c.name: value_from_json(c.type, row[c.name]) for c in columns} for row in rows]


def read_cases() -> list[dict[str, Any]]:
    """Return the cases of the file, with ``columns`` and ``rows`` as Python values."""
    cases: list[dict[str, Any]] = json.loads(FILE.read_text())["cases"]
    for case in cases:
        case["columns"] = [column_from_json(column) for column in case["columns"]]
        case["rows"] = rows_from_json(case["columns"], case["rows"])
    return cases


def _case(name: str, columns: list[Column], rows: list[dict[str, Any]]) -> dict[str, Any]:
    values = rows_from_json(columns, rows)
    encodings = [encode_row(columns, row) for row in values]
    total = ContentDigest.of_rows(columns, values)
    return {
        "name": name,
        "columns": [column_as_json(column) for column in columns],
        "rows": rows,
        "encodings": [encoding.hex() for encoding in encodings],
        "hashes": [hashlib.sha256(encoding).hexdigest() for encoding in encodings],
        "sums": [str(part) for part in total.sums],
        "digest": total.value,
    }


if __name__ == "__main__":
    document = {"version": 1, "cases": [_case(*case) for case in CASES]}
    FILE.write_text(json.dumps(document, indent=1, ensure_ascii=True) + "\n")
