r"""Patterns that mean the same to ECMA 262, to the validator and to Polars.

The part of the language that is accepted here: ASCII characters, escaped punctuation, ``\d`` and
``\w`` (ASCII, as in ECMA 262), sets of those, groups, alternatives, repetition, and ``^`` and ``$`` for
the ends of the text. The dot, look-around, back references and every other escape differ between
dialects, so a contract that uses them is judged record by record.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from functools import cache

import polars as pl

from platform_assets.contracts.columnar.automaton import Automaton, Nondeterministic, TooLarge
from platform_assets.contracts.columnar.checks import Expression, Places, TextCheck

_DIGITS = frozenset(string.digits)
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_PRINTABLE = frozenset(chr(code) for code in range(0x20, 0x7F))
_SPECIAL = frozenset("\\^$.[]|()?*+{}")
_REPEAT = re.compile(r"\{([0-9]{1,3})(?:(,)([0-9]{1,3})?)?\}\??|[*+?]\??")
_MAX_PLACES = 64


class UnlikeDialects(ValueError):
    """The pattern uses something on which the dialects may differ."""


@cache
def pattern_check(pattern: str) -> TextCheck | None:
    """Return the check of a pattern, or None where it cannot be checked in columns."""
    try:
        reading = _Reading(pattern)
        reading.alternatives()
        if reading.at != len(pattern):
            return None
        translated = "".join(reading.written)
        pl.Series([""]).str.contains(translated, strict=True)
    except (UnlikeDialects, pl.exceptions.PolarsError):
        return None
    places = _fixed_places(pattern)
    return Places(places) if places is not None else _automaton(pattern) or Expression(translated)


def _automaton(pattern: str) -> Automaton | None:
    """Return the automaton of a pattern, if it is anchored at both ends and has none within."""
    if not (pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith("\\$")):
        return None
    building = _Building(_Reading(pattern[1:-1]))
    try:
        start, end = building.sequence()
        if building.reading.at != len(building.reading.pattern):
            return None
        return Automaton(building.nodes, start, end)
    except (UnlikeDialects, TooLarge):
        return None


@dataclass
class _Building:
    """Builds Thompson's automaton of a pattern that `_Reading` has accepted."""

    reading: _Reading
    nodes: Nondeterministic = field(default_factory=Nondeterministic)

    def sequence(self) -> tuple[int, int]:
        start = end = self.nodes.node()
        while self.reading.peek() not in ("", ")", "|"):
            at = self.reading.at
            first, last = self.atom()
            repeat = _REPEAT.match(self.reading.pattern, self.reading.at)
            if repeat is not None:
                after = repeat.end()
                first, last = self.repeated(at, *_times(repeat))
                self.reading.at = after
            self.nodes.free[end].append(first)
            end = last
        return start, end

    def repeated(self, at: int, least: int, most: int | None) -> tuple[int, int]:
        """Build the atom at a place as often as it has to stand, and as often as it may."""
        start = end = self.nodes.node()
        exits = []
        for number in range(least + 1 if most is None else most):
            if number >= least:
                exits.append(end)
            self.reading.at = at
            first, last = self.atom()
            self.nodes.free[end].append(first)
            if most is None and number == least:
                self.nodes.free[last].append(first)
            end = last
        final = self.nodes.node()
        for node in (*exits, end):
            self.nodes.free[node].append(final)
        return start, final

    def atom(self) -> tuple[int, int]:
        reading = self.reading
        if reading.peek() in "^$":
            raise UnlikeDialects(reading.pattern)
        if reading.peek() == "(":
            return self.group()
        chars, negated = read_set(reading)
        if negated:
            raise UnlikeDialects(reading.pattern)
        start, end = self.nodes.node(), self.nodes.node()
        self.nodes.step[start] = (chars, end)
        return start, end

    def group(self) -> tuple[int, int]:
        self.reading.at += 3 if self.reading.pattern[self.reading.at + 1] == "?" else 1
        start, end = self.nodes.node(), self.nodes.node()
        while True:
            first, last = self.sequence()
            self.nodes.free[start].append(first)
            self.nodes.free[last].append(end)
            if self.reading.take() == ")":
                return start, end


