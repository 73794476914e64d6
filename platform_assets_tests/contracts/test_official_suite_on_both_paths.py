"""Every case of the official suite whose schema can be a contract, judged by both paths.

Each case is a batch of its own, of as many equal records as the columnar path wants to see. The verdict
has to be that of jsonschema-rs on the suite's own schema, and that is the suite's own verdict.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import jsonschema_rs
import polars as pl
import pytest
from test_official_suite import _ASSERTED, _FILES, _REFUSED, _SUITE, _remotes, _wrapped

from platform_assets.contracts.documents import BASE_URI
from platform_assets.contracts.judge import EventRule, StreamJudge
from platform_assets.contracts.registry import Contract
from platform_assets.errors import ContractInvalid
from platform_assets_tests.fuzz.reference import NOT_OF_THE_CONTRACT

_ROWS = 64
#: What came of the suite of October 2026; a change of these numbers has to be meant.
_LEAST_CASES, _LEAST_IN_COLUMNS = 2500, 200
#: Formats are optional in the suite, and jsonschema-rs is narrower in places; it is what counts.
_OPTIONAL = _SUITE / "tests" / "draft2020-12" / "optional" / "format"
_IN_COLUMNS = ("date", "date-time", "uuid", "email", "ipv4", "uri")
_FORMATS = [_OPTIONAL / f"{name}.json" for name in _IN_COLUMNS]
_TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


@pytest.mark.skipif(not _FILES, reason="the official suite is not beside the repository")
def test_the_official_suite_gets_one_verdict_from_both_paths_and_from_jsonschema_rs() -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for path in [*_FILES, *_FORMATS]:
        if path.name not in _ASSERTED:
            for group in json.loads(path.read_text()):
                wrong += _group(group, counts, by_the_suite=path not in _FORMATS)
    assert wrong == []
    print(dict(counts))  # noqa: T201  # shown with -s: how many cases went which way
    assert counts["cases"] >= _LEAST_CASES
    assert counts["in columns"] >= _LEAST_IN_COLUMNS


def _group(
    group: dict[str, Any], counts: Counter[str], *, by_the_suite: bool
) -> list[tuple[str, str]]:
    if not isinstance(group["schema"], dict):
        counts["not a contract"] += len(group["tests"])
        return []
    try:
        judges = {None: _judges(group["schema"], None)}
    except ContractInvalid:
        assert any(sign in json.dumps(group["schema"]) for sign in _REFUSED)
        counts["not a contract"] += len(group["tests"])
        return []
    direct = _direct(group["schema"])
    wrong = []
    for case in group["tests"]:
        # As it stands, and with the type that the value has: only what has a type has a column.
        kind = _TYPES[type(case["data"])]
        if kind not in judges:
            judges[kind] = _judges(group["schema"], kind)
        valid = direct.is_valid(case["data"])
        agreed = [_agree(case["data"], valid, judges[way], counts) for way in (None, kind)]
        if not all(agreed) or (by_the_suite and valid != case["valid"]):
            wrong.append((group["description"], case["description"]))
    return wrong


def _judges(schema: Any, kind: str | None) -> tuple[StreamJudge, StreamJudge]:
    documents = _wrapped(schema)
    value = {"$ref": "case.json", **({"type": kind} if kind else {})}
    event = {"type": "object", "properties": {"id": {"type": "integer"}, "v": value}}
    event["required"] = ["v"]
    documents |= {BASE_URI + "event.json": json.dumps(event)}
    contract = Contract.from_documents("event.json", documents)
    rules = [EventRule("event", contract, ("id",), {})]
    return StreamJudge(rules), StreamJudge(rules, _columnar=False)


def _direct(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Compile the suite's schema as it stands, with the suite's remote documents."""
    remotes = [(uri, json.loads(text)) for uri, text in _remotes().items()]
    return jsonschema_rs.Draft202012Validator(
        schema, registry=jsonschema_rs.Registry(remotes), validate_formats=True
    )


def _agree(
    data: Any, valid: bool, judges: tuple[StreamJudge, StreamJudge], counts: Counter[str]
) -> bool:
    value = json.dumps(data, ensure_ascii=False)
    records = [f'{{"id":{number},"v":{value}}}'.encode() for number in range(_ROWS)]
    series = pl.Series(records, dtype=pl.Binary)
    fast, slow = judges[0].judge(series), judges[1].judge(series[:1])
    alike = fast.refused[:1].equals(slow.refused)
    alike &= fast.accepted["event"][:1].equals(slow.accepted["event"])
    counts["cases"] += 1
    counts["in columns" if fast.columnar == _ROWS else "one by one"] += 1
    codes = {reason["code"] for reasons in fast.refused["reasons"] for reason in reasons}
    if codes & NOT_OF_THE_CONTRACT:
        counts["refused because the column cannot hold it"] += 1
        return alike and len(fast.refused) == _ROWS
    whole = len(fast.refused) in (0, _ROWS) and fast.columnar in (0, _ROWS)
    return alike and whole and fast.refused.is_empty() == valid
