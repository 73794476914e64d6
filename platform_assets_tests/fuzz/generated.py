"""Contracts and records made together: each schema comes with a way to write values that it allows.

Values are such as the columnar path takes: few digits, no exponents, no escapes, every object with its
first key. So a batch of good records has to be judged in columns, and a test can say so.
"""

from __future__ import annotations

import datetime as dt
import uuid
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from platform_assets_tests.fuzz.subjects import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    Draw = Callable[[st.SearchStrategy[Any]], Any]
    Write = Callable[[Random], Any]
    Kind = tuple[dict[str, Any], Write]

_ALPHABET = "abcXYZ019 _-{}[]:,é中😀\x7f"
_NAMES = ["a", "b", "ab", "B", "c_1", "d e", "é", "", "x" * 30, "type"]
_PATTERNS: list[tuple[str, Write]] = [
    ("^[A-Z]{2}[0-9]{3}$", lambda r: f"{r.choice('AZ')}Q{r.randrange(1000):03d}"),
    ("^[a-z]{2,8}$", lambda r: "".join(r.choices("az", k=r.randrange(2, 9)))),
    ("ab", lambda r: "x" * r.randrange(3) + "ab"),
    ("^(a|bc)+$", lambda r: "".join(r.choices(["a", "bc"], k=r.randrange(1, 6)))),
    (r"^[^0-9]*$", lambda r: "é" * r.randrange(4)),
]
#: Keywords that columns do not know, which cost no record the columnar path.
_UNKNOWN: list[Kind] = [
    ({"type": "string", "not": {"const": "x"}}, lambda r: "y" * r.randrange(9)),
    ({"type": "string", "pattern": r"^\S.$", "maxLength": 9}, lambda r: r.choice(["aé", "zz"])),
    ({"type": "string", "format": "ipv6"}, lambda r: f"::{r.randrange(1000)}"),
    ({"type": "string", "anyOf": [{"minLength": 5}, {"pattern": "^a"}]}, lambda _r: "abc"),
    (
        {"type": "string", "if": {"const": ""}, "else": {"minLength": 3}},
        lambda r: r.choice(["", "abc"]),
    ),
]


@st.composite
def subjects(draw: Draw) -> Subject:
    """Subjects with contracts of every common keyword."""
    schema, write = draw(_objects(depth=2))
    whole = {"id": {"type": "string", "maxLength": 12}, **schema["properties"]}
    schema = schema | {"properties": whole, "required": ["id", *schema.get("required", [])]}
    seed = draw(st.integers(0, 2**32))

    def good(number: int) -> Any:
        return {"id": f"n{number}", **write(Random(seed + number))}  # noqa: S311  # test data

    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]))
    return Subject("generated", schema, good, separators=separators)


@st.composite
def _objects(draw: Draw, depth: int) -> Kind:
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=5, unique=True))
    kinds = {name: draw(_kinds(depth - 1)) for name in names}
    required = {names[0], *draw(st.sets(st.sampled_from(names)))}
    schema = {
        "type": "object",
        "properties": {name: kind for name, (kind, _) in kinds.items()},
        "required": sorted(required),
    }
    if draw(st.booleans()):
        schema["additionalProperties"] = False

    def write(random: Random) -> Any:
        return {
            name: value(random)
            for name, (_, value) in kinds.items()
            if name in required or random.random() < 0.7
        }

    return schema, write


def _kinds(depth: int) -> st.SearchStrategy[Kind]:
    flat = st.one_of(_texts(), _formats(), _integers(), _numbers(), _choices())
    if depth > 0:
        flat = st.one_of(flat, flat, _objects(depth), _arrays(depth))
    return flat.flatmap(_perhaps_null)


