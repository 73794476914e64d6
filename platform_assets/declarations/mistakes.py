"""What is wrong with a declaration, said for whoever wrote the YAML.

Each mistake names its line, the key as it stands in the file, what is wrong, and what was probably
meant. Alternatives at one place, as pydantic reports them for a union, are said once. What was found
is quoted, but never where a credential may stand: someone may have written it out.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from platform_assets.declarations.feed import FeedDeclaration
from platform_assets.declarations.rules import RULES
from platform_assets.errors import DeclarationInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from platform_assets.declarations.yaml_positions import PositionedYaml
    from platform_assets.errors import ConfigurationError

    Location = tuple[str | int, ...]

_REMEDY = "Correct these lines, then check again: dg check defs, or platform-assets feeds."
_LONGEST = 80
_NEAR = 0.55
_QUOTED = re.compile(r"'([^']+)'")
#: Keys below which nothing is quoted.
_CREDENTIALS = frozenset({"username", "password", "token", "key_password", "endpoint"})
_TAGS = {"kind": "kind of source"}


def invalid(document: PositionedYaml, error: ValidationError) -> DeclarationInvalid:
    """Return the error that lists every mistake which pydantic found in a feed."""
    lines = found_by(error, document, FeedDeclaration, below=("attributes",))
    return _error(document, "a valid feed declaration", lines)


def found_by(
    error: ValidationError, document: PositionedYaml, model: type[BaseModel], below: Location = ()
) -> list[tuple[int, str]]:
    """Return line and text of every mistake which pydantic found in a part of a document."""
    return found_among(error.errors(), document, model, below)


def found_among(
    details: Iterable[ErrorDetails],
    document: PositionedYaml,
    model: type[BaseModel],
    below: Location = (),
) -> list[tuple[int, str]]:
    """Return line and text of mistakes that stand in a part of a document."""
    said: dict[tuple[int, str], list[str]] = {}
    for detail in details:
        if detail["type"] == "too_short" and detail["input"]:
            continue  # what it holds is wrong, and is reported by itself
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
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), list(folded), n=1, cutoff=_NEAR)
    return f"; did you mean {folded[near[0]]}?" if near else ""


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
        location = (*location, _tag_of(detail))
    line, steps = document.trace((*below, *location))
    if detail["type"] in ("missing", "union_tag_not_found"):
        steps.append(location[-1])
    return line, dotted(steps[len(below) :])


def _text(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, location = detail["type"], detail["loc"]
    if kind in ("extra_forbidden", "model_type", "model_attributes_type"):
        inside = location[:-1] if kind == "extra_forbidden" else location
        keys = sorted(set(_keys_at(model, inside)))
        if kind != "extra_forbidden":
            return _no_mapping(detail, keys)
        near = suggestion(str(location[-1]), keys)
        return f"is no known key{near or '; known here: ' + ', '.join(keys)}"
    if kind in _SAID:
        return _SAID[kind](detail)
    if location[-1:] == ("[key]",):
        return f"has the key {_found(detail)}, which should be text; write it in quotes"
    return f"{detail['msg'].removeprefix('Input ')}, found {_found(detail)}{_nearest(detail)}"


def _no_mapping(detail: ErrorDetails, keys: Sequence[str]) -> str:
    if detail.get("ctx", {}).get("class_name") == "SecretReference":
        return (
            "should say where the secret is, as {env: VARIABLE} or {file: PATH}; "
            "no secret is written in YAML"
        )
    return f"should be a mapping with keys of {', '.join(keys)}, found {_found(detail)}"


def _tag_of(detail: ErrorDetails) -> str:
    return str(detail["ctx"]["discriminator"]).strip("'")


def _unknown_tag(detail: ErrorDetails) -> str:
    tag, known = str(detail["ctx"]["tag"]), _QUOTED.findall(str(detail["ctx"]["expected_tags"]))
    name = _tag_of(detail)
    near = suggestion(tag, known) or f"; there are {', '.join(known)}"
    return f"{tag!r} is no {_TAGS.get(name, name)}{near}"


def _nearest(detail: ErrorDetails) -> str:
    if detail["type"] != "literal_error" or not isinstance(detail["input"], str):
        return ""
    return suggestion(detail["input"], _QUOTED.findall(str(detail["ctx"]["expected"])))


def _pattern(detail: ErrorDetails) -> str:
    return f"should be {RULES[str(detail['ctx']['pattern'])]}, found {_found(detail)}"


def _found(detail: ErrorDetails) -> str:
    """Return what stands there in the YAML, unless that may be a credential."""
    location = detail["loc"]
    if location[-1:] == ("sasl",) or not _CREDENTIALS.isdisjoint(location):
        return "something else, which is not repeated here"
    return _short(detail["input"])


_SAID: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "is missing",
    "union_tag_not_found": lambda _: "is missing",
    "union_tag_invalid": _unknown_tag,
    "reference": lambda detail: str(detail["ctx"]["text"]),
    "value_error": lambda detail: f"is wrong: {detail['ctx']['error']}",
    "too_short": lambda _: "is empty; at least one is needed",
    "tuple_type": lambda detail: f"should be a list, as [one, two], found {_found(detail)}",
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
        elif any(steps[0] in _words(field.annotation) for field in fields.values()):
            yield from _keys_at(annotation, steps[1:])
        return
    inside = get_args(annotation)
    if _goes_inside(annotation):
        yield from _keys_at(inside[-1] if inside[-1] is not ... else inside[0], steps[1:])
        return
    for choice in inside:
        yield from _keys_at(choice, steps)


def _words(annotation: object) -> tuple[object, ...]:
    """Return the words that tell a member of a tagged union; none of what is no choice of words."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


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
