"""The columns of a contract.

A column holds every value that the contract allows, exactly, or the record is quarantined with
``VALUE_NOT_REPRESENTABLE``. What no column type can hold becomes canonical JSON text. Columns stand
in the order in which the contract declares the properties; a property that may be absent or null is
nullable. Where undeclared properties are allowed, a last column ``_additional`` keeps them.

The keyword ``x-column`` chooses a type that JSON Schema cannot express: ``decimal(p,s)`` for a string
or a number, ``timestamp[s]``, ``timestamp[ms]`` or ``timestamp[us]`` for an integer since the epoch.
"""

from __future__ import annotations

import decimal
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.contracts.columns import (
    ADDITIONAL_COLUMN,
    POSITION_COLUMNS,
    Column,
    ColumnType,
    Decimal,
    ListOf,
    Scalar,
    Struct,
)
from platform_assets.contracts.shape import Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.contracts.documents import Library, Place

MAX_PRECISION = 38
#: Names of columns that every admitted row has beside those of its contract.
ROW_COLUMNS = ("_row", "_id")
RESERVED_NAMES = frozenset(
    [*ROW_COLUMNS, ADDITIONAL_COLUMN, *(column.name for column in POSITION_COLUMNS)]
)

_HINT = "x-column"
_DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")
EPOCH_UNITS = {"timestamp[s]": 1_000_000, "timestamp[ms]": 1_000, "timestamp[us]": 1}
_ADDITIONAL = Column(ADDITIONAL_COLUMN, Scalar.JSON, nullable=True)
_FORMATTED = {"date-time": Scalar.TIMESTAMP, "date": Scalar.DATE}
_PLAIN = {
    frozenset(["boolean"]): Scalar.BOOLEAN,
    frozenset(["integer"]): Scalar.INT64,
    frozenset(["number"]): Scalar.FLOAT64,
    frozenset(["string"]): Scalar.STRING,
}


@dataclass(frozen=True)
class Derived:
    """One value of the contract: its shape, the column type, and what the hint means.

    ``unit`` is the microseconds per unit of an epoch integer. ``fields`` are the declared properties
    of a struct, ``element`` is that of a list.
    """

    type: ColumnType
    nullable: bool
    shape: Shape
    unit: int | None = None
    fields: tuple[tuple[str, Derived], ...] = ()
    required: frozenset[str] = frozenset()
    additional: bool = False
    element: Derived | None = None

    def columns(self) -> tuple[Column, ...]:
        """Return the columns of an object."""
        declared = tuple(
            Column(name, inner.type, nullable=inner.nullable or name not in self.required)
            for name, inner in self.fields
        )
        return (*declared, _ADDITIONAL) if self.additional else declared


def derive_columns(root: Place, library: Library) -> tuple[tuple[Column, ...], bool]:
    """Return the contract's columns, and whether ``_additional`` is one of them.

    Raises:
        ContractInvalid: the contract describes no object, or a property cannot become a column.
    """
    derived = derive(root, library)
    return derived.columns(), derived.additional


def derive(root: Place, library: Library) -> Derived:
    """Return the whole tree of a contract.

    Raises:
        ContractInvalid: the contract describes no object, or a property cannot become a column.
    """
    shape = shape_of([root], library)
    if shape.types != {"object"}:
        named = ", ".join(sorted(shape.types)) if shape.values("type") else "no type"
        raise root.error(
            "type",
            expected='a schema of one event: "type": "object"',
            found=named,
            remedy="Describe the single event; for an array, move its item schema to the top.",
        )
    properties = shape.properties()
    if not properties:
        raise root.error(
            "properties",
            expected="at least one declared property",
            found="none",
            remedy='List the event\'s properties under "properties".',
        )
    for name, places in properties.items():
        if name in RESERVED_NAMES:
            raise places[0].error(
                "",
                expected="a property name other than " + ", ".join(sorted(RESERVED_NAMES)),
                found=f"the property {name!r}, whose column the platform needs for itself",
                remedy="Leave it undeclared (it is kept in _additional), or rename it.",
            )
    return _object(shape, library, frozenset(), nullable=False)


