r"""Masks a quarantined record so that its shape can be shown and its values cannot.

Of a record that is JSON, the structure, the keys and the kind and length of each value are kept. A key
that does not look like a field name, or that looks like a key to something, may itself hold data, so
only its length is kept. Of a record that is no JSON nothing can be told apart from a value: only the
characters ``{}[]:,"`` and white space stay, every other one becomes a dot. Nothing here depends on the
contract, because a bad record does not keep to it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from platform_assets.flow.secret_scan import forms_in

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A larger record is not parsed; its beginning is masked character by character.
MAX_PARSED_BYTES = 64 * 1024
MAX_SHOWN_CHARACTERS = 1_200
_MAX_ITEMS = 3
_MAX_KEYS = 40
_MAX_DEPTH = 6
_INDENT = "  "

#: Short, begins with a letter, and has no run of digits long enough to be a number of someone.
_FIELD_NAME = re.compile(r"(?!.*[0-9]{4})[A-Za-z_][A-Za-z0-9_-]{0,47}")
_TOKEN = re.compile(r'[^\s{}\[\]:,"]+')
_POSITION = re.compile(r"[0-9]{1,3}")
_STRUCTURE = frozenset('{}[]:,"\n\t ')


class _Integer(str):
    __slots__ = ()


class _Number(str):
    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """The members of an object in the order they came, repeated keys included."""


def mask_record(value: bytes | None) -> str:
    """Return text that shows the shape of a record and none of its values."""
    if value is None:
        return "(no value)"
    if not value.strip():
        return f"(no text: {len(value)} bytes)"
    try:
        return _shortened(_masked(_parsed(value), 0))
    except (ValueError, RecursionError):
        pass
    return _shortened(_masked_text(value[: 4 * MAX_SHOWN_CHARACTERS]))


def mask_pointer(where: str) -> str:
    """Return a JSON pointer whose steps are field names or positions; other steps are masked."""
    return "/".join(
        step if not step or _is_position(step) or _is_field(step) else "•"
        for step in where.split("/")
    )


def mask_detail(detail: str, value: bytes | None) -> str:
    """Return what a reason says of a record without what it quotes from the record."""
    try:
        quoted = set(_literals(_parsed(value or b"")))
    except (ValueError, RecursionError):
        quoted = set(_TOKEN.findall((value or b"")[:MAX_PARSED_BYTES].decode(errors="replace")))
    found = [literal for literal in quoted if literal.strip() and literal in detail]
    for literal in sorted(found, key=lambda text: (-len(text), text)):
        detail = re.sub(rf"(?<!\w){re.escape(literal)}(?!\w)", "•••", detail)
    return detail


def _parsed(value: bytes) -> Any:
    if len(value) > MAX_PARSED_BYTES:
        raise ValueError("too large to be parsed for a report")
    return json.loads(
        value,
        object_pairs_hook=_Object,
        parse_int=_Integer,
        parse_float=_Number,
        parse_constant=_Number,
    )


def _literals(value: Any) -> Iterator[str]:
    match value:
        case _Object():
            for key, item in value:
                if not _is_field(key):
                    yield key
                yield from _literals(item)
        case list():
            for item in value:
                yield from _literals(item)
        case str():
            yield str(value)


def _masked(value: Any, depth: int) -> str:
    match value:
        case _Object():
            return _masked_object(value, depth)
        case list():
            return _masked_list(value, depth)
        case _Integer():
            return f"«integer, {len(value.lstrip('-'))} digits»"
        case _Number():
            return f"«number, {len(value)} characters»"
        case str():
            return f"«text, {len(value)} characters»"
        case _:
            return "null" if value is None else "«true or false»"


def _masked_object(members: _Object, depth: int) -> str:
    if not members:
        return "{}"
    if depth >= _MAX_DEPTH:
        return f"{{ «{len(members)} members» }}"
    inner = _INDENT * (depth + 1)
    lines = [
        f"{inner}{_masked_key(key)}: {_masked(value, depth + 1)}"
        for key, value in members[:_MAX_KEYS]
    ]
    if len(members) > _MAX_KEYS:
        lines.append(f"{inner}«{len(members) - _MAX_KEYS} more members»")
    return "{\n" + ",\n".join(lines) + f"\n{_INDENT * depth}}}"


def _masked_list(items: list[Any], depth: int) -> str:
    if not items:
        return "[]"
    if depth >= _MAX_DEPTH:
        return f"[ «{len(items)} elements» ]"
    shown = [_masked(item, depth + 1) for item in items[:_MAX_ITEMS]]
    if len(items) > _MAX_ITEMS:
        shown.append(f"«{len(items) - _MAX_ITEMS} more»")
    return "[" + ", ".join(shown) + "]"


def _masked_key(key: str) -> str:
    return f'"{key}"' if _is_field(key) else f"«key, {len(key)} characters»"


def _is_field(text: str) -> bool:
    return _FIELD_NAME.fullmatch(text) is not None and not forms_in(text.encode())


def _is_position(text: str) -> bool:
    return _POSITION.fullmatch(text) is not None


def _masked_text(value: bytes) -> str:
    text = value.decode("utf-8", errors="replace")
    return "".join(char if char in _STRUCTURE else "•" for char in text)


def _shortened(text: str) -> str:
    if len(text) <= MAX_SHOWN_CHARACTERS:
        return text
    return text[:MAX_SHOWN_CHARACTERS] + "\n… (cut here)"
