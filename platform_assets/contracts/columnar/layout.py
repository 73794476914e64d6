"""The layout of records: the order of their keys and the white space between them.

A layout is learned from records and never trusted: the walk proves for every record that it has exactly
this layout. A wrong or incomplete layout costs time, because records go to the other path, and nothing
else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.columns import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platform_assets.contracts.derivation import Derived

_OPEN = re.compile(r'\{([ ]*)"')
_COLON = re.compile(r'"([ ]*):([ ]*)')
_CLOSE = re.compile(r"([ ]*)\}$")
_COMMA = re.compile(r'([ ]*),([ ]*)"')
_MAX_TRIED = 4


@dataclass(frozen=True)
class Style:
    """The white space inside objects."""

    open: str
    colon: str
    comma: str
    close: str


@dataclass
class Keys:
    """The keys of an object, each with those seen right before it; and the keys of its objects.

    Records leave out what is optional, each in its own way, so no single record may show the whole
    order; all of them together do. The first key is in every record.
    """

    before: dict[str, set[str]] = field(default_factory=dict)
    nested: dict[str, Keys] = field(default_factory=dict)

    @property
    def order(self) -> list[str]:
        """The keys in an order that all records agree with."""
        return list(TopologicalSorter(self.before).static_order())

    def learn(self, value: Any) -> bool:
        """Add the keys of one object; False if its order contradicts, and then this is of no use."""
        if isinstance(value, list):
            return all(self.learn(item) for item in value)
        if not isinstance(value, _Pairs):
            return True
        names = [name for name, _ in value.pairs]
        if len(set(names)) != len(names) or names[:1] != list(self.before or names)[:1]:
            return not names
        return self._follow(names) and all(
            self.nested.setdefault(name, Keys()).learn(item) for name, item in value.pairs
        )

    def _follow(self, names: list[str]) -> bool:
        news = False
        for name, previous in zip(names, [None, *names], strict=False):
            seen = self.before.setdefault(name, set())
            if previous is not None and previous not in seen:
                seen.add(previous)
                news = True
        try:
            if news:
                TopologicalSorter(self.before).prepare()
        except CycleError:
            return False
        return True


@dataclass(frozen=True)
class Layout:
    """How the records of a batch, or many of them, are written."""

    keys: Keys
    style: Style


@dataclass(frozen=True)
class _Pairs:
    pairs: list[tuple[str, Any]]


_Sample = tuple[_Pairs, Style]
_decode = json.JSONDecoder(object_pairs_hook=_Pairs).decode


def _declared(value: Any, derived: Derived | None) -> bool:
    """Tell whether every property of the value, and within it, is declared."""
    if isinstance(value, list):
        element = derived.element if derived else None
        return all(_declared(item, element) for item in value)
    if not isinstance(value, _Pairs) or derived is None or not isinstance(derived.type, Struct):
        return True
    fields = dict(derived.fields)
    return all(name in fields and _declared(item, fields[name]) for name, item in value.pairs)


def learn_layout(samples: Iterable[str], derived: Derived) -> Layout | None:
    """Return the layout that most samples agree with, widened by all of these.

    Otherwise one odd record in the first place would cost a whole batch the fast path. A sample with a
    property that the contract does not declare is of no use: it would widen the layout to one that no
    record of the contract has.
    """
    left = [read for sample in samples if (read := _read(sample, derived)) is not None]
    best, most = None, 0
    for _ in range(_MAX_TRIED):
        if len(left) <= most:
            break
        layout, others = _learn(left)
        if len(left) - len(others) > most:
            best, most = layout, len(left) - len(others)
        left = others
    return best


def _read(sample: str, derived: Derived) -> tuple[_Pairs, Style] | None:
    try:
        value = _decode(sample)
    except (ValueError, RecursionError):
        return None
    usable = isinstance(value, _Pairs) and value.pairs and _declared(value, derived)
    style = _style_of(sample) if usable else None
    return None if style is None else (value, style)


def _learn(samples: Sequence[_Sample]) -> tuple[Layout, list[_Sample]]:
    """Return the layout of the first sample, widened by those that agree, and those that do not."""
    keys, style = Keys(), samples[0][1]
    others = []
    for value, own in samples:
        tried = _copy(keys)
        if own == style and tried.learn(value):
            keys = tried
        else:
            others.append((value, own))
    return Layout(keys, style), others


def _style_of(text: str) -> Style | None:
    opened, colon = _OPEN.match(text), _COLON.search(text)
    comma, closed = _COMMA.search(text), _CLOSE.search(text)
    if opened is None or colon is None or closed is None:
        return None
    return Style(
        open="{" + opened[1],
        colon=f"{colon[1]}:{colon[2]}",
        comma=f"{comma[1]},{comma[2]}" if comma is not None else ",",
        close=closed[1] + "}",
    )


def _copy(keys: Keys) -> Keys:
    return Keys(
        {name: set(others) for name, others in keys.before.items()},
        {name: _copy(inner) for name, inner in keys.nested.items()},
    )