def _perhaps_null(kind: Kind) -> st.SearchStrategy[Kind]:
    schema, write = kind

    def or_null(random: Random) -> Any:
        return None if random.random() < 0.3 else write(random)

    ways = [kind, kind, ({"anyOf": [schema, {"type": "null"}]}, or_null)]
    if isinstance(schema.get("type"), str) and schema["type"] != "object" and "enum" not in schema:
        ways.append((schema | {"type": ["null", schema["type"]]}, or_null))
    return st.sampled_from(ways)


@st.composite
def _arrays(draw: Draw, depth: int) -> Kind:
    element, write = draw(_kinds(depth - 1))
    least, most = sorted(draw(st.tuples(st.integers(0, 3), st.integers(1, 5))))
    schema = {"type": "array", "items": element, "minItems": least, "maxItems": most}
    return schema, lambda r: [write(r) for _ in range(r.randint(least, most))]


@st.composite
def _texts(draw: Draw) -> Kind:
    if draw(st.booleans()):
        pattern, write = draw(st.sampled_from(_PATTERNS))
        return {"type": "string", "pattern": pattern}, write
    if draw(st.booleans()):
        return draw(st.sampled_from(_UNKNOWN))
    least, most = sorted(draw(st.tuples(st.integers(0, 20), st.integers(0, 20))))
    schema = {"type": "string", "minLength": least, "maxLength": most}
    return schema, lambda r: "".join(r.choices(_ALPHABET, k=r.randint(least, most)))


def _formats() -> st.SearchStrategy[Kind]:
    start = dt.datetime(2023, 12, 30, tzinfo=dt.UTC)

    def time(r: Random) -> str:
        moment = start + dt.timedelta(hours=r.randrange(3000), microseconds=r.randrange(10**6))
        return moment.isoformat().replace("+00:00", r.choice(["Z", "+00:00", "-08:30"]))

    def day(r: Random) -> str:
        return (start.date() + dt.timedelta(days=r.randrange(400))).isoformat()

    kinds: list[Kind] = [
        ({"type": "string", "format": "date-time"}, time),
        ({"type": "string", "format": "date"}, day),
        ({"type": "string", "format": "uuid"}, lambda r: str(uuid.UUID(int=r.getrandbits(128)))),
        ({"type": "boolean"}, lambda r: r.random() < 0.5),
    ]
    return st.sampled_from(kinds)


@st.composite
def _integers(draw: Draw) -> Kind:
    least, most = sorted(draw(st.tuples(st.integers(-(10**17), 10**17), st.integers(-99, 99))))
    factor = draw(st.sampled_from([1, 2, 5, 10]))
    schema: dict[str, Any] = {"type": "integer", "minimum": least, "exclusiveMaximum": most + 1}
    schema |= {"multipleOf": factor} if factor > 1 else {}
    low, high = -(-least // factor), most // factor
    if low > high:
        return {"type": "integer", "minimum": least}, lambda r: least + r.randrange(9)
    return schema, lambda r: r.randint(low, high) * factor


@st.composite
def _numbers(draw: Draw) -> Kind:
    least = draw(st.integers(-999, 999))
    bound = draw(st.sampled_from(["minimum", "exclusiveMinimum"]))
    schema: dict[str, Any] = {"type": "number", bound: least}
    schema |= draw(st.sampled_from([{}, {"multipleOf": 0.01}, {"x-column": "decimal(15,2)"}]))
    return schema, lambda r: least + r.randrange(1, 10**6) / 4


def _choices() -> st.SearchStrategy[Kind]:
    allowed: list[tuple[dict[str, Any], list[Any]]] = [
        ({"enum": ["x", "yy", "é" * 9]}, ["x", "yy", "é" * 9]),
        ({"enum": [1, -20, 300]}, [1, -20, 300]),
        ({"type": "integer", "enum": [2**70, 7]}, [7]),
        ({"const": "only"}, ["only"]),
        ({"const": 5}, [5]),
        ({"const": False}, [False]),
    ]
    return st.sampled_from(allowed).map(lambda pair: (pair[0], lambda r: r.choice(pair[1])))
