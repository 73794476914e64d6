"""Reading one record strictly.

A record is one JSON object in UTF-8 and nothing else. Nothing is repaired: duplicate keys, NaN and
Infinity, escaped half surrogates, a byte order mark, bytes after the end, and numbers that no IEEE
double holds are refused. Numbers with a fraction or an exponent become exact decimals, integers stay
integers of any size. Depth is counted before anything is parsed, so that no input can exhaust the
stack, and a number is held to a length, so that none can exhaust the processor.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from platform_assets.contracts.reasons import Reason, ReasonCode, pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_MAX_DEPTH = 64
DEFAULT_MAX_BYTES = 64 * 2**20
#: More digits than any double needs to be told from its neighbours (767), and Python's own limit.
_MAX_NUMBER_CHARACTERS = 800
_MAX_INTEGER_CHARACTERS = 4300

_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_WHITE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class StrictRecord:
    """What was read. With any reason, ``value`` is at most a hint at what the record meant."""

    value: Any
    reasons: tuple[Reason, ...] = ()


class _Suspect(Exception):  # never leaves this module
    """The record has something that needs the slow, explaining reading."""


@dataclass(frozen=True, slots=True)
class _Members:
    pairs: list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class _Unusable:
    code: ReasonCode
    detail: str


def read_strictly(
    data: bytes, *, max_depth: int = DEFAULT_MAX_DEPTH, max_bytes: int = DEFAULT_MAX_BYTES
) -> StrictRecord:
    """Read one record, with every reason why it is not strict JSON.

    1. Bytes: not too many, UTF-8, not empty. 2. Depth. 3. JSON: fast, and again where it needs
    explaining. 4. Half surrogates, which only an escape can bring. 5. An object.
    """
    # 1. bytes
    if len(data) > max_bytes:
        detail = f"{len(data)} bytes, the limit is {max_bytes}"
        return _refused(ReasonCode.RECORD_TOO_LARGE, detail)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _refused(ReasonCode.INVALID_UTF8, f"byte {error.start}: {error.reason}")
    if not data.strip(_WHITE):
        return _refused(ReasonCode.EMPTY_RECORD, f"{len(data)} bytes")
    return _read_text(text, max_depth)


def _read_text(text: str, max_depth: int) -> StrictRecord:
    # 2. depth
    if text.count("{") + text.count("[") > max_depth and _deeper_than(text, max_depth):
        return _refused(ReasonCode.DEPTH_EXCEEDED, f"deeper than {max_depth}")
    # 3. JSON
    try:
        value = _FAST.decode(text)
    except _Suspect:
        return _explain(text)
    except ValueError as error:
        return _not_json(text, error)
    # 4. half surrogates
    if "\\u" in text and ("\\ud" in text or "\\uD" in text):
        return _explain(text)
    # 5. an object
    if type(value) is not dict:
        return StrictRecord(value, (_not_an_object(value),))
    return StrictRecord(value)


def _refused(code: ReasonCode, detail: str) -> StrictRecord:
    return StrictRecord(None, (Reason("", code, detail),))


def _not_json(text: str, error: ValueError) -> StrictRecord:
    if text.startswith("\ufeff"):
        return _refused(ReasonCode.INVALID_JSON, "begins with a byte order mark")
    if isinstance(error, json.JSONDecodeError):
        return _refused(ReasonCode.INVALID_JSON, f"character {error.pos}: {error.msg}")
    return _refused(ReasonCode.INVALID_JSON, "no JSON value")


def _not_an_object(value: Any) -> Reason:
    return Reason("", ReasonCode.NOT_AN_OBJECT, f"a JSON {_JSON_NAMES[type(value)]}")


_JSON_NAMES = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    Decimal: "number",
    bool: "boolean",
    type(None): "null",
    _Unusable: "number",
}


def _deeper_than(text: str, limit: int) -> bool:
    depth = 0
    for match in _STRUCTURE.finditer(text):
        first = match[0][0]
        if first in "{[":
            depth += 1
            if depth > limit:
                return True
        elif first != '"':
            depth -= 1
    return False


# --- the fast reading: right, or it raises ---------------------------------------------------------


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Suspect
    return members


def _fraction(text: str) -> Decimal:
    number = _exact(text)
    if number is None:
        raise _Suspect
    return number


def _exact(text: str) -> Decimal | None:
    """Return the number, or nothing where no double is near it."""
    if len(text) > _MAX_NUMBER_CHARACTERS:
        return None
    nearest = float(text)
    if nearest == 0.0:
        mantissa = text.lower().partition("e")[0]
        return Decimal(0) if mantissa.strip("-0.") == "" else None
    return Decimal(text) if math.isfinite(nearest) else None


def _integer(text: str) -> int:
    if len(text) > _MAX_INTEGER_CHARACTERS:
        raise _Suspect
    return int(text)


def _constant(_name: str) -> NoReturn:
    raise _Suspect


_FAST = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_fraction, parse_int=_integer, parse_constant=_constant
)


# --- the explaining reading: keeps what is wrong, and says where -------------------------------------


def _explain(text: str) -> StrictRecord:
    try:
        raw = _EXPLAINING.decode(text)
    except ValueError as error:
        return _not_json(text, error)
    reasons = tuple(sorted(set(_problems(raw, ()))))
    if not isinstance(raw, _Members):
        reasons = (*reasons, _not_an_object(raw))
    return StrictRecord(_plain(raw), reasons)


def _keep_fraction(text: str) -> Decimal | _Unusable:
    number = _exact(text)
    if number is None:
        return _Unusable(ReasonCode.NUMBER_OUT_OF_RANGE, f"{len(text)} characters, no double")
    return number


def _keep_integer(text: str) -> int | _Unusable:
    if len(text) > _MAX_INTEGER_CHARACTERS:
        return _Unusable(ReasonCode.INTEGER_OUT_OF_RANGE, f"{len(text)} characters")
    return int(text)


def _keep_constant(name: str) -> _Unusable:
    return _Unusable(ReasonCode.NON_FINITE_NUMBER, name)


_EXPLAINING = json.JSONDecoder(
    object_pairs_hook=_Members,
    parse_float=_keep_fraction,
    parse_int=_keep_integer,
    parse_constant=_keep_constant,
)


def _problems(raw: Any, path: tuple[str | int, ...]) -> Iterator[Reason]:
    if isinstance(raw, _Unusable):
        yield Reason(pointer(*path), raw.code, raw.detail)
    elif isinstance(raw, str):
        if _half_surrogate(raw):
            yield Reason(pointer(*path), ReasonCode.LONE_SURROGATE, "in a string")
    elif isinstance(raw, list):
        for index, item in enumerate(raw):
            yield from _problems(item, (*path, index))
    elif isinstance(raw, _Members):
        seen: set[str] = set()
        for key, item in raw.pairs:
            safe = key.encode("utf-8", "backslashreplace").decode()
            if key in seen:
                yield Reason(pointer(*path, safe), ReasonCode.DUPLICATE_KEY, "the key stands again")
            seen.add(key)
            if safe != key:
                yield Reason(pointer(*path, safe), ReasonCode.LONE_SURROGATE, "in a key")
            yield from _problems(item, (*path, safe))


def _half_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _plain(raw: Any) -> Any:
    if isinstance(raw, _Members):
        return {key: _plain(item) for key, item in raw.pairs}
    if isinstance(raw, list):
        return [_plain(item) for item in raw]
    return None if isinstance(raw, _Unusable) else raw
