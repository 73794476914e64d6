"""What a schema says about one value, gathered over ``$ref``, ``allOf`` and "or null".

A value meets a schema and everything that the schema refers to or lists under ``allOf``; these are the
parts of one shape. An ``anyOf`` or ``oneOf`` of one schema and ``null`` only says that null is allowed.
Other branches narrow the value without telling its type, so they add nothing to the shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from platform_assets.contracts.documents import Library, Place

_EVERY_TYPE = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_BRANCHES = ("anyOf", "oneOf")
#: Keywords under which undeclared properties may count as evaluated.
_EVALUATING = ("anyOf", "oneOf", "if", "dependentSchemas", "patternProperties")


@dataclass(frozen=True)
class Shape:
    """The parts that a value meets all at once; null need not meet those that are ``excused``."""

    parts: tuple[Place, ...]
    excused: tuple[bool, ...]

    @property
    def schemas(self) -> Iterator[dict[str, Any]]:
        """The parts that are objects; ``true`` says nothing."""
        return (part.schema for part in self.parts if isinstance(part.schema, dict))

    @property
    def types(self) -> frozenset[str]:
        """The JSON types that the value may have; ``number`` stands for integers too."""
        types = allowing_null = _EVERY_TYPE
        for part, excused in zip(self.parts, self.excused, strict=True):
            own = _types_of(part.schema)
            types = _both(types, own)
            allowing_null = allowing_null if excused else _both(allowing_null, own)
        if "number" in types:
            types -= {"integer"}
        return types - {"null"} | (allowing_null & {"null"})

    def values(self, keyword: str) -> list[Any]:
        """Return what the parts say under a keyword."""
        return [schema[keyword] for schema in self.schemas if keyword in schema]

    def places(self, keyword: str) -> list[Place]:
        """Return the parts that have a keyword."""
        return [p for p in self.parts if isinstance(p.schema, dict) and keyword in p.schema]

    @property
    def required(self) -> frozenset[str]:
        """The names of the properties that must be there."""
        return frozenset(name for names in self.values("required") for name in names)

    def properties(self) -> dict[str, list[Place]]:
        """Return the schemas of each declared property, in the order of declaration."""
        found: dict[str, list[Place]] = {}
        for part in self.places("properties"):
            for name in part.schema["properties"]:
                found.setdefault(name, []).append(part.step("properties", name))
        return found

    @property
    def open(self) -> bool:
        """Whether undeclared properties may occur. True unless one part surely forbids them."""
        for schema in self.schemas:
            if schema.get("additionalProperties") is False and "patternProperties" not in schema:
                return False
        closed = any(schema.get("unevaluatedProperties") is False for schema in self.schemas)
        return not closed or any(word in schema for schema in self.schemas for word in _EVALUATING)


def shape_of(places: list[Place], library: Library) -> Shape:
    """Gather the shape of a value that meets all of the given schemas."""
    gathering = _Gathering(library)
    for place in places:
        gathering.add(place, frozenset(), excused=False)
    parts, excused = zip(*gathering.found, strict=True)
    return Shape(parts, excused)


class _Gathering:
    def __init__(self, library: Library) -> None:
        self.library = library
        self.found: list[tuple[Place, bool]] = []

    def add(self, place: Place, seen: frozenset[tuple[str, str]], *, excused: bool) -> None:
        schema = place.schema
        key = (place.document.uri, place.where)
        if not isinstance(schema, dict):
            self.found.append((place, excused))
            return
        if key in seen:
            return  # the schema refers to itself and adds nothing more
        seen |= {key}
        chosen = {word: _or_null(schema.get(word, ())) for word in _BRANCHES}
        if chosen["oneOf"] is not None:
            branch = shape_of([place.step("oneOf", chosen["oneOf"])], self.library)
            if "null" in branch.types:  # null would meet both branches, and so not the oneOf
                chosen["oneOf"] = None
        chosen = {word: index for word, index in chosen.items() if index is not None}
        self.found.append((_without(place, chosen), excused))
        if "$ref" in schema:
            self.add(self.library.follow(place)[0], seen, excused=excused)
        for index in range(len(schema.get("allOf", ()))):
            self.add(place.step("allOf", index), seen, excused=excused)
        for word, index in chosen.items():
            self.add(place.step(word, index), seen, excused=True)


def _or_null(branches: Any) -> Any:
    """Return the index of the branch beside ``null``, if that is all there is."""
    nulls = [branch == {"type": "null"} for branch in branches]
    if len(branches) == 2 and sum(nulls) == 1:  # noqa: PLR2004  # one schema, or null
        return nulls.index(False)
    return None


def _without(place: Place, keywords: Container[str]) -> Place:
    rest = {name: value for name, value in place.schema.items() if name not in keywords}
    return replace(place, schema=rest)


def _types_of(schema: Any) -> frozenset[str]:
    if not isinstance(schema, dict):
        return _EVERY_TYPE if schema else frozenset()
    types = _EVERY_TYPE
    if "type" in schema:
        declared = schema["type"]
        types = frozenset([declared] if isinstance(declared, str) else declared)
    if "enum" in schema:
        types = _both(types, frozenset(_type_of(value) for value in schema["enum"]))
    if "const" in schema:
        types = _both(types, frozenset([_type_of(schema["const"])]))
    return types


def _both(left: frozenset[str], right: frozenset[str]) -> frozenset[str]:
    both = left & right
    if ("number" in left and "integer" in right) or ("integer" in left and "number" in right):
        both |= {"integer"}
    return both


_TYPE_NAMES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    str: "string",
    list: "array",
    dict: "object",
}


def _type_of(value: Any) -> str:
    if isinstance(value, Decimal):
        return "integer" if value == value.to_integral_value() else "number"
    return _TYPE_NAMES[type(value)]
