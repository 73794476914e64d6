"""Canonical JSON text of a value that no column type can hold.

The form is that of RFC 8785, apart from one thing: integers up to 64 bits keep all their digits, where
the RFC would round them to doubles. Numbers with a fraction are written as their nearest double.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import rfc8785

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_encoded = json.JSONEncoder(ensure_ascii=False).encode


class IntegerTooLarge(ValueError):
    """An integer has more than 64 bits; ``path`` leads to it."""

    def __init__(self, path: tuple[str | int, ...]) -> None:
        super().__init__(path)
        self.path = path


def json_text(value: Any) -> str:
    """Return the canonical text of a value as strict reading gives it.

    Raises:
        IntegerTooLarge: an integer has more than 64 bits.
    """
    return _text(value, ())


def _text(value: Any, path: tuple[str | int, ...]) -> str:
    match value:
        case str() | bool() | None:
            return _encoded(value)
        case int():
            if not _INT64_MIN <= value <= _INT64_MAX:
                raise IntegerTooLarge(path)
            return str(value)
        case Decimal():
            return rfc8785.dumps(float(value)).decode()
        case list():
            items = (_text(item, (*path, index)) for index, item in enumerate(value))
            return f"[{','.join(items)}]"
        case dict():
            keys = sorted(value, key=_utf16)
            members = (f"{_encoded(key)}:{_text(value[key], (*path, key))}" for key in keys)
            return "{" + ",".join(members) + "}"
        case _:
            raise TypeError(f"{type(value).__name__} is no JSON value")


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")
