"""Contracts and judges that the tests of this folder share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.contracts.judge import EventRule, StreamJudge, Verdicts
from platform_assets.contracts.registry import Contract, ContractRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

RICH: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 12},
        "kind": {"const": "order"},
        "at": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "epoch": {"type": "integer", "x-column": "timestamp[ms]"},
        "count": {"type": "integer", "minimum": -5, "exclusiveMaximum": 1000},
        "big": {"type": "integer"},
        "ratio": {"type": "number", "minimum": 0, "maximum": 1.5},
        "measure": {"type": "number"},
        "cents": {"type": "number", "multipleOf": 0.01},
        "price": {
            "type": "string",
            "pattern": r"^-?[0-9]{1,9}\.[0-9]{2}$",
            "x-column": "decimal(12,2)",
        },
        "paid": {"type": "boolean"},
        "state": {"enum": ["new", "shipped", None]},
        "code": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}-x$"},
        "uuid": {"type": "string", "format": "uuid"},
        "note": {"type": ["string", "null"], "maxLength": 5},
        "place": {"$ref": "#/$defs/place"},
        "maybe": {"anyOf": [{"$ref": "#/$defs/place"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 3},
        "levels": {"type": "array", "items": {"type": ["integer", "null"]}},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    },
    "required": ["id", "kind", "at", "count", "paid", "place"],
    "additionalProperties": False,
    "$defs": {
        "place": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "zip": {"type": ["integer", "null"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "line": {
            "type": "object",
            "properties": {"sku": {"type": "string"}, "n": {"type": "integer", "minimum": 1}},
            "required": ["sku", "n"],
        },
    },
}


def write_contract(root: Path, ref: str, schema: Mapping[str, Any] | str) -> Path:
    path = root / ref
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema if isinstance(schema, str) else json.dumps(schema, indent=1))
    return path


def contract_of(schema: Mapping[str, Any], ref: str = "event.v1.json") -> Contract:
    text = json.dumps(schema)
    return Contract.from_documents(ref, {"https://contracts.invalid/" + ref: text})


def load(root: Path, ref: str) -> Contract:
    return ContractRegistry.load([root]).contract(ref)


def rule_of(
    schema: Mapping[str, Any],
    when: Mapping[tuple[str, ...], str | int | bool] | None = None,
    name: str = "event",
    id_path: tuple[str, ...] = ("id",),
) -> EventRule:
    return EventRule(name, contract_of(schema), id_path, when or {})


def judge(rules: Sequence[EventRule], records: Sequence[bytes | None], **options: Any) -> Verdicts:
    return StreamJudge(rules, **options).judge(pl.Series(records, dtype=pl.Binary))


def codes_of(verdicts: Verdicts) -> dict[int, list[tuple[str, str]]]:
    return {
        row: [(reason["code"], reason["where"]) for reason in reasons]
        for row, _, reasons in verdicts.refused.rows()
    }
