"""The verdict on a record as the contract's words give it: strict JSON, then jsonschema-rs, no more.

It shares no code with the judge: records are read by the standard library's parser with every leniency
turned into a refusal, and the schema is compiled by jsonschema-rs as it stands.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

import jsonschema_rs

#: Codes of refusals for which the contract is not to blame: a column, or a rule of the stream.
NOT_OF_THE_CONTRACT = frozenset(
    [
        "VALUE_NOT_REPRESENTABLE",
        "INTEGER_OUT_OF_RANGE",
        "NUMBER_OUT_OF_RANGE",
        "EVENT_ID_MISSING",
        "UNKNOWN_EVENT_TYPE",
        "DEPTH_EXCEEDED",
    ]
)


class Reference:
    """Tells whether a record is strict JSON that the schema allows."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)

    def allows(self, data: bytes | None) -> bool:
        if data is None:
            return False
        try:
            value = strict_json(data)
        except (ValueError, RecursionError):
            return False
        return isinstance(value, dict) and self._validator.is_valid(value)


def strict_json(data: bytes) -> Any:
    """Read one JSON text in UTF-8.

    Raises:
        ValueError: it is none, or has a duplicate key, a constant such as NaN, or half a surrogate.
    """
    value = json.loads(
        data.decode("utf-8", "strict"),
        object_pairs_hook=_members,
        parse_constant=_constant,
        parse_float=Decimal,
    )
    _characters(value)
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a duplicate key")
    return dict(pairs)


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def _characters(value: Any) -> None:
    if isinstance(value, str):
        value.encode("utf-8", "strict")  # raises where half a surrogate was escaped
    elif isinstance(value, list):
        for item in value:
            _characters(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            _characters(name)
            _characters(item)
