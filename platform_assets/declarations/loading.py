"""Feeds from YAML: ``defs/<name>/defs.yaml`` with ``type`` and ``attributes``.

Every mistake is reported with file, line and remedy, all of them at once. The same declaration is
read by the command line and by Dagster's component loader.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from platform_assets.declarations.feed import FeedDeclaration
from platform_assets.declarations.yaml_positions import PositionedYaml
from platform_assets.errors import DeclarationInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

FEED_COMPONENT = "platform_assets.orchestration.FeedComponent"


def load_feed(path: Path) -> FeedDeclaration | None:
    """Read one ``defs.yaml``; None where it declares a component of another type.

    Raises:
        DeclarationInvalid: it is not a valid feed; the error lists every mistake.
    """
    document = PositionedYaml(path, path.read_text(encoding="utf-8"))
    if document.value.get("type") != FEED_COMPONENT:
        return None
    try:
        return FeedDeclaration.model_validate(document.value.get("attributes"))
    except ValidationError as error:
        raise _invalid(document, error) from error


def load_feeds(folder: Path) -> dict[str, tuple[FeedDeclaration, PositionedYaml]]:
    """Read every feed below a folder, by feed name.

    Raises:
        DeclarationInvalid: a declaration is invalid, or two declare the same feed.
    """
    feeds: dict[str, tuple[FeedDeclaration, PositionedYaml]] = {}
    for path in sorted(folder.glob("**/defs.yaml")):
        feed = load_feed(path)
        if feed is None:
            continue
        if feed.feed in feeds:
            raise DeclarationInvalid(
                str(path),
                expected="each feed declared once",
                found=f"{feed.feed}, which {feeds[feed.feed][1].path} declares too",
                remedy="Rename one of the two feeds.",
            )
        feeds[feed.feed] = (feed, PositionedYaml(path, path.read_text(encoding="utf-8")))
    return feeds


def _invalid(document: PositionedYaml, error: ValidationError) -> DeclarationInvalid:
    problems = [_problem(document, detail) for detail in error.errors()]
    first, *_ = problems
    return DeclarationInvalid(
        first[0],
        expected="a valid feed declaration",
        found="; ".join(f"{where}: {text}" for where, text in problems),
        remedy="Correct these lines, then check again: dg check defs, or platform-assets feeds.",
    )


def _problem(document: PositionedYaml, detail: ErrorDetails) -> tuple[str, str]:
    location = detail["loc"]
    where = document.where(("attributes", *location))
    name = ".".join(str(step) for step in location) or "attributes"
    if detail["type"] == "extra_forbidden":
        return where, f"{name} is no known key{_suggestion(str(location[-1]))}"
    if detail["type"] == "missing":
        return where, f"{name} is missing"
    return where, f"{name}: {detail['msg']}, found {_short(detail['input'])}"


def _suggestion(key: str) -> str:
    near = difflib.get_close_matches(key, set(_known_keys(FeedDeclaration)), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _known_keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        yield from _keys_within(field.annotation)


def _keys_within(annotation: Any) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _known_keys(annotation)
    for argument in getattr(annotation, "__args__", ()):
        yield from _keys_within(argument)


def _short(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    return repr(value)


def problems_at(
    document: PositionedYaml, problems: Mapping[tuple[str | int, ...], str]
) -> DeclarationInvalid:
    """Report mistakes that were found after parsing, each at its line."""
    texts = [f"{document.where(('attributes', *at))}: {text}" for at, text in problems.items()]
    return DeclarationInvalid(
        document.where(("attributes", *next(iter(problems)))),
        expected="a declaration that fits its contracts",
        found="; ".join(texts),
        remedy="Correct these lines, then check again: dg check defs, or platform-assets feeds.",
    )
