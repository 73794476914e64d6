"""Contracts are found, followed, rebuilt from their documents, or refused with file and line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from contracts_for_tests import RICH, contract_of, load, write_contract

from platform_assets.contracts.columns import Column, Decimal, ListOf, Scalar, Struct
from platform_assets.contracts.registry import Contract, ContractRegistry
from platform_assets.errors import ContractInvalid, UnknownThing

if TYPE_CHECKING:
    from pathlib import Path

_ID = {"id": {"type": "string"}}


def _event(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**_ID, **properties}, **more}


def _column(schema: Any, *, required: bool = True, **more: Any) -> Column:
    names = ["v"] if required else []
    return contract_of(_event({"v": schema}, required=names, **more)).columns[1]


# --- columns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, Scalar.INT64),
        ({"type": "number"}, Scalar.FLOAT64),
        ({"type": ["integer", "number"]}, Scalar.FLOAT64),
        ({"type": "number", "multipleOf": 0.01}, Decimal(38, 2)),
        ({"type": "number", "multipleOf": 1e-4}, Decimal(38, 4)),
        ({"type": "number", "multipleOf": 0.05}, Scalar.FLOAT64),
        ({"type": "string", "x-column": "decimal(12,3)"}, Decimal(12, 3)),
        ({"type": "number", "x-column": "decimal(38,38)"}, Decimal(38, 38)),
        ({"type": "integer", "x-column": "timestamp[ms]"}, Scalar.TIMESTAMP),
        ({"type": "string", "format": "date-time"}, Scalar.TIMESTAMP),
        ({"type": "string", "format": "date"}, Scalar.DATE),
        ({"type": "string", "format": "uuid"}, Scalar.STRING),
        ({"type": "boolean"}, Scalar.BOOLEAN),
        ({"enum": ["a", "b"]}, Scalar.STRING),
        ({"const": 7}, Scalar.INT64),
        ({"type": ["string", "integer"]}, Scalar.JSON),
        (True, Scalar.JSON),
        ({"type": "object"}, Scalar.JSON),
        ({"type": "array"}, Scalar.JSON),
        ({"type": "array", "items": {"type": "integer"}}, ListOf(Scalar.INT64)),
        ({"type": "array", "items": {"type": ["string", "null"]}}, ListOf(Scalar.STRING, True)),
        (
            {
                "type": "array",
                "prefixItems": [{"type": "number"}, {"type": "number"}],
                "items": False,
            },
            ListOf(Scalar.FLOAT64),
        ),
        ({"type": "array", "prefixItems": [{"type": "number"}]}, Scalar.JSON),
        ({"allOf": [{"type": "string"}, {"format": "date"}]}, Scalar.DATE),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, Scalar.JSON),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}},
                "additionalProperties": False,
            },
            Struct((Column("a", Scalar.INT64, nullable=True),)),
        ),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            Struct((Column("a", Scalar.INT64), Column("_additional", Scalar.JSON, nullable=True))),
        ),
    ],
)
def test_a_property_becomes_a_column_that_holds_it_exactly(schema: Any, expected: Any) -> None:
    assert _column(schema).type == expected


@pytest.mark.parametrize(
    ("schema", "required", "nullable"),
    [
        ({"type": "string"}, True, False),
        ({"type": "string"}, False, True),
        ({"type": ["string", "null"]}, True, True),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, True, True),
        ({"oneOf": [{"type": "null"}, {"type": "string"}]}, True, True),
        ({"enum": ["a", None]}, True, True),
        ({"allOf": [{"type": ["string", "null"]}, {"type": "string"}]}, True, False),
    ],
)
def test_a_column_is_nullable_where_null_or_absence_is_allowed(
    schema: Any, required: bool, nullable: bool
) -> None:
    column = _column(schema, required=required)
    assert (column.type, column.nullable) == (Scalar.STRING, nullable)


def test_a_schema_inside_itself_becomes_json_text_where_it_repeats() -> None:
    tree = {"type": "object", "properties": {"leaf": {"$ref": "#/$defs/tree"}}}
    column = _column({"$ref": "#/$defs/tree"}, **{"$defs": {"tree": tree}})
    assert isinstance(column.type, Struct)
    assert column.type.fields[0].type is Scalar.JSON


def test_columns_keep_the_order_of_declaration_through_a_stored_configuration() -> None:
    contract = contract_of(RICH)
    stored = json.loads(json.dumps(dict(contract.documents), sort_keys=True))
    again = Contract.from_documents(contract.ref, stored)
    assert again == contract
    assert [column.name for column in again.columns] == list(RICH["properties"])


# --- references --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own_id", "other_id", "reference"),
    [
        (None, None, "shared/money.json#/$defs/amount"),
        ("order.json", "money.json", "shared/money.json#/$defs/amount"),
        ("https://x.example/order.json", "https://x.example/shared/money.json",
         "shared/money.json#/$defs/amount"),
        ("https://x.example/a/order.json", "https://x.example/b/money.json",
         "../b/money.json#/$defs/amount"),
        ("https://x.example/order.json", None, "shared/money.json#/$defs/amount"),
        ("urn:example:order", "urn:example:money", "urn:example:money#/$defs/amount"),
        (None, None, "shared/money.json#named"),
    ],
)  # fmt: skip
def test_references_cross_files_whatever_the_ids(
    tmp_path: Path, own_id: str | None, other_id: str | None, reference: str
) -> None:
    amount = {"$anchor": "named", "type": "string", "x-column": "decimal(10,2)", "maxLength": 5}
    other: dict[str, Any] = {"$defs": {"amount": amount}}
    own = _event({"v": {"$ref": reference}})
    write_contract(tmp_path, "shared/money.json", other | ({"$id": other_id} if other_id else {}))
    write_contract(tmp_path, "order.json", own | ({"$id": own_id} if own_id else {}))
    contract = load(tmp_path, "order.json")
    for one in (contract, Contract.from_documents(contract.ref, contract.documents)):
        assert one.columns[1].type == Decimal(10, 2)
        assert one.validator.is_valid({"v": "1.00"})
        assert not one.validator.is_valid({"v": "1234567.00"})


def test_an_unresolved_reference_is_refused_with_its_line_and_nothing_is_fetched(
    tmp_path: Path,
) -> None:
    text = '{"type": "object",\n "properties": {\n  "v": {"$ref": "https://example.com/x.json"}}}'
    path = write_contract(tmp_path, "order.json", text)
    with pytest.raises(ContractInvalid, match=r"nothing is fetched") as error:
        load(tmp_path, "order.json")
    assert error.value.thing == f"{path}:3"


def test_a_broken_file_only_matters_to_those_that_need_it(tmp_path: Path) -> None:
    broken = write_contract(tmp_path, "broken.json", '{\n "type": "object",\n}')
    write_contract(tmp_path, "good.json", _event({}))
    registry = ContractRegistry.load([tmp_path])
    assert registry.contract("good.json").ref == "good.json"
    with pytest.raises(ContractInvalid) as error:
        registry.contract("broken.json")
    assert error.value.thing == f"{broken}:3"


def test_the_first_root_counts_and_an_unknown_name_lists_what_there_is(tmp_path: Path) -> None:
    write_contract(tmp_path / "a", "e.json", _event({"a": {"type": "string"}}))
    write_contract(tmp_path / "b", "e.json", _event({"b": {"type": "string"}}))
    registry = ContractRegistry.load([tmp_path / "a", tmp_path / "b"])
    assert [column.name for column in registry.contract("e.json").columns][:2] == ["id", "a"]
    with pytest.raises(UnknownThing, match=r"e\.json"):
        registry.contract("f.json")


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        write_contract(tmp_path, name, _event({}, **{"$id": "https://x.example/same.json"}))
    with pytest.raises(ContractInvalid, match=r"no other file has"):
        load(tmp_path, "a.json")


# --- mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('"v": {"type": "string", "nullable": true}', '"nullable"'),
        ('"v": {"type": "strng"}', "strng"),
        ('"v": {"type": "string", "patern": "x"}', '"patern"'),
        ('"v": {"type": "string", "pattern": "(("}', "(("),
        ('"v": {"type": "string", "format": "datetime"}', "datetime"),
        ('"v": {"type": "string", "x-column": "decimal(2,3)"}', "decimal(2,3)"),
        ('"v": {"type": "boolean", "x-column": "timestamp[ms]"}', "boolean"),
        ('"v": {"type": "integer", "minimum": "0"}', "'0'"),
        ('"v": {"$ref": "#/$defs/nothing"}', "nothing"),
        ('"v": {"$ref": "#/required"}', "required"),
        ('"v": {"type": "string"}, "v": {"type": "string"}', "twice"),
        ('"_offset": {"type": "integer"}', "_offset"),
        ('"_additional": {"type": "integer"}', "_additional"),
        ('"v": {"type": "object", "properties": {"_additional": {"type": "string"}}}', "it"),
        ('"v": {"type": "string", "$schema": 7}', "dialect"),
    ],
)
def test_a_mistake_is_refused_with_file_line_and_remedy(
    tmp_path: Path, line: str, found: str
) -> None:
    text = '{"type": "object",\n "required": [],\n "properties": {\n' + line + "\n}}"
    path = write_contract(tmp_path, "event.json", text)
    with pytest.raises(ContractInvalid) as error:
        load(tmp_path, "event.json")
    assert error.value.thing == f"{path}:4"
    assert found in error.value.found
    assert error.value.remedy


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": _event({})},
        {"type": ["object", "null"], "properties": _ID},
        {"properties": _ID},
        {"type": "object"},
        {"$schema": "http://json-schema.org/draft-07/schema#", **_event({})},
        [],
    ],
)
def test_what_describes_no_single_event_is_refused(tmp_path: Path, schema: Any) -> None:
    write_contract(tmp_path, "event.json", json.dumps(schema))
    with pytest.raises(ContractInvalid):
        load(tmp_path, "event.json")


def test_several_mistakes_are_reported_together(tmp_path: Path) -> None:
    text = '{"type": "object",\n"properties": {\n"a": {"type": "strng"},\n"b": {"minimum": "x"}}}'
    write_contract(tmp_path, "event.json", text)
    with pytest.raises(ContractInvalid, match=r"1 more: .*event\.json:4"):
        load(tmp_path, "event.json")
