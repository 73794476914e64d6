"""The layout of records: the order of their keys and the white space between them.

A layout is learned from records and never trusted: the walk proves for every record that it has exactly
this layout. A wrong or incomplete layout costs time, because records go to the other path, and nothing
else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.columns import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_assets.contracts.derivation import Derived

_OPEN = re.compile(r'\{([ ]*)"')
_COLON = re.compile(r'"([ ]*):([ ]*)')
_CLOSE = re.compile(r"([ ]*)\}$")
_COMMA = re.compile(r'([ ]*),([ ]*)"')


@dataclass(frozen=True)
class Style:
    """The white space inside objects."""

    open: str
    colon: str
    comma: str
    close: str


@dataclass
class Keys:
    """The keys of an object in their order, with those of nested objects and of lists of objects."""

    order: list[str] = field(default_factory=list)
    nested: dict[str, Keys] = field(default_factory=dict)

    def learn(self, value: Any) -> bool:
        """Add the keys of one object; False, with nothing said, if its order contradicts."""
        if isinstance(value, list):
            return all(self.learn(item) for item in value)
        if not isinstance(value, _Pairs):
            return True
        names = [name for name, _ in value.pairs]
        known = [name for name in names if name in self.order]
        if len(set(names)) != len(names) or known != [n for n in self.order if n in known]:
            return False
        place = 0
        for name in names:
            if name in self.order:
                place = self.order.index(name) + 1
            elif place == 0 and self.order:
                return False  # another first key is another layout
            else:
                self.order.insert(place, name)
                place += 1
        return all(self.nested.setdefault(n, Keys()).learn(item) for n, item in value.pairs)


@dataclass(frozen=True)
class Layout:
    """How the records of a batch, or many of them, are written."""

    keys: Keys
    style: Style


@dataclass(frozen=True)
class _Pairs:
    pairs: list[tuple[str, Any]]


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
    """Return the layout of the first usable sample, widened by the others that agree with it.

    A sample with a property that the contract does not declare is of no use: it would widen the layout
    to one that no record of the contract has, and the whole batch would go the other path.
    """
    keys = Keys()
    style: Style | None = None
    for sample in samples:
        try:
            value = _decode(sample)
        except (ValueError, RecursionError):
            continue
        usable = isinstance(value, _Pairs) and value.pairs and _declared(value, derived)
        own = _style_of(sample) if usable else None
        if own is None or (style is not None and own != style):
            continue
        tried = _copy(keys)
        if tried.learn(value):
            keys, style = tried, own
    return None if style is None else Layout(keys, style)


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
    return Keys(list(keys.order), {name: _copy(inner) for name, inner in keys.nested.items()})
