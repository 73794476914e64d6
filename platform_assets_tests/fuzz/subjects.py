"""Contracts with good records of one layout each: what the fuzzer and the tests damage."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl
from polars.testing import assert_frame_equal

from platform_assets.contracts.judge import EventRule, StreamJudge
from platform_assets.contracts.registry import Contract
from platform_assets_tests.fuzz.reference import NOT_OF_THE_CONTRACT, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from platform_assets.contracts.judge import Verdicts

#: Good records around the damaged ones: enough that a layout is learned and worth a walk.
GOOD = 64


@dataclass(frozen=True)
class Subject:
    """A contract, the rule of its event, and a way to write its good records."""

    name: str
    schema: dict[str, Any]
    good: Callable[[int], Any]
    when: Mapping[tuple[str, ...], str | int | bool] = field(default_factory=dict)
    separators: tuple[str, str] = (",", ":")
    id_path: tuple[str, ...] = ("id",)

    def record(self, number: int) -> bytes:
        """Write a good record."""
        value = self.good(number)
        return json.dumps(value, separators=self.separators, ensure_ascii=False).encode()

    @cached_property
    def _judges(self) -> tuple[StreamJudge, StreamJudge, Reference]:
        uri = "https://contracts.invalid/event.json"
        contract = Contract.from_documents("event.json", {uri: json.dumps(self.schema)})
        rules = [EventRule("event", contract, self.id_path, self.when)]
        return StreamJudge(rules), StreamJudge(rules, _columnar=False), Reference(self.schema)

    def judged(self, records: Sequence[bytes | None]) -> Verdicts:
        """Judge the records as they are."""
        return self._judges[0].judge(pl.Series(records, dtype=pl.Binary))

    def compare(self, records: Sequence[bytes | None], *, columnar: int = GOOD) -> Verdicts:
        """Judge the records among good ones, by both paths and by the reference; all must agree.

        ``columnar`` is how many of the good records the columnar path has to take at least.
        """
        mixed = [self.record(number) for number in range(GOOD // 2)]
        mixed += [*records, *(self.record(number) for number in range(GOOD // 2, GOOD))]
        fast, slow, reference = self._judges
        values = pl.Series(mixed, dtype=pl.Binary)
        found, explained = fast.judge(values), slow.judge(values)
        # 1. both paths: the same rows, to the last bit, and the same reasons
        assert_frame_equal(found.accepted["event"], explained.accepted["event"], check_exact=True)
        assert_frame_equal(found.refused, explained.refused)
        # 2. every record has one verdict, by one path
        assert found.columnar + found.one_by_one == len(mixed)
        assert found.columnar >= columnar, f"{found.columnar} of {len(mixed)} in columns"
        accepted = set(found.accepted["event"]["_row"])
        refused = {row: {r["code"] for r in why} for row, _, why in found.refused.rows()}
        assert accepted | refused.keys() == set(range(len(mixed)))
        assert len(found.accepted["event"]) + len(found.refused) == len(mixed)
        # 3. the reference: what it refuses is refused; what it allows, no contract refuses
        for row, record in enumerate(mixed):
            if row in accepted:
                assert reference.allows(record), record
            elif not refused[row] & NOT_OF_THE_CONTRACT:
                assert not reference.allows(record), (record, refused[row])
        return found


_PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "zip": {"type": ["integer", "null"]}},
    "required": ["city"],
    "additionalProperties": False,
}
_PAYMENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "type": {"const": "paid"},
        "account": {"type": "string", "pattern": "^a[0-9]{8}$"},
        "merchant": {
            "type": "object",
            "properties": {
                "mcc": {"type": "string", "pattern": "^[0-9]{4}$"},
                "country": {"enum": ["CH", "DE"]},
            },
            "required": ["mcc", "country"],
            "additionalProperties": False,
        },
        "minor": {"type": "integer", "minimum": 1, "maximum": 100_000_000},
        "amount": {
            "type": "string",
            "pattern": r"^(0|[1-9][0-9]{0,15})\.[0-9]{2}$",
            "x-column": "decimal(18,2)",
        },
        "at": {"type": "string", "format": "date-time"},
        "device": {"type": ["string", "null"], "maxLength": 64},
    },
    "required": ["id", "type", "account", "merchant", "minor", "amount", "at"],
    "additionalProperties": False,
}
_NUMBERS = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "ratio": {"type": "number", "minimum": -0.5, "exclusiveMaximum": 1.5},
        "free": {"type": "number"},
        "cents": {"type": "number", "multipleOf": 0.01, "maximum": 1e6},
        "fives": {"type": "integer", "multipleOf": 5},
        "epoch": {"type": "integer", "x-column": "timestamp[ms]"},
        "flag": {"type": "boolean"},
        "level": {"enum": [1, 2, 3, None]},
        "exact": {"type": "number", "x-column": "decimal(12,3)"},
    },
    "required": ["id", "ratio", "free"],
}
_NESTED = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 6},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 3},
        "levels": {"type": "array", "items": {"type": ["integer", "null"]}, "minItems": 1},
        "grid": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "lines": {"type": "array", "items": _PLACE},
        "maybe": {"anyOf": [_PLACE, {"type": "null"}]},
        "day": {"type": ["string", "null"], "format": "date"},
        "word": {"type": ["string", "null"], "not": {"enum": ["b", ""]}},
    },
    "required": ["id", "levels"],
    "additionalProperties": False,
}


def _payment(number: int) -> Any:
    return {
        "id": f"{number:08x}-9026-425b-8004-683368eb13ba",
        "type": "paid",
        "account": f"a{number:08d}",
        "merchant": {"mcc": f"{number % 10000:04d}", "country": ("CH", "DE")[number % 2]},
        "minor": number + 1,
        "amount": f"{number * 1.11:.2f}",
        "at": f"2026-01-{number % 28 + 1:02d}T{number % 24:02d}:00:00.{number % 1000:03d}Z",
        "device": None if number % 2 else f"fp-{number}",
    }


def _numbers(number: int) -> Any:
    record = {
        "id": number,
        "ratio": number % 15 / 10,
        "free": number * 0.125,
        "cents": number * 1.25,
        "fives": number * 5,
        "epoch": 1_700_000_000_000 + number,
        "flag": number % 2 == 0,
        "level": (1, 2, 3, None)[number % 4],
        "exact": number * 0.5,
    }
    return {name: value for name, value in record.items() if number % 7 or name != "flag"}


def _nested(number: int) -> Any:
    return {
        "id": f"n{number}",
        "tags": ["é", "b"][: number % 3],
        "levels": [None, 1, number][: number % 3 + 1],
        "grid": [[1, 2.5], [], [number]][: number % 4],
        "lines": [{"city": "Köln", "zip": None}, {"city": "Bonn", "zip": number}][: number % 3],
        "maybe": None if number % 3 else {"city": "x"},
        "day": f"2024-02-{number % 29 + 1:02d}",
        "word": None if number % 4 else f"w{number}",
    }


SUBJECTS = (
    Subject("payment", _PAYMENT, _payment, {("type",): "paid"}),
    Subject("numbers", _NUMBERS, _numbers),
    Subject("nested", _NESTED, _nested, separators=(", ", ": ")),
)
