"""The official JSON Schema test suite, run through our registry of documents and our validator.

The suite lies beside the repository, in ``../shared/data``; where it does not, the tests say so.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from platform_assets.contracts.documents import BASE_URI, Library, SchemaDocument
from platform_assets.contracts.registry import Contract
from platform_assets.errors import ContractInvalid

_ROOT = Path(__file__).parents[2]
_SUITE = _ROOT.parent / "shared" / "data" / "json-schema-test-suite"
_FILES = sorted((_SUITE / "tests" / "draft2020-12").glob("*.json"))

#: The suite asks that formats are annotations only; we assert them.
_ASSERTED = {"format.json"}
#: What we refuse on purpose: moving references, the meta-schema as an event, other dialects.
_REFUSED = (
    "$dynamicRef",
    "$dynamicAnchor",
    "dynamicref.json",
    '"$ref": "https://json-schema.org/draft/2020-12/schema"',
    "metaschema",
)


@cache
def _remotes() -> dict[str, str]:
    folder = _SUITE / "remotes"
    found = {}
    for path in sorted(folder.rglob("*.json")):
        uri = f"http://localhost:1234/{path.relative_to(folder).as_posix()}"
        try:
            SchemaDocument.read(uri, uri, path.read_text())
        except ContractInvalid:
            continue  # of another draft
        if not any(sign in path.read_text() for sign in ("$dynamicRef", "$vocabulary")):
            found[uri] = path.read_text()
    return found


def _wrapped(schema: Any) -> dict[str, str]:
    """Return documents in which an event's property ``v`` has the schema of the suite."""
    event = {"type": "object", "properties": {"v": {"$ref": "case.json"}}, "required": ["v"]}
    case = json.dumps(schema)
    remotes = _remotes() if "localhost:1234" in case else {}
    return {BASE_URI + "event.json": json.dumps(event), BASE_URI + "case.json": case, **remotes}


@pytest.mark.skipif(
    not _FILES, reason=f"the official suite is not at {_SUITE.name} beside the repo"
)
@pytest.mark.parametrize(
    "path",
    [path for path in _FILES if path.name not in _ASSERTED],
    ids=lambda p: p.stem,
)
def test_the_validator_meets_the_official_suite(path: Path) -> None:
    wrong = []
    for group in json.loads(path.read_text()):
        if not isinstance(group["schema"], dict):
            continue  # a whole document that is only true or false is no contract
        try:
            contract = Contract.from_documents("event.json", _wrapped(group["schema"]))
        except ContractInvalid:
            assert any(sign in json.dumps(group["schema"]) for sign in _REFUSED)
            continue
        for case in group["tests"]:
            if contract.validator.is_valid({"v": case["data"]}) != case["valid"]:
                wrong.append((group["description"], case["description"]))  # noqa: PERF401  # read on
    assert wrong == []


def test_documents_that_the_suite_reaches_by_url_are_never_fetched() -> None:
    document = SchemaDocument.read(
        BASE_URI + "a.json", "a.json", '{"$ref": "http://localhost:1234/integer.json"}'
    )
    library = Library({document.uri: document})
    with pytest.raises(ContractInvalid, match=r"nothing is fetched"):
        library.follow(library.root(document))
