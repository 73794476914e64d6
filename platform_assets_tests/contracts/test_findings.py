"""What fuzzing has found, each kept as a case of its own."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from contracts_for_tests import codes_of, judge, rule_of

from platform_assets.contracts.columnar.text import LEAD, PADDING, Cursor, Text

_TEXT_ID = {"type": "object", "properties": {"id": {"type": "string"}, "v": {"type": "integer"}}}


def test_an_empty_event_id_is_refused_also_amid_records_judged_in_columns() -> None:
    records = [f'{{"id":"e{number}","v":1}}'.encode() for number in range(100)]
    found = judge([rule_of(_TEXT_ID)], [*records, b'{"id":"","v":1}'])
    assert found.columnar == 100
    assert codes_of(found) == {100: [("EVENT_ID_MISSING", "/id")]}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "enum": [2**70, 7]},
        {"type": "integer", "enum": [2**70, -(2**64), 7, None]},
        {"type": "integer", "multipleOf": 2**70, "minimum": -1},
    ],
)
def test_a_contract_may_name_integers_of_more_than_64_bits(schema: dict[str, Any]) -> None:
    value = 0 if "multipleOf" in schema else 7
    rule = rule_of({"type": "object", "properties": {"id": {"type": "integer"}, "v": schema}})
    records = [json.dumps({"id": number, "v": value}).encode() for number in range(100)]
    found = judge([rule], [*records, b'{"id": 1, "v": 8}'])
    assert found.refused["_row"].to_list() == [100]


@pytest.mark.parametrize("columnar", [False, True])
def test_a_property_may_have_an_empty_name(columnar: bool) -> None:
    properties = {"id": {"type": "integer"}, "": {"type": "string"}}
    rule = rule_of({"type": "object", "properties": properties, "additionalProperties": False})
    records = [json.dumps({"id": number, "": "x"}).encode() for number in range(100)]
    found = judge([rule], records, _columnar=columnar)
    assert found.accepted["event"][""].to_list() == ["x"] * 100
    assert found.columnar == (100 if columnar else 0)


def test_records_that_each_leave_out_other_properties_share_one_layout() -> None:
    names = ["a", "b", "c", "d", "e"]
    kinds = {name: {"type": "integer"} for name in names}
    rule = rule_of({"type": "object", "properties": {"id": {"type": "integer"}, **kinds}})
    pairs = [(one, other) for at, one in enumerate(names) for other in names[at + 1 :]]
    records = [
        json.dumps({"id": number, **dict.fromkeys(pairs[-number % len(pairs)], number)}).encode()
        for number in range(200)
    ]
    found = judge([rule], records)
    assert (found.columnar, len(found.accepted["event"])) == (200, 200)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "pattern": "^[!-~]{3}$"}, "abc", 'a"b'),
        ({"type": "string", "pattern": r"^[a\"]{3}$"}, "aaa", 'a"a'),
        ({"enum": ['a"b', "abc"]}, "abc", 'a"b'),
        ({"enum": ["a\\b", "abc", "x" * 13]}, "abc", "a\\b"),
        ({"enum": ["a\tb", "abc"]}, "x" * 3, "a\tb"),
    ],
)
def test_what_json_writes_with_an_escape_is_not_accepted_raw(
    schema: dict[str, Any], good: str, bad: str
) -> None:
    rule = rule_of({"type": "object", "properties": {"id": {"type": "integer"}, "v": schema}})
    records = [f'{{"id":{number},"v":"{good}"}}'.encode() for number in range(100)]
    raw, escaped = f'{{"id":1,"v":"{bad}"}}'.encode(), json.dumps({"id": 1, "v": bad}).encode()
    found = judge([rule], [*records, raw, escaped])
    slow = judge([rule], [*records, raw, escaped], _columnar=False)
    assert found.refused.equals(slow.refused)
    assert 100 in found.refused["_row"]
    assert 101 not in found.refused["_row"]


def test_a_window_reads_the_bytes_of_any_position_up_to_the_end_of_the_data() -> None:
    data = np.zeros(LEAD + 101 + PADDING, dtype=np.uint8)
    data[LEAD : LEAD + 101] = np.arange(1, 102)
    text = Text(data, LEAD, LEAD + 101)
    at = np.arange(LEAD, LEAD + 102)
    cursor = Cursor(text, at, np.ones(len(at), dtype=np.bool_))
    for offset in range(150):
        expected = [
            int.from_bytes(data[p : p + 8].tobytes(), "little")
            for p in np.minimum(at + offset, text.last)
            if p + 8 <= len(data)
        ]
        words = cursor.words(offset)
        inside = at + offset <= text.last
        assert words[inside].tolist() == [e for e, i in zip(expected, inside, strict=True) if i]


@pytest.mark.parametrize(
    ("schema", "allowed"),
    [
        ({"type": ["string", "null"], "not": {"type": "null"}}, False),
        ({"type": ["string", "null"], "not": {"const": "b"}}, True),
        ({"anyOf": [{"type": "string", "not": {"const": "b"}}, {"type": "null"}]}, True),
        ({"type": ["string", "null"], "if": {"type": "null"}, "then": False}, False),
        ({"type": ["string", "null"], "allOf": [{"not": {"enum": [None, "b"]}}]}, False),
    ],
)
def test_null_meets_the_keywords_that_columns_do_not_know(
    schema: dict[str, Any], allowed: bool
) -> None:
    rule = rule_of({"type": "object", "properties": {"id": {"type": "integer"}, "v": schema}})
    good = [f'{{"id":{number},"v":"a{number}"}}'.encode() for number in range(100)]
    odd = [b'{"id":1,"v":null}', b'{"id":1,"v":"b"}', b'{"id":1,"v":1}', b'{"id":1}']
    found, slow = (judge([rule], good + odd, _columnar=way) for way in (True, False))
    assert found.refused.equals(slow.refused)
    assert found.accepted["event"].equals(slow.accepted["event"])
    assert (100 in found.accepted["event"]["_row"]) == allowed
    assert found.columnar >= (100 if allowed else 0)
