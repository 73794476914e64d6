"""The keywords that columns can check.

A schema is read in columns only if every one of its keywords is known here. An unknown keyword on a
string has the validator judge the different strings (`judged`); anywhere else it means that the
record goes to the path for single records. Annotations are known by name.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.columnar.checks import (
    Length,
    Limit,
    Multiple,
    NumberCheck,
    Places,
    TextCheck,
)
from platform_assets.contracts.columnar.formats import FORMAT_PATTERNS
from platform_assets.contracts.columnar.patterns import pattern_check
from platform_assets.contracts.conversion import INT64_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

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
ARRAYS = frozenset(["items", "minItems", "maxItems"])
_HEX = frozenset("0123456789abcdefABCDEF")
_UUID = Places([frozenset("-") if place in (8, 13, 18, 23) else _HEX for place in range(36)])


class NotColumnar(Exception):  # caught by the columnar path, never met by users
    """This contract, or this layout of it, has to be judged record by record."""


def know(shape: Shape, keywords: frozenset[str]) -> None:
    """Refuse a schema with any keyword beside these and the annotations.

    Raises:
        NotColumnar: it has one.
    """
    for schema in shape.schemas:
        for keyword in schema.keys() - keywords - _ANNOTATIONS:
            if not keyword.startswith("x-"):
                raise NotColumnar(f"the keyword {keyword}")
    if any(part.schema is False for part in shape.parts):
        raise NotColumnar("the schema false")


def check_object(derived: Derived, declared: frozenset[str]) -> None:
    """Refuse objects whose undeclared properties, as one part sees them, have a schema."""
    know(derived.shape, _OBJECTS)
    if allowed_values(derived.shape) is not None:
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


def allowed_values(shape: Shape) -> list[Any] | None:
    """Return the values that every enum and const allows, without null; None for all values."""
    sets = [*shape.values("enum"), *([value] for value in shape.values("const"))]
    if not sets:
        return None
    plain = [[value for value in values if value is not None] for values in sets]
    return [v for v in plain[0] if all(_contains(values, v) for values in plain[1:])]


def _contains(values: list[Any], wanted: Any) -> bool:
    return any(type(value) is type(wanted) and value == wanted for value in values)


def number_checks(shape: Shape) -> Iterator[NumberCheck]:
    """Yield the checks of the keywords on numbers."""
    know(shape, _NUMBERS)
    for keyword, (lower, exclusive) in _LIMITS.items():
        for limit in shape.values(keyword):
            yield Limit(limit, lower=lower, exclusive=exclusive)
    for multiple in shape.values("multipleOf"):
        _sign, digits, exponent = Decimal(multiple).normalize().as_tuple()
        if digits == (1,) and isinstance(exponent, int) and exponent <= 0:
            yield Multiple(-exponent)
        elif isinstance(multiple, int) and multiple <= INT64_MAX:
            yield Multiple(0, multiple)
        else:
            raise NotColumnar(f"multipleOf {multiple}")


def text_checks(shape: Shape, own_format: str | None = None) -> Iterator[TextCheck]:
    """Yield the checks of the keywords on strings; the reader itself proves its own format."""
    know(shape, _TEXTS)
    least, most = shape.values("minLength"), shape.values("maxLength")
    if least or most:
        yield Length(max([0, *map(int, least)]), min(map(int, most)) if most else None)
    for name in shape.values("format"):
        if name == "uuid":
            yield _UUID
        elif name in FORMAT_PATTERNS:
            yield FORMAT_PATTERNS[name]
        elif name != own_format:
            raise NotColumnar(f"the format {name}")
    for pattern in shape.values("pattern"):
        check = pattern_check(pattern)
        if check is None:
            raise NotColumnar(f"the pattern {pattern}")
        yield check
