"""From a record's values to the values of its columns, without coercion.

Each column has one converter that is made once. It takes a value as strict reading gives it and returns
what the column holds, or says why the column cannot hold it. A missing property and a JSON null are
both null in the column; the landing keeps the difference.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Inexact, InvalidOperation
from decimal import Decimal as Number
from typing import TYPE_CHECKING, Any, NoReturn

from platform_assets.contracts.columns import ADDITIONAL_COLUMN, Decimal, ListOf, Scalar, Struct
from platform_assets.contracts.json_text import IntegerTooLarge, json_text
from platform_assets.contracts.reasons import Reason, ReasonCode, pointer

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets.contracts.derivation import Derived

    Converter = Callable[[Any], Any]

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Timestamps end where every engine's calendar does: years 1 to 9999.
MIN_MICROSECONDS = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
MAX_MICROSECONDS = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:)([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)
DECIMAL_TEXT = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"
_DECIMAL_TEXT = re.compile(DECIMAL_TEXT)
_MICRO_DIGITS = 6
_LONGEST_COMMON = len("YYYY-MM-DDThh:mm:ss.ffffffZ")
_MAX_DECIMAL_CHARACTERS = 100


class NotRepresentable(Exception):  # caught by the judge, never met by users
    """The column cannot hold the value. ``problems`` are (path, code, detail)."""

    def __init__(self, problems: list[tuple[tuple[str | int, ...], ReasonCode, str]]) -> None:
        super().__init__(problems)
        self.problems = problems

    def reasons(self) -> list[Reason]:
        """Return them as reasons."""
        return [Reason(pointer(*path), code, detail) for path, code, detail in self.problems]


def converter_of(derived: Derived) -> Converter:
    """Return the converter of a value that is not null."""
    match derived.type:
        case Struct():
            return _struct(derived)
        case ListOf():
            return _list(derived)
        case Decimal():
            return _decimal(derived.type)
        case Scalar.TIMESTAMP if derived.unit is not None:
            return _epoch(derived.unit)
        case Scalar():
            return _SCALARS[derived.type]


def _no(detail: str, code: ReasonCode = ReasonCode.VALUE_NOT_REPRESENTABLE) -> NotRepresentable:
    return NotRepresentable([((), code, detail)])


def _struct(derived: Derived) -> Converter:
    fields = [
        (name, converter_of(inner), inner.nullable or name not in derived.required)
        for name, inner in derived.fields
    ]
    declared = frozenset(name for name, _ in derived.fields)
    undeclared = _json if derived.additional else _nowhere

    def convert(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _no("no object")
        row: dict[str, Any] = {}
        problems = []
        for name, inner, nullable in fields:
            item = value.get(name)
            try:
                row[name] = None if item is None and nullable else inner(item)
            except NotRepresentable as error:
                problems += [((name, *path), code, text) for path, code, text in error.problems]
        if not value.keys() <= declared:
            rest = {name: item for name, item in value.items() if name not in declared}
            try:
                row[ADDITIONAL_COLUMN] = undeclared(rest)
            except NotRepresentable as error:
                problems += error.problems
        if problems:
            raise NotRepresentable(problems)
        return row

    return convert


def _list(derived: Derived) -> Converter:
    if derived.element is None:
        raise RuntimeError("a list column was derived without its element")
    element, nullable = converter_of(derived.element), derived.element.nullable

    def convert(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _no("no array")
        row: list[Any] = []
        problems = []
        for index, item in enumerate(value):
            try:
                row.append(None if item is None and nullable else element(item))
            except NotRepresentable as error:
                problems += [((index, *path), code, text) for path, code, text in error.problems]
        if problems:
            raise NotRepresentable(problems)
        return row

    return convert


def _decimal(column: Decimal) -> Converter:
    # With these traps, quantize either keeps the value exactly or raises.
    exact = Context(prec=column.precision, traps=[Inexact, InvalidOperation])
    unit = Number(1).scaleb(-column.scale)

    def convert(value: Any) -> Number:
        if type(value) is str:
            if len(value) > _MAX_DECIMAL_CHARACTERS or not _DECIMAL_TEXT.fullmatch(value):
                raise _no("no plain decimal number")
            value = Number(value)
        elif type(value) is int:
            value = Number(value)
        if type(value) is not Number:
            raise _no("no number")
        try:
            return value.quantize(unit, context=exact)
        except (Inexact, InvalidOperation):
            message = f"does not fit into decimal({column.precision},{column.scale})"
            raise _no(message) from None

    return convert


def _int64(value: Any) -> int:
    if type(value) is Number and value == value.to_integral_value():
        value = int(value)
    if type(value) is not int:
        raise _no("no integer")
    if not INT64_MIN <= value <= INT64_MAX:
        raise _no("beyond 64 bits", ReasonCode.INTEGER_OUT_OF_RANGE)
    return value


def _float64(value: Any) -> float:
    if type(value) is Number:
        return float(value)
    if type(value) is not int:
        raise _no("no number")
    try:
        nearest = float(value)
    except OverflowError:
        raise _no("beyond the doubles", ReasonCode.NUMBER_OUT_OF_RANGE) from None
    if nearest != value:
        raise _no("an integer that no double holds exactly")
    return nearest


def _string(value: Any) -> str:
    if type(value) is not str:
        raise _no("no string")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise _no("no boolean")
    return value


def _json(value: Any) -> str:
    if value is None:
        raise _no("null or absent")
    try:
        return json_text(value)
    except IntegerTooLarge as error:
        path = error.path
        code = ReasonCode.INTEGER_OUT_OF_RANGE
        raise NotRepresentable([(path, code, "beyond 64 bits")]) from None


def _nowhere(_value: Any) -> NoReturn:
    raise _no("undeclared properties")


def _date(value: Any) -> date:
    if type(value) is not str:
        raise _no("no date")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise _no("no date between the years 1 and 9999") from None


def _timestamp(value: Any) -> int:
    if type(value) is str and len(value) <= _LONGEST_COMMON and value[-1:] == "Z":
        try:  # the common form; whatever is odd about another is found below
            return (datetime.fromisoformat(value) - EPOCH) // _MICROSECOND
        except ValueError:
            pass
    match = DATE_TIME.fullmatch(value) if type(value) is str else None
    if match is None:
        raise _no("no date-time")
    day, minutes, seconds, fraction, offset = match.groups()
    digits = (fraction or "").rstrip("0")
    if len(digits) > _MICRO_DIGITS:
        raise _no("finer than a microsecond")
    if seconds == "60":
        raise _no("a leap second")
    text = f"{day}T{minutes}{seconds}.{digits:0<6}{offset or '+00:00'}"
    try:
        return _within((datetime.fromisoformat(text) - EPOCH) // _MICROSECOND)
    except ValueError:
        raise _no("no date-time between the years 1 and 9999") from None


def _epoch(unit: int) -> Converter:
    def convert(value: Any) -> int:
        return _within(_int64(value) * unit)

    return convert


def _within(microseconds: int) -> int:
    if not MIN_MICROSECONDS <= microseconds <= MAX_MICROSECONDS:
        raise _no("outside the years 1 to 9999")
    return microseconds


_SCALARS: dict[Scalar, Converter] = {
    Scalar.BOOLEAN: _boolean,
    Scalar.INT64: _int64,
    Scalar.FLOAT64: _float64,
    Scalar.STRING: _string,
    Scalar.TIMESTAMP: _timestamp,
    Scalar.DATE: _date,
    Scalar.JSON: _json,
}
