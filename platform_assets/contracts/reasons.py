"""Why a record is quarantined.

A bad record carries every reason that was found, not the first. Reasons of reading (the bytes are no
strict JSON) end the examination, because what the record says is not known then; reasons of the
contract and of the columns are all collected. A detail never quotes a value of the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """The stable names of all reasons, as they stand in receipts, quarantine parts and reports."""

    NULL_VALUE = "NULL_VALUE"
    EMPTY_RECORD = "EMPTY_RECORD"
    RECORD_TOO_LARGE = "RECORD_TOO_LARGE"
    INVALID_UTF8 = "INVALID_UTF8"
    INVALID_JSON = "INVALID_JSON"
    DEPTH_EXCEEDED = "DEPTH_EXCEEDED"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    NON_FINITE_NUMBER = "NON_FINITE_NUMBER"
    LONE_SURROGATE = "LONE_SURROGATE"
    INTEGER_OUT_OF_RANGE = "INTEGER_OUT_OF_RANGE"
    NUMBER_OUT_OF_RANGE = "NUMBER_OUT_OF_RANGE"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    UNKNOWN_EVENT_TYPE = "UNKNOWN_EVENT_TYPE"
    MISSING_REQUIRED = "MISSING_REQUIRED"
    WRONG_TYPE = "WRONG_TYPE"
    VALUE_NOT_ALLOWED = "VALUE_NOT_ALLOWED"
    PATTERN_MISMATCH = "PATTERN_MISMATCH"
    LENGTH_OUT_OF_RANGE = "LENGTH_OUT_OF_RANGE"
    VALUE_OUT_OF_RANGE = "VALUE_OUT_OF_RANGE"
    FORMAT_INVALID = "FORMAT_INVALID"
    ADDITIONAL_PROPERTY = "ADDITIONAL_PROPERTY"
    CONTRACT_VIOLATION = "CONTRACT_VIOLATION"
    VALUE_NOT_REPRESENTABLE = "VALUE_NOT_REPRESENTABLE"
    EVENT_ID_MISSING = "EVENT_ID_MISSING"
    PAYLOAD_MISMATCH = "PAYLOAD_MISMATCH"

    @property
    def meaning(self) -> str:
        """What the code says about a record, in one sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    ReasonCode.NULL_VALUE: "The record has no value at all (a tombstone).",
    ReasonCode.EMPTY_RECORD: "The value is empty or holds nothing but white space.",
    ReasonCode.RECORD_TOO_LARGE: "The value has more bytes than the platform reads.",
    ReasonCode.INVALID_UTF8: "The bytes are not UTF-8.",
    ReasonCode.INVALID_JSON: "The text is not one JSON value and nothing else.",
    ReasonCode.DEPTH_EXCEEDED: "Objects and arrays are nested deeper than the limit.",
    ReasonCode.DUPLICATE_KEY: "An object has a key twice, so its value is ambiguous.",
    ReasonCode.NON_FINITE_NUMBER: "NaN or Infinity stands where JSON wants a number.",
    ReasonCode.LONE_SURROGATE: "A string escapes half of a surrogate pair, which is no character.",
    ReasonCode.INTEGER_OUT_OF_RANGE: "An integer does not fit into 64 bits.",
    ReasonCode.NUMBER_OUT_OF_RANGE: (
        "A number overflows, or underflows to zero, as an IEEE double, or is absurdly long."
    ),
    ReasonCode.NOT_AN_OBJECT: "The JSON value is not an object.",
    ReasonCode.UNKNOWN_EVENT_TYPE: "No event that the stream declares matches the record.",
    ReasonCode.MISSING_REQUIRED: "A property that the contract requires is absent.",
    ReasonCode.WRONG_TYPE: "A value has another JSON type than the contract declares.",
    ReasonCode.VALUE_NOT_ALLOWED: "A value is not among those of the contract's enum or const.",
    ReasonCode.PATTERN_MISMATCH: "A string does not match the contract's pattern.",
    ReasonCode.LENGTH_OUT_OF_RANGE: (
        "A string, array or object is shorter or longer than the contract allows."
    ),
    ReasonCode.VALUE_OUT_OF_RANGE: "A number is beyond the contract's minimum or maximum.",
    ReasonCode.FORMAT_INVALID: "A string is not of the format that the contract declares.",
    ReasonCode.ADDITIONAL_PROPERTY: "A property is not declared, and the contract allows no others.",
    ReasonCode.CONTRACT_VIOLATION: "The record breaks another keyword of the contract.",
    ReasonCode.VALUE_NOT_REPRESENTABLE: (
        "A value meets the contract, but its column cannot hold it without loss."
    ),
    ReasonCode.EVENT_ID_MISSING: "The event id is absent, null, empty, or no string or integer.",
    ReasonCode.PAYLOAD_MISMATCH: (
        "An event of the same identity with another payload was admitted before."
    ),
}


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """One reason: where in the record it was found, as a JSON pointer (empty for the whole)."""

    where: str
    code: ReasonCode
    detail: str = ""


def pointer(*steps: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of the steps from the root."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
