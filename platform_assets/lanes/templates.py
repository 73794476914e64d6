"""Sample records as templates: split once where an event has values of its own.

1. A sample record is a JSON object. Its id is a text, and so is what is filled up. Its key is a text or
   an integer, its event time a text, or an integer for which the contract declares a unit.
2. A key keeps what stands before its digits. The digits, as many as there are or as it takes to count
   all keys, are the number of the key.
3. A template that breaks the contract is made of a sample record by leaving a property out, by giving
   it a value of another type, or by cutting off the end. Which property that is, the contract's own
   judge decides: what it says of the record has to be the one reason that is wanted, and no other.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.events import value_at
from platform_assets.lanes.event_ids import IdForm, id_stem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.contracts.events import Path

_DIGITS_AT_END = re.compile(r"[0-9]*\Z")
_PRIVATE = range(0xE000, 0xF900)
#: What takes the place of a value, so that it has another type.
_OTHERS: tuple[Any, ...] = (7, "seven", True, {}, [])


class Slot(StrEnum):
    """What an event has of its own."""

    ID = "id"
    TIME = "time"
    KEY = "key"
    FILL = "fill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Where the values of their own stand in the records of one event type.

    Attributes:
        unit: microseconds in a unit of the event time; None where that is a text.
        when: paths whose values tell the event type; they are left as they are.
    """

    id: Path
    time: Path | None
    key: Path
    fill: Path | None
    unit: int | None
    when: tuple[Path, ...]

    def paths(self) -> dict[Slot, Path]:
        """Return the paths by what stands there."""
        every = {Slot.ID: self.id, Slot.TIME: self.time, Slot.KEY: self.key, Slot.FILL: self.fill}
        return {slot: path for slot, path in every.items() if path is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A record without the values that each event has of its own.

    Attributes:
        form: the bytes of the record, with ``%b`` for each value.
        slots: what these are, in their order.
        length: the bytes of the record without the values.
        key_beginning: what stands before the digits of the key.
        key_digits: how many digits the key of the sample record has; None where it is an integer.
        unit: as in `Fields`.
    """

    form: bytes
    slots: tuple[Slot, ...]
    length: int
    key_beginning: bytes
    key_digits: int | None
    unit: int | None


def template_of(
    record: dict[str, Any], fields: Fields, prefix: str, changed: dict[str, Any] | None = None
) -> Template:
    """Split a sample record, or what it was changed into.

    What the change took away, or gave another type, has no slot.
    """
    changed = record if changed is None else changed
    marked = deepcopy(changed)
    marker, bare = _unused(json.dumps(changed, ensure_ascii=False))
    for slot, path in fields.paths().items():
        value = value_at(record, path)
        if type(value_at(changed, path)) is type(value):
            mark = f"{marker}{slot}{marker}" if isinstance(value, str) else f"{bare}{slot}{bare}"
            _set(marked, path, _before(slot, value, prefix) + mark)
    text = json.dumps(marked, ensure_ascii=False, separators=(",", ":"))
    pieces = text.replace(f'"{bare}', marker).replace(f'{bare}"', marker).split(marker)
    literals = [piece.encode() for piece in pieces[::2]]
    key = value_at(record, fields.key)
    beginning = _before(Slot.KEY, key, prefix)
    return Template(
        form=b"%b".join(literal.replace(b"%", b"%%") for literal in literals),
        slots=tuple(Slot(name) for name in pieces[1::2]),
        length=sum(map(len, literals)),
        key_beginning=beginning.encode(),
        key_digits=len(key) - len(beginning) if isinstance(key, str) else None,
        unit=fields.unit,
    )


def cut_off(template: Template) -> Template:
    """Return a template whose records end before their last character."""
    return replace(template, form=template.form[:-1], length=template.length - 1)


def without_a_property(record: dict[str, Any], fields: Fields) -> Iterator[dict[str, Any]]:
    """Yield the record without one of its properties, other than those that tell what it is."""
    for name in _changeable(record, fields):
        yield {key: value for key, value in record.items() if key != name}


def with_another_type(record: dict[str, Any], fields: Fields) -> Iterator[dict[str, Any]]:
    """Yield the record with a value of another type in the place of one of its properties."""
    for name in _changeable(record, fields):
        for other in _OTHERS:
            if type(other) is not type(record[name]):
                yield record | {name: other}


def _changeable(record: dict[str, Any], fields: Fields) -> list[str]:
    """Return the properties that may be changed, those with values of their own last."""
    kept = {path[0] for path in (fields.id, *fields.when)}
    own = {path[0] for path in fields.paths().values()}
    return sorted((name for name in record if name not in kept), key=lambda name: name in own)


def _before(slot: Slot, value: Any, prefix: str) -> str:
    """Return what stands before a value in its text, the same for all events."""
    if slot is Slot.ID:
        return id_stem(prefix, IdForm.like(value))
    if slot is Slot.KEY and isinstance(value, str):
        return _DIGITS_AT_END.sub("", value)
    return ""


def _set(record: dict[str, Any], path: Path, value: str) -> None:
    for name in path[:-1]:
        record = record[name]
    record[path[-1]] = value


def _unused(text: str) -> tuple[str, str]:
    """Return two characters for private use that the text does not have."""
    first, second, *_ = (mark for mark in map(chr, _PRIVATE) if mark not in text)
    return first, second
