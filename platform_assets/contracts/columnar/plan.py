"""From a contract and a layout to readers.

Each property of the layout gets the reader of its column type, with the checks of its keywords. What
the rules of a stream demand beside the contract, an event id and the values of conditions, is planned
in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.columnar.checks import (
    Among,
    Length,
)
from platform_assets.contracts.columnar.composites import (
    MAX_ELEMENTS,
    Field,
    ListReader,
    ObjectReader,
)
from platform_assets.contracts.columnar.keywords import (
    ARRAYS,
    NotColumnar,
    allowed_values,
    check_object,
    know,
    number_checks,
    text_checks,
)
from platform_assets.contracts.columnar.scalars import (
    BooleanReader,
    DecimalReader,
    FloatReader,
    IntegerReader,
)
from platform_assets.contracts.columnar.text import MAX_LITERAL, Literal
from platform_assets.contracts.columnar.texts import text_reader
from platform_assets.contracts.columnar.times import DateReader, TimeReader
from platform_assets.contracts.columns import Decimal, ListOf, Scalar, Struct
from platform_assets.contracts.conversion import (
    INT64_MAX,
    INT64_MIN,
    MAX_MICROSECONDS,
    MIN_MICROSECONDS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.contracts.columnar.judged import Validators
    from platform_assets.contracts.columnar.layout import Keys, Layout, Style
    from platform_assets.contracts.columnar.scalars import Reader
    from platform_assets.contracts.derivation import Derived
    from platform_assets.contracts.shape import Shape

_MAX_PRECISION = 18


@dataclass(frozen=True)
class Demands:
    """What has to hold beside the contract: properties that must be there, with a value or any.

    ``identity`` is the path of the event id; a text that identifies an event is not empty.
    """

    present: frozenset[tuple[str, ...]]
    equal: Mapping[tuple[str, ...], Any]
    identity: tuple[str, ...]


def plan_record(
    derived: Derived, layout: Layout, demands: Demands, validators: Validators
) -> ObjectReader:
    """Return the reader of whole records.

    Raises:
        NotColumnar: it cannot be made for this contract and layout.
    """
    return _Planner(layout.style, demands, validators).object(derived, layout.keys, ())


@dataclass(frozen=True)
class _Planner:
    style: Style
    demands: Demands
    validators: Validators

    def object(self, derived: Derived, keys: Keys, path: tuple[str, ...]) -> ObjectReader:
        declared = dict(derived.fields)
        check_object(derived, frozenset(declared))
        order = keys.order
        if not order or not set(order) <= declared.keys():
            raise NotColumnar(f"{path}: undeclared properties")
        if not derived.required <= set(order):
            raise NotColumnar(f"{path}: a required property is not in the layout")
        fields = []
        for place, name in enumerate(order):
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
                if keys is None or not keys.before:
                    raise NotColumnar(f"{path}: no sample of the nested object")
                return self.object(derived, keys, path)
            case ListOf():
                return self.array(derived, keys, path)
            case Decimal() as column:
                return _decimal(derived, column)
            case Scalar() as column:
                allowed = self._allowed(derived.shape, path)
                if column is Scalar.STRING:
                    return self.text(derived, allowed, path)
                return _scalar(derived, column, allowed)
        raise NotColumnar(f"{path}: {derived.type}")

    def text(self, derived: Derived, allowed: list[Any] | None, path: tuple[str, ...]) -> Reader:
        try:
            checks = list(text_checks(derived.shape))
        except NotColumnar:
            checks = [self.validators.check(derived)]
        if path == self.demands.identity:
            checks.append(Length(1, None))
        return text_reader(checks, allowed and _only(allowed, str))

    def array(self, derived: Derived, keys: Keys | None, path: tuple[str, ...]) -> ListReader:
        know(derived.shape, ARRAYS)
        if derived.element is None:
            raise NotColumnar(f"{path}: no element")
        element = self.value(derived.element, keys, (*path, "[]"))
        least = max([0, *map(int, derived.shape.values("minItems"))])
        most = min([MAX_ELEMENTS, *map(int, derived.shape.values("maxItems"))])
        comma = Literal(self.style.comma.encode())
        return ListReader(element, derived.element.nullable, comma, least, most)

    def _allowed(self, shape: Shape, path: tuple[str, ...]) -> list[Any] | None:
        allowed = allowed_values(shape)
        if path not in self.demands.equal:
            return allowed
        wanted = self.demands.equal[path]
        return [wanted] if allowed is None or wanted in allowed else []


def _scalar(derived: Derived, column: Scalar, allowed: list[Any] | None) -> Reader:
    match column:
        case Scalar.BOOLEAN:
            know(derived.shape, frozenset())
            wanted = [True, False] if allowed is None else _only(allowed, bool)
            return BooleanReader(frozenset(wanted))
        case Scalar.INT64:
            checks = list(number_checks(derived.shape))
            if allowed is not None:
                fitting = [n for n in _only(allowed, int) if INT64_MIN <= n <= INT64_MAX]
                checks.append(Among(tuple(fitting)))
            return IntegerReader(checks)
    if allowed is not None:
        raise NotColumnar("enum or const of a type that is not compared in columns")
    return _measure(derived, column)


def _measure(derived: Derived, column: Scalar) -> Reader:
    match column:
        case Scalar.FLOAT64:
            return FloatReader(list(number_checks(derived.shape)))
        case Scalar.TIMESTAMP if derived.unit is not None:
            limits = (-(-MIN_MICROSECONDS // derived.unit), MAX_MICROSECONDS // derived.unit)
            return IntegerReader(list(number_checks(derived.shape)), derived.unit, limits)
        case Scalar.TIMESTAMP:
            return TimeReader(list(text_checks(derived.shape, "date-time")))
        case Scalar.DATE:
            return DateReader(list(text_checks(derived.shape, "date")))
    raise NotColumnar(f"a column of {column}")


def _only(allowed: list[Any], kind: type) -> list[Any]:
    if any(type(value) is not kind for value in allowed):
        raise NotColumnar("enum or const of mixed types")
    return allowed


def _decimal(derived: Derived, column: Decimal) -> DecimalReader:
    types = derived.shape.types
    quoted = "string" in types
    if allowed_values(derived.shape) is not None or column.scale > _MAX_PRECISION:
        raise NotColumnar("enum, const or a long scale of decimals")
    return DecimalReader(
        column.precision,
        column.scale,
        quoted=quoted,
        integral="integer" in types,
        checks=[] if quoted else list(number_checks(derived.shape)),
        texts=list(text_checks(derived.shape)) if quoted else [],
    )
