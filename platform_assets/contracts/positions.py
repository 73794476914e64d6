"""Reading a schema file so that every value knows its line.

A mistake in a contract is reported with file and line, which the standard parser forgets. Keys that
stand twice in one object are mistakes too: the standard parser would drop the first silently.
Numbers with a fraction become exact decimals, so that a ``multipleOf`` of 0.01 means one hundredth.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from platform_assets.contracts.reasons import pointer

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_MAX_DEPTH = 200
_MAX_EXPONENT = 400


class NotJson(ValueError):
    """The text is not JSON; ``line`` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Positioned:
    """A JSON value and the line (from 1) of each of its parts, by JSON pointer."""

    value: Any
    lines: dict[str, int] = field(repr=False)

    def line(self, where: str) -> int:
        """Return the line of a part, or of the nearest part around it that has one."""
        while where and where not in self.lines:
            where = where.rpartition("/")[0]
        return self.lines.get(where, 1)


def read_positioned(text: str) -> Positioned:
    """Parse JSON text.

    Raises:
        NotJson: the text is not one JSON value, or an object has a key twice.
    """
    reader = _Reader(text)
    value, end = reader.value(reader.skip(0), ())
    if reader.skip(end) != len(text):
        raise reader.error("something stands after the end of the JSON value", end)
    return Positioned(value, reader.lines)


def _number(match: re.Match[str]) -> int | Decimal:
    number = Decimal(match[0])
    exponent = abs(number.adjusted())
    # 2.0 is the integer 2 to JSON Schema; huge exponents are left unevaluated.
    whole = exponent < _MAX_EXPONENT and number == number.to_integral_value()
    return int(number) if whole else number


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[str, int] = {}

    def skip(self, at: int) -> int:
        return _SPACE.match(self.text, at).end()  # type: ignore[union-attr]  # matches emptiness

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def error(self, message: str, at: int) -> NotJson:
        return NotJson(message, self.line(at))

    def value(self, at: int, path: tuple[str | int, ...]) -> tuple[Any, int]:
        if len(path) > _MAX_DEPTH:
            raise self.error(f"nesting is deeper than {_MAX_DEPTH}", at)
        self.lines.setdefault(pointer(*path), self.line(at))
        first = self.text[at : at + 1]
        if first == "{":
            return self._object(at, path)
        if first == "[":
            return self._array(at, path)
        if first == '"':
            return self._string(at)
        for word, value in _WORDS.items():
            if self.text.startswith(word, at):
                return value, at + len(word)
        if match := _NUMBER.match(self.text, at):
            return _number(match), match.end()
        raise self.error("no JSON value stands here", at)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            return json.decoder.scanstring(self.text, at + 1, True)  # type: ignore[attr-defined,no-any-return]
        except ValueError as error:
            raise self.error(f"a string is broken: {error}", at) from error

    def _object(self, at: int, path: tuple[str | int, ...]) -> tuple[dict[str, Any], int]:
        members: dict[str, Any] = {}
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "}":
            return members, at + 1
        while True:
            if self.text[at : at + 1] != '"':
                raise self.error("a key in double quotes is missing", at)
            start = at
            key, at = self._string(at)
            if key in members:
                raise self.error(f"the key {key!r} stands twice in one object", start)
            self.lines[pointer(*path, key)] = self.line(start)
            at = self._expect(self.skip(at), ":")
            members[key], at = self.value(at, (*path, key))
            at = self.skip(at)
            if self.text[at : at + 1] == "}":
                return members, at + 1
            at = self._expect(at, ",")

    def _array(self, at: int, path: tuple[str | int, ...]) -> tuple[list[Any], int]:
        items: list[Any] = []
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "]":
            return items, at + 1
        while True:
            item, at = self.value(at, (*path, len(items)))
            items.append(item)
            at = self.skip(at)
            if self.text[at : at + 1] == "]":
                return items, at + 1
            at = self._expect(at, ",")

    def _expect(self, at: int, mark: str) -> int:
        if self.text[at : at + 1] != mark:
            raise self.error(f"{mark!r} is missing", at)
        return self.skip(at + 1)
