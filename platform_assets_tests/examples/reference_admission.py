"""Admission once more, in plain Python: json, jsonschema and dictionaries, one record at a time.

It shares no code with the platform and none with the generator. What it says about a log must be what
the generator's ledger says.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMAS = Path(__file__).parents[2] / "schemas" / "events"
MAX_DEPTH = 100
_KEYWORDS = {
    "required": "MISSING_REQUIRED",
    "type": "WRONG_TYPE",
    "enum": "VALUE_NOT_ALLOWED",
    "const": "VALUE_NOT_ALLOWED",
    "pattern": "PATTERN_MISMATCH",
    "minLength": "LENGTH_OUT_OF_RANGE",
    "maxLength": "LENGTH_OUT_OF_RANGE",
    "minimum": "VALUE_OUT_OF_RANGE",
    "maximum": "VALUE_OUT_OF_RANGE",
    "format": "FORMAT_INVALID",
    "additionalProperties": "ADDITIONAL_PROPERTY",
}
FORMATS = FormatChecker(formats=())
Log = dict[str, list[bytes]]


@FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    try:
        return not isinstance(value, str) or str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


@FORMATS.checks("date-time")
def _is_moment(value: object) -> bool:
    if not isinstance(value, str):
        return True
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", value)
    try:
        return match is not None and bool(dt.datetime.fromisoformat(match[1] + match[3]))
    except ValueError:
        return False


class Bad(Exception):
    """Reading ends with this code."""


@dataclass
class Counts:
    """Delivered, admitted, duplicate, quarantined; and codes, one per record that carries it."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    admitted: Counter[str] = field(default_factory=Counter)


def read_topic(folder: Path) -> Log:
    """Return the records of each partition, without line ends."""
    partitions: Log = {}
    for partition in sorted(folder.iterdir(), key=lambda path: int(path.name)):
        records: list[bytes] = []
        for segment in sorted(partition.iterdir()):
            assert int(segment.name.split(".")[0]) == len(records)
            data = segment.read_bytes()
            if segment.suffix == ".zst":
                data = zstandard.ZstdDecompressor().decompress(data)
            assert data.endswith(b"\n")
            records += [line.removesuffix(b"\r") for line in data[:-1].split(b"\n")]
        partitions[partition.name] = records
    return partitions


def validator(contract: str) -> Draft202012Validator:
    """Return a validator of a contract, with every schema of the folder at hand."""
    documents = [json.loads(path.read_text()) for path in SCHEMAS.rglob("*.json")]
    registry = Registry().with_resources(
        (document["$id"], Resource.from_contents(document)) for document in documents
    )
    schema = json.loads((SCHEMAS / contract).read_text())
    return Draft202012Validator(schema, registry=registry, format_checker=FORMATS)


def judge(value: bytes, validators: Mapping[str, Draft202012Validator]) -> Any:
    """Return the event as an object, or the set of codes against it."""
    try:
        event = _strict(value)
    except Bad as bad:
        return {str(bad)}
    kind = event.get("type")
    if kind not in validators:
        return {"UNKNOWN_EVENT_TYPE"}
    codes = {_KEYWORDS[error.validator] for error in validators[kind].iter_errors(event)}
    if not (isinstance(event.get("event_id"), str) and event["event_id"]):
        codes.add("EVENT_ID_MISSING")
    if type(event.get("amount_minor")) is int and abs(event["amount_minor"]) >= 2**63:
        codes.add("INTEGER_OUT_OF_RANGE")
    if _is_moment(event.get("occurred_at")) and re.search(
        r"\.\d{6}0*[1-9]", event.get("occurred_at", "")
    ):
        codes.add("VALUE_NOT_REPRESENTABLE")
    return codes or event


def admit(
    judged: Mapping[str, Mapping[str, list[Any]]],
    cut: Callable[[dict[tuple[str, str], int]], dict[tuple[str, str], int]],
    horizon: int,
) -> tuple[dict[tuple[str, str], Counts], int]:
    """Admit run after run, and return the counts of each partition and the number of runs.

    Args:
        judged: stream -> partition -> what `judge` returned.
        cut: given how many records wait in each partition, how many the next run takes.
        horizon: for how many runs an admitted identity is remembered.
    """
    logs = {
        (s, p): records for s, partitions in judged.items() for p, records in partitions.items()
    }
    position = dict.fromkeys(logs, 0)
    seen: dict[tuple[str, str], tuple[int, Any]] = {}
    counts: dict[tuple[str, str], Counts] = defaultdict(Counts)
    run = 0
    while waiting := {
        key: len(logs[key]) - at for key, at in position.items() if len(logs[key]) - at
    }:
        run += 1
        taken = cut(waiting)
        assert sum(taken.values()) > 0
        for key in sorted(taken, key=lambda key: (key[0], int(key[1]))):
            start = position[key]
            position[key] = start + taken[key]
            for verdict in logs[key][start : position[key]]:
                _settle(verdict, seen, counts[key], run, horizon)
    return counts, run


def _settle(
    verdict: Any, seen: dict[Any, tuple[int, Any]], counts: Counts, run: int, horizon: int
) -> None:
    counts.outcomes["delivered"] += 1
    if isinstance(verdict, set):
        counts.outcomes["quarantined"] += 1
        counts.reasons.update(verdict)
        return
    identity = (verdict["type"], verdict["event_id"])
    first = seen.get(identity)
    if first is None or run - first[0] > horizon:
        seen[identity] = (run, verdict)
        counts.outcomes["admitted"] += 1
        counts.admitted[verdict["type"]] += 1
    elif first[1] == verdict:
        counts.outcomes["duplicate"] += 1
    else:
        counts.outcomes["quarantined"] += 1
        counts.reasons["PAYLOAD_MISMATCH"] += 1


def _strict(value: bytes) -> dict[str, Any]:
    if not value.strip():
        raise Bad("EMPTY_RECORD")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Bad("INVALID_UTF8") from error
    if _depth(text) > MAX_DEPTH:
        raise Bad("DEPTH_EXCEEDED")
    try:
        parsed = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_number
        )
    except ValueError as error:
        raise Bad("INVALID_JSON") from error
    if re.search("[\ud800-\udfff]", json.dumps(parsed, ensure_ascii=False)):
        raise Bad("LONE_SURROGATE")
    if not isinstance(parsed, dict):
        raise Bad("NOT_AN_OBJECT")
    return parsed


def _depth(text: str) -> int:
    deepest = depth = 0
    for bracket in re.findall(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise Bad("DUPLICATE_KEY")
    return dict(pairs)


def _constant(_: str) -> float:
    raise Bad("NON_FINITE_NUMBER")


def _number(text: str) -> float:
    if float(text) in {float("inf"), float("-inf")}:
        raise Bad("NUMBER_OUT_OF_RANGE")
    return float(text)