def _times(repeat: re.Match[str]) -> tuple[int, int | None]:
    if repeat[1] is None:
        return (1, None) if repeat[0][0] == "+" else (0, None if repeat[0][0] == "*" else 1)
    least = int(repeat[1])
    if repeat[2] is None:
        return least, least
    return least, int(repeat[3]) if repeat[3] is not None else None


@dataclass
class _Reading:
    """Reads a pattern from left to right, and writes it for Polars."""

    pattern: str
    at: int = 0
    written: list[str] = field(default_factory=list)

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1]

    def alternatives(self) -> None:
        while self.peek() not in ("", ")"):
            if self.peek() == "|":
                self.written.append(self.take())
            else:
                self.term()

    def term(self) -> None:
        if self.peek() in "^$":
            self.written.append(self.take())
            return
        if self.peek() == "(":
            self.group()
        else:
            chars, negated = read_set(self)
            self.written.append(_written(chars, negated=negated))
        repeat = _REPEAT.match(self.pattern, self.at)
        if repeat is not None:
            self.written.append(repeat[0])
            self.at = repeat.end()
        if self.peek() and self.peek() in "*+?{":
            raise UnlikeDialects(self.pattern)

    def group(self) -> None:
        self.take()
        if self.peek() == "?":
            if self.pattern[self.at : self.at + 2] != "?:":
                raise UnlikeDialects(self.pattern)
            self.at += 2
        self.written.append("(?:")
        self.alternatives()
        if self.peek() != ")":
            raise UnlikeDialects(self.pattern)
        self.written.append(self.take())


def read_set(reading: _Reading) -> tuple[frozenset[str], bool]:
    """Read one character or one set; return its characters, and whether they are excluded."""
    if reading.peek() != "[":
        return _one(reading, _SPECIAL), False
    reading.take()
    negated = reading.peek() == "^"
    if negated:
        reading.take()
    chars: frozenset[str] = frozenset()
    while reading.peek() != "]":
        if not reading.peek():
            raise UnlikeDialects(reading.pattern)
        low = _one(reading, frozenset("[]^&~"))
        if reading.peek() == "-" and reading.pattern[reading.at + 1 : reading.at + 2] != "]":
            reading.take()
            high = _one(reading, frozenset("[]^&~"))
            if len(low) != 1 or len(high) != 1 or min(low) > min(high):
                raise UnlikeDialects(reading.pattern)
            low = frozenset(map(chr, range(ord(min(low)), ord(min(high)) + 1)))
        chars |= low
    reading.take()
    if not chars:
        raise UnlikeDialects(reading.pattern)
    return chars, negated


def _one(reading: _Reading, refused: frozenset[str]) -> frozenset[str]:
    char = reading.take()
    if char == "\\":
        escaped = reading.peek()
        if escaped == "d" or escaped == "w":  # noqa: PLR1714  # peek may be empty
            reading.take()
            return _DIGITS if escaped == "d" else _WORD
        if escaped in _PRINTABLE and not escaped.isalnum():
            return frozenset(reading.take())
        raise UnlikeDialects(reading.pattern)
    if char in refused or char not in _PRINTABLE:
        raise UnlikeDialects(reading.pattern)
    return frozenset(char)


def _written(chars: frozenset[str], *, negated: bool) -> str:
    if len(chars) == 1 and not negated:
        return re.escape(min(chars))
    inner = "".join(f"\\x{ord(char):02x}" for char in sorted(chars))
    return f"[{'^' if negated else ''}{inner}]"


def _fixed_places(pattern: str) -> list[frozenset[str]] | None:
    """Return the allowed characters of each place, if the pattern is ``^…$`` of fixed length."""
    if not (pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith("\\$")):
        return None
    reading = _Reading(pattern[1:-1])
    places: list[frozenset[str]] = []
    while reading.peek():
        if reading.peek() in "^$(|":
            return None
        chars, negated = read_set(reading)
        repeat = _REPEAT.match(reading.pattern, reading.at)
        if negated or (repeat is not None and (repeat[1] is None or repeat[2] is not None)):
            return None
        places += [chars] * (int(repeat[1]) if repeat is not None else 1)
        reading.at = repeat.end() if repeat is not None else reading.at
    return places if len(places) <= _MAX_PLACES else None
