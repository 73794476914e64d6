"""Each reason code is given to at least one record, and a record carries all of its reasons."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contracts_for_tests import RICH, codes_of, judge, rule_of

from platform_assets.contracts.reasons import ReasonCode, pointer

_GOOD: dict[str, Any] = {
    "id": "o1",
    "kind": "order",
    "at": "2024-02-29T12:00:00Z",
    "count": 1,
    "paid": True,
    "place": {"city": "Bonn"},
}
_RULE = rule_of(RICH, {("kind",): "order"})


def _with(**changes: Any) -> bytes:
    return json.dumps(_GOOD | changes).encode()


def _raw(old: str, new: str) -> bytes:
    return json.dumps(_GOOD).replace(old, new).encode()


def _without(name: str) -> bytes:
    return json.dumps({k: v for k, v in _GOOD.items() if k != name}).encode()


_CASES: list[tuple[bytes | None, list[tuple[str, str]]]] = [
    (None, [("NULL_VALUE", "")]),
    (b"", [("EMPTY_RECORD", "")]),
    (b" \r\n\t", [("EMPTY_RECORD", "")]),
    (b" " * 200_000, [("RECORD_TOO_LARGE", "")]),
    (b'{"id":"\xff"}', [("INVALID_UTF8", "")]),
    (b'{"id":"\xed\xa0\x80"}', [("INVALID_UTF8", "")]),
    (b"{", [("INVALID_JSON", "")]),
    (b"{}{}", [("INVALID_JSON", "")]),
    (b"\xef\xbb\xbf{}", [("INVALID_JSON", "")]),
    (b'{"id":"a\nb"}', [("INVALID_JSON", "")]),
    (b"{'id':1}", [("INVALID_JSON", "")]),
    (b"[" * 100_000, [("DEPTH_EXCEEDED", "")]),
    (b'{"a":' * 65 + b"1" + b"}" * 65, [("DEPTH_EXCEEDED", "")]),
    (_raw('"id": "o1"', '"id": "o1", "id": "o1"'), [("DUPLICATE_KEY", "/id")]),
    (_raw('{"city": "Bonn"}', '{"city": "a", "city": "b"}'), [("DUPLICATE_KEY", "/place/city")]),
    (_raw('"count": 1', '"count": NaN'), [("NON_FINITE_NUMBER", "/count")]),
    (_raw('"count": 1', '"count": -Infinity'), [("NON_FINITE_NUMBER", "/count")]),
    (_raw('"o1"', '"\\ud800"'), [("LONE_SURROGATE", "/id")]),
    (_raw('"o1"', '"\\udc00\\ud800"'), [("LONE_SURROGATE", "/id")]),
    (_with(big=2**63), [("INTEGER_OUT_OF_RANGE", "/big")]),
    (_raw('"count": 1', '"big": ' + "9" * 5000), [("INTEGER_OUT_OF_RANGE", "/big")]),
    (_raw('"count": 1', '"count": 1, "measure": 1e400'), [("NUMBER_OUT_OF_RANGE", "/measure")]),
    (_raw('"count": 1', '"count": 1, "measure": 1e-400'), [("NUMBER_OUT_OF_RANGE", "/measure")]),
    (_with(measure=10**400), [("NUMBER_OUT_OF_RANGE", "/measure")]),
    (b"[1]", [("NOT_AN_OBJECT", "")]),
    (b"null", [("NOT_AN_OBJECT", "")]),
    (_with(kind="refund"), [("UNKNOWN_EVENT_TYPE", "")]),
    (b"{}", [("UNKNOWN_EVENT_TYPE", "")]),
    (_without("paid"), [("MISSING_REQUIRED", "/paid")]),
    (_with(place={}), [("MISSING_REQUIRED", "/place/city")]),
    (_with(paid=1), [("WRONG_TYPE", "/paid")]),
    (_with(count=None), [("WRONG_TYPE", "/count")]),
    (_with(levels=[1, "2"]), [("WRONG_TYPE", "/levels/1")]),
    (_with(state="lost"), [("VALUE_NOT_ALLOWED", "/state")]),
    (_with(code="AB12-x"), [("PATTERN_MISMATCH", "/code")]),
    (_with(note="abcdef"), [("LENGTH_OUT_OF_RANGE", "/note")]),
    (_with(tags=["a"] * 4), [("LENGTH_OUT_OF_RANGE", "/tags")]),
    (_with(count=1000), [("VALUE_OUT_OF_RANGE", "/count")]),
    (_with(at="2023-02-29T12:00:00Z"), [("FORMAT_INVALID", "/at")]),
    (_with(day="2023-02-29"), [("FORMAT_INVALID", "/day")]),
    (_with(uuid="x"), [("FORMAT_INVALID", "/uuid")]),
    (_with(colour="red"), [("ADDITIONAL_PROPERTY", "/colour")]),
    (_with(maybe={"town": 1, "city": "x"}), [("ADDITIONAL_PROPERTY", "/maybe/town")]),
    (_raw('"count": 1', '"count": 1, "cents": 0.001'), [("CONTRACT_VIOLATION", "/cents")]),
    (_with(at="2024-02-29T12:00:00.0000001Z"), [("VALUE_NOT_REPRESENTABLE", "/at")]),
    (_with(at="2016-12-31T23:59:60Z"), [("VALUE_NOT_REPRESENTABLE", "/at")]),
    (_with(day="0000-01-01"), [("VALUE_NOT_REPRESENTABLE", "/day")]),
    (_with(epoch=2**60), [("VALUE_NOT_REPRESENTABLE", "/epoch")]),
    (_with(measure=2**53 + 1), [("VALUE_NOT_REPRESENTABLE", "/measure")]),
    (_with(id=""), [("EVENT_ID_MISSING", "/id"), ("LENGTH_OUT_OF_RANGE", "/id")]),
    (_without("id"), [("EVENT_ID_MISSING", "/id"), ("MISSING_REQUIRED", "/id")]),
]


@pytest.mark.parametrize(("record", "expected"), _CASES)
def test_a_bad_record_is_refused_for_its_reasons(
    record: bytes | None, expected: list[tuple[str, str]]
) -> None:
    verdicts = judge([_RULE], [record], max_record_bytes=150_000)
    assert codes_of(verdicts) == {0: expected}


def test_every_reason_code_has_a_record_here_and_a_meaning() -> None:
    seen = {code for _, expected in _CASES for code, _ in expected}
    # A payload mismatch takes two records of one identity; dedupe finds it.
    assert seen == {code.value for code in ReasonCode} - {"PAYLOAD_MISMATCH"}
    assert len({code.meaning for code in ReasonCode}) == len(ReasonCode)


def test_a_record_carries_all_its_reasons_in_the_order_of_places() -> None:
    record = _with(paid="yes", count=-9, note="too long", at="now", extra=1, big=2**70)
    assert codes_of(judge([_RULE], [record]))[0] == [
        ("FORMAT_INVALID", "/at"),
        ("INTEGER_OUT_OF_RANGE", "/big"),
        ("VALUE_OUT_OF_RANGE", "/count"),
        ("ADDITIONAL_PROPERTY", "/extra"),
        ("LENGTH_OUT_OF_RANGE", "/note"),
        ("WRONG_TYPE", "/paid"),
    ]


def test_two_faults_of_reading_are_both_reported() -> None:
    record = b'{"a":NaN,"b":1,"b":2,"c":"\\ud83d","d":[1e999]}'
    assert codes_of(judge([_RULE], [record]))[0] == [
        ("NON_FINITE_NUMBER", "/a"),
        ("DUPLICATE_KEY", "/b"),
        ("LONE_SURROGATE", "/c"),
        ("NUMBER_OUT_OF_RANGE", "/d/0"),
    ]


def test_no_detail_quotes_a_value_of_the_record() -> None:
    secret = "4929-0000-1111"  # noqa: S105  # planted, to be looked for
    changes: dict[str, Any] = dict.fromkeys(
        ("paid", "count", "state", "code", "at", "day", "note", "uuid"), secret
    )
    verdicts = judge([_RULE], [_with(**changes), _with(kind=secret)])
    assert secret not in str(verdicts.refused.rows())


@pytest.mark.parametrize(
    ("number", "kept"), [("1.0", 1), ("1e2", 100), ("-0", 0), ("-0.0", 0), ("5.00E+1", 50)]
)
def test_a_whole_number_in_another_form_is_kept_as_the_integer_it_is(
    number: str, kept: int
) -> None:
    verdicts = judge([_RULE], [_raw('"count": 1', f'"count": {number}')])
    assert verdicts.accepted["event"]["count"].to_list() == [kept]


def test_a_surrogate_pair_and_other_escapes_are_text() -> None:
    verdicts = judge([_RULE], [_raw('"o1"', '"\\ud83d\\ude00\\u0041"')])
    assert verdicts.accepted["event"]["_id"].to_list() == ["😀A"]


def test_huge_exponents_and_digit_strings_cost_no_time() -> None:
    numbers = ["1e999999999", "0e999999999", "1" + "0" * 3000, "0." + "1" * 100_000]
    records = [_raw('"count": 1', f'"count": {number}') for number in numbers]
    refused = codes_of(judge([_RULE], records))
    assert [refused[row][0][0] for row in (0, 2, 3)] == [
        "NUMBER_OUT_OF_RANGE",
        "INTEGER_OUT_OF_RANGE",
        "NUMBER_OUT_OF_RANGE",
    ]


def test_a_pointer_escapes_slash_and_tilde() -> None:
    assert pointer("a/b", "~", 0) == "/a~1b/~0/0"
