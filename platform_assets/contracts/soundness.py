"""Whether a schema file can be used as a contract.

A contract is JSON Schema Draft 2020-12 and valid under its meta-schema. What the standard ignores
silently but an author certainly meant is a mistake here: OpenAPI's ``nullable``, a format that nobody
can check, a pattern that does not compile, a keyword that is one slip away from a real one. All
findings of a file are reported together, each with its line.
"""

from __future__ import annotations

from difflib import get_close_matches
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

from platform_assets.contracts.reasons import pointer
from platform_assets.errors import ContractInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.contracts.documents import Place

FORMATS = frozenset(
    [
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "iri-reference",
        "uri-template",
        "json-pointer",
        "relative-json-pointer",
        "regex",
        "uuid",
    ]
)

KEYWORDS = frozenset(
    [
        "$schema",
        "$id",
        "$ref",
        "$anchor",
        "$dynamicRef",
        "$dynamicAnchor",
        "$vocabulary",
        "$comment",
        "$defs",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "dependentSchemas",
        "prefixItems",
        "items",
        "contains",
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
        "type",
        "enum",
        "const",
        "multipleOf",
        "maximum",
        "exclusiveMaximum",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "minLength",
        "pattern",
        "maxItems",
        "minItems",
        "uniqueItems",
        "maxContains",
        "minContains",
        "maxProperties",
        "minProperties",
        "required",
        "dependentRequired",
        "title",
        "description",
        "default",
        "deprecated",
        "readOnly",
        "writeOnly",
        "examples",
        "format",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "definitions",
        "dependencies",
        "x-column",
    ]
)

#: Keywords of older drafts and of OpenAPI that Draft 2020-12 ignores, with what to write instead.
_IGNORED = {
    "nullable": 'Write "type": ["…", "null"] instead.',
    "additionalItems": 'Write "items" after "prefixItems" instead.',
    "$recursiveRef": 'Write "$dynamicRef" instead.',
    "id": 'Write "$id" instead.',
}
_SHOWN = 5
# Hashes of documents that were found to be schemas: a home is opened several times in a Dagster run,
# and to look at its contracts each time would take a fifth of a small one.
_schemas: set[bytes] = set()


def check_soundness(root: Place) -> None:
    """Refuse a document that cannot be used as a contract.

    Raises:
        ContractInvalid: with file and line, and the first five findings.
    """
    findings = list(_meta_findings(root)) or [
        finding for place in root.everything() for finding in _findings(place)
    ]
    if not findings:
        return
    findings.sort(key=lambda finding: int(finding.thing.rpartition(":")[2]))
    first = findings[0]
    if len(findings) == 1:
        raise first
    others = "; ".join(f"{other.thing}: {other.found}" for other in findings[1:_SHOWN])
    raise ContractInvalid(
        first.thing,
        expected=first.expected,
        found=f"{first.found} (and {len(findings) - 1} more: {others})",
        remedy=first.remedy,
    )


def _meta_findings(root: Place) -> Iterator[ContractInvalid]:
    text = sha256(repr(root.schema).encode()).digest()
    if text in _schemas:
        return
    validator = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    errors = list(validator.iter_errors(root.schema))
    if not errors:
        _schemas.add(text)
    for error in errors:
        closest = best_match([error]) or error
        yield root.document.error(
            pointer(*closest.absolute_path),
            expected="a valid JSON Schema Draft 2020-12",
            found=closest.message[:300],
            remedy="Correct the keyword on this line.",
        )


def _findings(place: Place) -> Iterator[ContractInvalid]:
    if not isinstance(place.schema, dict):
        return
    for keyword, value in place.schema.items():
        if keyword not in KEYWORDS:
            yield from _unknown_keyword(place, keyword)
        elif keyword == "format" and value not in FORMATS:
            yield place.error(
                keyword,
                expected="a format that can be checked: " + ", ".join(sorted(FORMATS)),
                found=repr(value),
                remedy="Use one of them, or say the same with a pattern.",
            )
        elif keyword == "$dynamicRef":
            yield place.error(
                keyword,
                expected="references with one meaning",
                found=f"$dynamicRef {value!r}, whose target depends on the way there",
                remedy='Write "$ref" instead.',
            )
        elif keyword == "pattern":
            yield from _pattern(place, (keyword,), value)
        elif keyword == "patternProperties":
            for pattern in value:
                yield from _pattern(place, (keyword, pattern), pattern)


def _unknown_keyword(place: Place, keyword: str) -> Iterator[ContractInvalid]:
    remedy = _IGNORED.get(keyword)
    if remedy is None and not keyword.startswith("x-"):
        close = get_close_matches(keyword, KEYWORDS, n=1, cutoff=0.85)
        remedy = f'Write "{close[0]}", or rename it to "x-{keyword}".' if close else None
    if remedy is not None:
        yield place.error(
            keyword,
            expected="keywords of JSON Schema Draft 2020-12",
            found=f'"{keyword}", which validators ignore without a word',
            remedy=remedy,
        )


def _pattern(place: Place, steps: tuple[str, ...], pattern: Any) -> Iterator[ContractInvalid]:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern})
    except jsonschema_rs.ValidationError as error:
        yield place.document.error(
            place.where + pointer(*steps),
            expected="a regular expression of ECMA 262",
            found=f"{pattern!r}: {error.message}",
            remedy="Correct the pattern.",
        )
