"""The validator's errors as reasons.

Each error of the contract becomes one reason at its place in the record. A missing or an undeclared
property is named itself. "This or null" says what is wrong with this, unless the value is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.contracts.reasons import Reason, ReasonCode, pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import jsonschema_rs

_CODES = {
    "type": ReasonCode.WRONG_TYPE,
    "enum": ReasonCode.VALUE_NOT_ALLOWED,
    "const": ReasonCode.VALUE_NOT_ALLOWED,
    "pattern": ReasonCode.PATTERN_MISMATCH,
    "format": ReasonCode.FORMAT_INVALID,
    "minimum": ReasonCode.VALUE_OUT_OF_RANGE,
    "maximum": ReasonCode.VALUE_OUT_OF_RANGE,
    "exclusiveMinimum": ReasonCode.VALUE_OUT_OF_RANGE,
    "exclusiveMaximum": ReasonCode.VALUE_OUT_OF_RANGE,
    "minLength": ReasonCode.LENGTH_OUT_OF_RANGE,
    "maxLength": ReasonCode.LENGTH_OUT_OF_RANGE,
    "minItems": ReasonCode.LENGTH_OUT_OF_RANGE,
    "maxItems": ReasonCode.LENGTH_OUT_OF_RANGE,
    "minProperties": ReasonCode.LENGTH_OUT_OF_RANGE,
    "maxProperties": ReasonCode.LENGTH_OUT_OF_RANGE,
}
_UNDECLARED = ("additionalProperties", "unevaluatedProperties")
_BRANCHES = ("anyOf", "oneOf")


def violations(validator: jsonschema_rs.Draft202012Validator, value: Any) -> list[Reason]:
    """Return every reason why the value does not meet the contract; none if it does."""
    if validator.is_valid(value):
        return []
    found = {reason for error in validator.iter_errors(value) for reason in _reasons(error)}
    return sorted(found)


def _reasons(error: jsonschema_rs.ValidationError) -> Iterator[Reason]:
    kind = error.kind.name
    path = error.instance_path
    if kind == "required":
        name = error.kind.as_dict()["property"]
        yield Reason(pointer(*path, name), ReasonCode.MISSING_REQUIRED, "the contract requires it")
    elif kind in _UNDECLARED:
        for name in error.kind.as_dict()["unexpected"]:
            where = pointer(*path, name)
            yield Reason(where, ReasonCode.ADDITIONAL_PROPERTY, "the contract does not declare it")
    elif kind in _BRANCHES and (branch := _other_than_null(error)) is not None:
        for inner in branch:
            yield from _reasons(inner)
    else:
        code = _CODES.get(kind, ReasonCode.CONTRACT_VIOLATION)
        yield Reason(pointer(*path), code, error.message)


def _other_than_null(
    error: jsonschema_rs.ValidationError,
) -> list[jsonschema_rs.ValidationError] | None:
    branches = error.kind.as_dict().get("context", [])
    others = [branch for branch in branches if not _wants_null(branch, error.instance_path)]
    return others[0] if len(branches) == len(others) + 1 == 2 else None  # noqa: PLR2004  # X, null


def _wants_null(branch: list[jsonschema_rs.ValidationError], path: list[str | int]) -> bool:
    return (
        len(branch) == 1
        and branch[0].kind.name == "type"
        and branch[0].kind.as_dict()["types"] == ["null"]
        and branch[0].instance_path == path
    )