def _derive(places: list[Place], library: Library, above: frozenset[tuple[str, str]]) -> Derived:
    shape = shape_of(places, library)
    here = frozenset((part.document.uri, part.where) for part in shape.parts)
    nullable = "null" in shape.types
    types = shape.types - {"null"}
    hint = _hinted(shape, types)
    if hint is not None:
        return Derived(hint[0], nullable, shape, unit=hint[1])
    if here & above:  # a schema inside itself has no finite struct
        return Derived(Scalar.JSON, nullable, shape)
    if types == {"object"} and shape.properties():
        return _object(shape, library, above | here, nullable=nullable)
    if types == {"array"}:
        element = _element(shape, library, above | here)
        if element is not None:
            column_type = ListOf(element.type, element.nullable)
            return Derived(column_type, nullable, shape, element=element)
    return Derived(_scalar(shape, types), nullable, shape)


def _object(
    shape: Shape, library: Library, above: frozenset[tuple[str, str]], *, nullable: bool
) -> Derived:
    fields = tuple(
        (name, _derive(places, library, above)) for name, places in shape.properties().items()
    )
    if shape.open and ADDITIONAL_COLUMN in dict(fields):
        raise shape.places("properties")[0].error(
            "properties",
            expected=f"a property name other than {ADDITIONAL_COLUMN}",
            found="it, in an object that allows undeclared properties",
            remedy="Leave it undeclared, or rename it.",
        )
    derived = Derived(
        Scalar.JSON, nullable, shape, None, fields, shape.required, additional=shape.open
    )
    return Derived(
        Struct(derived.columns()), nullable, shape, None, fields, shape.required, shape.open
    )


def _element(shape: Shape, library: Library, above: frozenset[tuple[str, str]]) -> Derived | None:
    """Return what every element is, where all are of one type; ``items`` counts after prefixes."""
    kinds = [
        _derive([place.step("prefixItems", index)], library, above)
        for place in shape.places("prefixItems")
        for index in range(len(place.schema["prefixItems"]))
    ]
    items = [p.step("items") for p in shape.places("items") if p.schema["items"] is not False]
    if items:
        kinds.append(_derive(items, library, above))
    elif not any(place.schema["items"] is False for place in shape.places("items")):
        return None
    alike = all((k.type, k.unit) == (kinds[0].type, kinds[0].unit) for k in kinds)
    nested = len(kinds) > 1 and isinstance(kinds[0].type, (Struct, ListOf))
    if not kinds or not alike or nested:
        return None
    return next((kind for kind in kinds if kind.nullable), kinds[0])


def _scalar(shape: Shape, types: frozenset[str]) -> ColumnType:
    plain = _PLAIN.get(types, Scalar.JSON)
    if plain is Scalar.STRING:
        formats = [_FORMATTED[f] for f in shape.values("format") if f in _FORMATTED]
        return formats[0] if formats else plain
    if plain is Scalar.FLOAT64:
        scales = [scale for value in shape.values("multipleOf") for scale in _scale_of(value)]
        return Decimal(MAX_PRECISION, min(scales)) if scales else plain
    return plain


def _scale_of(multiple: int | decimal.Decimal) -> Iterator[int]:
    """Yield k where the value is 10 to the power of -k."""
    sign, digits, exponent = decimal.Decimal(multiple).normalize().as_tuple()
    power = exponent if (sign, digits) == (0, (1,)) and isinstance(exponent, int) else 1
    if -MAX_PRECISION <= power <= 0:
        yield -power


def _hinted(shape: Shape, types: frozenset[str]) -> tuple[ColumnType, int | None] | None:
    places = shape.places(_HINT)
    if not places:
        return None
    place, hint = places[0], places[0].schema[_HINT]
    if hint in EPOCH_UNITS and types == {"integer"}:
        return Scalar.TIMESTAMP, EPOCH_UNITS[hint]
    match = _DECIMAL.fullmatch(hint) if isinstance(hint, str) else None
    precision, scale = (int(match[1]), int(match[2])) if match else (0, 0)
    exact = 1 <= precision <= MAX_PRECISION and scale <= precision
    if exact and types in ({"string"}, {"number"}, {"integer"}):
        return Decimal(precision, scale), None
    raise place.error(
        _HINT,
        expected=f"decimal(p,s) with s <= p <= {MAX_PRECISION} on a string or number, or "
        + ", ".join(EPOCH_UNITS)
        + " on an integer",
        found=f"{hint!r} on {', '.join(sorted(types)) or 'nothing'}",
        remedy="Correct the hint, or give the property the type that it needs.",
    )
