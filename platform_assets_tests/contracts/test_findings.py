"""What fuzzing has found, each kept as a case of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contracts_for_tests import codes_of, judge, rule_of

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
