"""What is wrong with a declaration, said for whoever wrote the YAML.

Each mistake names its line, the key as it stands in the file, what is wrong, and what was probably
meant. Alternatives at one place, as pydantic reports them for a union, are said once.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel, ValidationError

from platform_assets.declarations.checks import CHECK_KINDS
from platform_assets.declarations.feed import FeedDeclaration
from platform_assets.errors import DeclarationInvalid
from platform_assets.identifiers import NAME_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from platform_assets.declarations.yaml_positions import PositionedYaml
    from platform_assets.errors import ConfigurationError

    Location = tuple[str | int, ...]

_REMEDY = "Correct these lines, then check again: dg check defs, or platform-assets feeds."
_LONGEST = 80
_NEAR = 0.55


def invalid(document: PositionedYaml, error: ValidationError) -> DeclarationInvalid:
    """Return the error that lists every mistake which pydantic found in a feed."""
    lines = found_by(error, document, FeedDeclaration, below=("attributes",))
    return _error(document, "a valid feed declaration", lines)


def found_by(
    error: ValidationError, document: PositionedYaml, model: type[BaseModel], below: Location = ()
) -> list[tuple[int, str]]:
    """Return line and text of every mistake which pydantic found in a part of a document."""
    said: dict[tuple[int, str], list[str]] = {}
    for detail in error.errors():
        line, name = _place(document, detail, below)
        texts = said.setdefault((line, name), [])
        texts += [text for text in [_text(detail, model)] if text not in texts]
    return [(line, f"{name} {' or '.join(texts)}") for (line, name), texts in said.items()]


def problems_at(document: PositionedYaml, problems: Mapping[Location, str]) -> DeclarationInvalid:
    """Return the error for mistakes that were found after parsing, each at its line."""
    lines = [
        (document.trace(("attributes", *at))[0], f"{dotted(at)}: {text}")
        for at, text in problems.items()
    ]
    return _error(document, "a declaration that fits its contracts and functions", lines)


def all_of(errors: Sequence[ConfigurationError]) -> ConfigurationError:
    """Return one error that lists the findings of all; of one, that one."""
    first, *more = errors
    if not more:
        return first
    findings = [
        finding
        for error in errors
        for finding in (error.findings or (f"{error.thing}: {error.found}",))
    ]
    return type(first)(first.thing, expected=first.expected, found=findings, remedy=first.remedy)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` where one of the known words is near, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=_NEAR)
    return f"; did you mean {near[0]}?" if near else ""


def dotted(steps: Sequence[str | int]) -> str:
    """Return a location as it is read: ``products.orders.checks[2].column``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".") or "attributes"


def _error(
    document: PositionedYaml, expected: str, lines: Sequence[tuple[int, str]]
) -> DeclarationInvalid:
    ordered = sorted(lines, key=lambda item: item[0])
    return DeclarationInvalid(
        f"{document.path}:{ordered[0][0]}",
        expected=expected,
        found=[f"{document.path}:{line}: {text}" for line, text in ordered],
        remedy=_REMEDY,
    )


def _place(document: PositionedYaml, detail: ErrorDetails, below: Location) -> tuple[int, str]:
    location = detail["loc"]
    if detail["type"].startswith("union_tag"):
        location = (*location, "check")
    line, steps = document.trace((*below, *location))
    if detail["type"] in ("missing", "union_tag_not_found"):
        steps.append(location[-1])
    return line, dotted(steps[len(below) :])


def _text(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, given = detail["type"], _short(detail["input"])
    if kind == "extra_forbidden":
        *above, key = detail["loc"]
        known = sorted(set(_keys_at(model, above)))
        near = suggestion(str(key), known)
        return f"is no known key{near or '; known here: ' + ', '.join(known)}"
    if kind in _SAID:
        return _SAID[kind](detail)
    if detail["loc"][-1:] == ("[key]",):
        return f"has the key {given}, which should be text; write it in quotes"
    return f"{detail['msg'].removeprefix('Input ')}, found {given}"


def _unknown_check(detail: ErrorDetails) -> str:
    tag = detail["ctx"]["tag"]
    near = suggestion(tag, CHECK_KINDS)
    return f"{tag!r} is no check{near or '; there are ' + ', '.join(CHECK_KINDS)}"


def _pattern(detail: ErrorDetails) -> str:
    is_name = NAME_PATTERN in detail["ctx"]["pattern"]
    rule = "1 to 63 of a-z, 0-9 and _, beginning with a letter" if is_name else "module:function"
    return f"should be {rule}, found {_short(detail['input'])}"


_SAID: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "is missing",
    "union_tag_not_found": lambda _: "is missing",
    "union_tag_invalid": _unknown_check,
    "reference": lambda detail: str(detail["ctx"]["text"]),
    "value_error": lambda detail: f"is wrong: {detail['ctx']['error']}",
    "too_short": lambda _: "is empty; at least one is needed",
    "string_pattern_mismatch": _pattern,
}


def _keys_at(annotation: object, steps: Sequence[str | int]) -> Iterator[str]:
    """Return the keys of whatever may stand at a location of a declaration."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        if not steps:
            yield from fields
        elif steps[0] in fields:
            yield from _keys_at(fields[str(steps[0])].annotation, steps[1:])
        elif "check" in fields and steps[0] in get_args(fields["check"].annotation):
            yield from _keys_at(annotation, steps[1:])
        return
    inside = get_args(annotation)
    if _goes_inside(annotation):
        yield from _keys_at(inside[-1] if inside[-1] is not ... else inside[0], steps[1:])
        return
    for choice in inside:
        yield from _keys_at(choice, steps)


def _goes_inside(annotation: object) -> bool:
    """Tell whether the next step of a location goes into a mapping or a list."""
    return getattr(annotation, "__origin__", None) in (dict, tuple)


def _short(value: object) -> str:
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
