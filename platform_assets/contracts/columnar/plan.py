"""From a contract and a layout to readers.

A schema is read in columns only if every one of its keywords is known here; an unknown keyword means
that the property, and so the record, goes to the path for single records. Annotations are known by
name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal as Number
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.columnar.checks import (
    Among,
    Length,
    Limit,
    Multiple,
    NumberCheck,
    OneOf,
    Places,
    TextCheck,
)
from platform_assets.contracts.columnar.composites import (
    MAX_ELEMENTS,
    Field,
    ListReader,
    ObjectReader,
)
from platform_assets.contracts.columnar.formats import FORMAT_PATTERNS
from platform_assets.contracts.columnar.patterns import pattern_check
from platform_assets.contracts.columnar.scalars import (
    BooleanReader,
    DecimalReader,
    FloatReader,
    IntegerReader,
    TextReader,
)
from platform_assets.contracts.columnar.text import MAX_LITERAL, Literal
from platform_assets.contracts.columnar.times import DateReader, TimeReader
from platform_assets.contracts.columns import Decimal, ListOf, Scalar, Struct
from platform_assets.contracts.conversion import MAX_MICROSECONDS, MIN_MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platform_assets.contracts.columnar.layout import Keys, Style
    from platform_assets.contracts.columnar.scalars import Reader
    from platform_assets.contracts.derivation import Derived
    from platform_assets.contracts.shape import Shape

_ANNOTATIONS = frozenset(
    [
        "$schema",
        "$id",
        "$anchor",
        "$comment",
        "$defs",
        "definitions",
        "title",
        "description",
        "default",
        "deprecated",
        "examples",
        "readOnly",
        "writeOnly",
        "$ref",
        "allOf",
        "type",
        "enum",
        "const",
    ]
)
_LIMITS = {
    "minimum": (True, False),
    "exclusiveMinimum": (True, True),
    "maximum": (False, False),
    "exclusiveMaximum": (False, True),
}
_NUMBERS = frozenset([*_LIMITS, "multipleOf"])
_TEXTS = frozenset(["minLength", "maxLength", "pattern", "format"])
_OBJECTS = frozenset(["properties", "required", "additionalProperties", "unevaluatedProperties"])
_ARRAYS = frozenset(["items", "minItems", "maxItems"])
_MAX_PRECISION = 18


class NotColumnar(Exception):  # caught by the columnar path, never met by users
    """This contract, or this layout of it, has to be judged record by record."""


@dataclass(frozen=True)
class Demands:
    """What has to hold beside the contract: properties that must be there, with a value or any."""

    present: frozenset[tuple[str, ...]]
    equal: Mapping[tuple[str, ...], Any]


def plan_record(derived: Derived, keys: Keys, style: Style, demands: Demands) -> ObjectReader:
    """Return the reader of whole records.

    Raises:
        NotColumnar: it cannot be made for this contract and layout.
    """
    return _Planner(style, demands).object(derived, keys, ())


@dataclass(frozen=True)
class _Planner:
    style: Style
    demands: Demands

    def object(self, derived: Derived, keys: Keys, path: tuple[str, ...]) -> ObjectReader:
        declared = dict(derived.fields)
        _check_object(derived, frozenset(declared))
        if not keys.order or not set(keys.order) <= declared.keys():
            raise NotColumnar(f"{path}: undeclared properties")
        if not derived.required <= set(keys.order):
            raise NotColumnar(f"{path}: a required property is not in the layout")
        fields = []
        for place, name in enumerate(keys.order):
            before = self.style.comma if place else self.style.open
            quoted = json.dumps(name, ensure_ascii=False)
            wanted = (*path, name) in self.demands.present
            inner = declared[name]
            key = f"{before}{quoted}{self.style.colon}".encode()
            if len(key) > MAX_LITERAL:
                raise NotColumnar(f"{path}: a long key")
            fields.append(
                Field(
                    name,
                    key,
                    self.value(inner, keys.nested.get(name), (*path, name)),
                    optional=place > 0 and name not in derived.required and not wanted,
                    nullable=inner.nullable and not wanted,
                )
            )
        return ObjectReader(fields, Literal(self.style.close.encode()))

    def value(self, derived: Derived, keys: Keys | None, path: tuple[str, ...]) -> Reader:
        if path in self.demands.equal:
            wanted = self.demands.equal[path]
            own = {Scalar.STRING: str, Scalar.INT64: int, Scalar.BOOLEAN: bool}
            if not isinstance(derived.type, Scalar) or own.get(derived.type) is not type(wanted):
                raise NotColumnar(f"{path}: the condition is on another type")
        match derived.type:
            case Struct():
                if keys is None or not keys.order:
                    raise NotColumnar(f"{path}: no sample of the nested object")
                return self.object(derived, keys, path)
            case ListOf():
                return self.array(derived, keys, path)
            case Decimal() as column:
                return _decimal(derived, column)
            case Scalar() as column:
                return _scalar(derived, column, self._allowed(derived.shape, path))
        raise NotColumnar(f"{path}: {derived.type}")

    def array(self, derived: Derived, keys: Keys | None, path: tuple[str, ...]) -> ListReader:
        _know(derived.shape, _ARRAYS)
        if derived.element is None:
            raise NotColumnar(f"{path}: no element")
        element = self.value(derived.element, keys, (*path, "[]"))
        least = max([0, *map(int, derived.shape.values("minItems"))])
        most = min([MAX_ELEMENTS, *map(int, derived.shape.values("maxItems"))])
        comma = Literal(self.style.comma.encode())
        return ListReader(element, derived.element.nullable, comma, least, most)

    def _allowed(self, shape: Shape, path: tuple[str, ...]) -> list[Any] | None:
        allowed = _allowed(shape)
        if path not in self.demands.equal:
            return allowed
        wanted = self.demands.equal[path]
        return [wanted] if allowed is None or wanted in allowed else []


def _know(shape: Shape, keywords: frozenset[str]) -> None:
    for schema in shape.schemas:
        for keyword in schema.keys() - keywords - _ANNOTATIONS:
            if not keyword.startswith("x-"):
                raise NotColumnar(f"the keyword {keyword}")
    if any(part.schema is False for part in shape.parts):
        raise NotColumnar("the schema false")


def _check_object(derived: Derived, declared: frozenset[str]) -> None:
    """Refuse objects whose undeclared properties, as one part sees them, have a schema."""
    _know(derived.shape, _OBJECTS)
    if _allowed(derived.shape) is not None:
        raise NotColumnar("enum or const of objects")
    for index, part in enumerate(derived.shape.parts):
        schema = part.schema if isinstance(part.schema, dict) else {}
        own = schema.get("properties", {}).keys()
        if schema.get("additionalProperties", True) is not True and not declared <= own:
            raise NotColumnar("additionalProperties of a part that does not declare them all")
        if index and schema.get("unevaluatedProperties", True) is not True:
            raise NotColumnar("unevaluatedProperties of an inner part")
        if isinstance(schema.get("unevaluatedProperties"), dict):
            raise NotColumnar("unevaluatedProperties with a schema")


def _allowed(shape: Shape) -> list[Any] | None:
    """Return the values that every enum and const allows, without null; None for all values."""
    sets = [*shape.values("enum"), *([value] for value in shape.values("const"))]
    if not sets:
        return None
    plain = [[value for value in values if value is not None] for values in sets]
    return [v for v in plain[0] if all(_contains(values, v) for values in plain[1:])]


def _contains(values: list[Any], wanted: Any) -> bool:
    return any(type(value) is type(wanted) and value == wanted for value in values)


def _scalar(derived: Derived, column: Scalar, allowed: list[Any] | None) -> Reader:
    match column:
        case Scalar.BOOLEAN:
            _know(derived.shape, frozenset())
            wanted = [True, False] if allowed is None else _only(allowed, bool)
            return BooleanReader(frozenset(wanted))
        case Scalar.INT64:
            checks = list(_number_checks(derived.shape))
            if allowed is not None:
                checks.append(Among(tuple(_only(allowed, int))))
            return IntegerReader(checks)
        case Scalar.STRING:
            checks_of_text = list(_text_checks(derived.shape))
            if allowed is not None:
                checks_of_text.append(OneOf(_only(allowed, str)))
            return TextReader(checks_of_text)
    if allowed is not None:
        raise NotColumnar("enum or const of a type that is not compared in columns")
    return _measure(derived, column)


def _measure(derived: Derived, column: Scalar) -> Reader:
    match column:
        case Scalar.FLOAT64:
            return FloatReader(list(_number_checks(derived.shape)))
        case Scalar.TIMESTAMP if derived.unit is not None:
            limits = (-(-MIN_MICROSECONDS // derived.unit), MAX_MICROSECONDS // derived.unit)
            return IntegerReader(list(_number_checks(derived.shape)), derived.unit, limits)
        case Scalar.TIMESTAMP:
            return TimeReader(list(_text_checks(derived.shape, "date-time")))
        case Scalar.DATE:
            return DateReader(list(_text_checks(derived.shape, "date")))
    raise NotColumnar(f"a column of {column}")


def _only(allowed: list[Any], kind: type) -> list[Any]:
    if any(type(value) is not kind for value in allowed):
        raise NotColumnar("enum or const of mixed types")
    return allowed


def _decimal(derived: Derived, column: Decimal) -> DecimalReader:
    types = derived.shape.types
    quoted = "string" in types
    if _allowed(derived.shape) is not None or column.scale > _MAX_PRECISION:
        raise NotColumnar("enum, const or a long scale of decimals")
    return DecimalReader(
        column.precision,
        column.scale,
        quoted=quoted,
        integral="integer" in types,
        checks=[] if quoted else list(_number_checks(derived.shape)),
        texts=list(_text_checks(derived.shape)) if quoted else [],
    )


def _number_checks(shape: Shape) -> Iterator[NumberCheck]:
    _know(shape, _NUMBERS)
    for keyword, (lower, exclusive) in _LIMITS.items():
        for limit in shape.values(keyword):
            yield Limit(limit, lower=lower, exclusive=exclusive)
    for multiple in shape.values("multipleOf"):
        _sign, digits, exponent = Number(multiple).normalize().as_tuple()
        if digits == (1,) and isinstance(exponent, int) and exponent <= 0:
            yield Multiple(-exponent)
        elif isinstance(multiple, int):
            yield Multiple(0, multiple)
        else:
            raise NotColumnar(f"multipleOf {multiple}")


def _text_checks(shape: Shape, own_format: str | None = None) -> Iterator[TextCheck]:
    _know(shape, _TEXTS)
    least, most = shape.values("minLength"), shape.values("maxLength")
    if least or most:
        yield Length(max([0, *map(int, least)]), min(map(int, most)) if most else None)
    for name in shape.values("format"):
        if name == "uuid":
            yield UUID
        elif name in FORMAT_PATTERNS:
            yield FORMAT_PATTERNS[name]
        elif name != own_format:
            raise NotColumnar(f"the format {name}")
    for pattern in shape.values("pattern"):
        check = pattern_check(pattern)
        if check is None:
            raise NotColumnar(f"the pattern {pattern}")
        yield check


_HEX = frozenset("0123456789abcdefABCDEF")
UUID = Places(
    [frozenset("-") if place in (8, 13, 18, 23) else _HEX for place in range(36)],
)
