"""Feeds from YAML: ``defs/<name>/defs.yaml`` with ``type`` and ``attributes``.

Every mistake is reported with file, line and remedy, those of all files at once. The same declaration
is read by the command line and by Dagster's component loader. A file that would be passed over without
a word, because its name or its type is a slip of the pen, is a mistake too.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from platform_assets.declarations.feed import FeedDeclaration
from platform_assets.declarations.mistakes import all_of, invalid, suggestion
from platform_assets.declarations.yaml_positions import PositionedYaml
from platform_assets.errors import DeclarationInvalid

if TYPE_CHECKING:
    from pathlib import Path

FEED_COMPONENT = "platform_assets.orchestration.FeedComponent"

#: The keys that Dagster knows at the top of a component's file.
_TOP_KEYS = ("type", "attributes", "template_vars_module", "requirements", "post_processing")
_SLIP = 0.8
_MISNAMED = ("defs.yml", "def.yaml", "def.yml")


def load_feed(path: Path) -> FeedDeclaration | None:
    """Read one ``defs.yaml``; None where it declares a component of another type.

    Raises:
        DeclarationInvalid: it is not a valid feed; the error lists every mistake.
    """
    return _feed_in(PositionedYaml.read(path))


def load_feeds(folder: Path) -> dict[str, tuple[FeedDeclaration, PositionedYaml]]:
    """Read every feed below a folder, by feed name.

    Raises:
        DeclarationInvalid: declarations are invalid, or two declare the same feed.
    """
    feeds: dict[str, tuple[FeedDeclaration, PositionedYaml]] = {}
    errors: list[DeclarationInvalid] = [
        _misnamed(path) for name in _MISNAMED for path in sorted(folder.glob(f"**/{name}"))
    ]
    for path in sorted(folder.glob("**/defs.yaml")):
        try:
            document = PositionedYaml.read(path)
            feed = _feed_in(document)
        except DeclarationInvalid as error:
            errors.append(error)
            continue
        if feed is None:
            continue
        if feed.feed in feeds:
            errors.append(_declared_twice(feed, document, feeds[feed.feed][1]))
        feeds.setdefault(feed.feed, (feed, document))
    if errors:
        raise all_of(errors)
    return feeds


def _feed_in(document: PositionedYaml) -> FeedDeclaration | None:
    kind = document.value.get("type")
    if kind != FEED_COMPONENT:
        near = difflib.SequenceMatcher(None, str(kind), FEED_COMPONENT).ratio() > _SLIP
        if isinstance(kind, str) and not near:
            return None
        raise DeclarationInvalid(
            document.where(("type",)),
            expected=f"type: {FEED_COMPONENT}",
            found="no type" if kind is None else f"type {kind!r}",
            remedy="Correct the line; with another type the file is passed over.",
        )
    for key in document.value:
        if key not in _TOP_KEYS:
            raise DeclarationInvalid(
                document.where((key,)),
                expected=f"the keys {', '.join(_TOP_KEYS)}",
                found=f"{key!r}{suggestion(str(key), _TOP_KEYS)}",
                remedy="Correct the key; what describes the feed stands below attributes.",
            )
    try:
        return FeedDeclaration.model_validate(document.value.get("attributes"))
    except ValidationError as error:
        raise invalid(document, error) from error


def _misnamed(path: Path) -> DeclarationInvalid:
    return DeclarationInvalid(
        f"{path}:1",
        expected="a file called defs.yaml",
        found=f"{path.name}, which nobody reads",
        remedy="Rename it to defs.yaml.",
    )


def _declared_twice(
    feed: FeedDeclaration, document: PositionedYaml, first: PositionedYaml
) -> DeclarationInvalid:
    return DeclarationInvalid(
        document.where(("attributes", "feed")),
        expected="each feed declared once",
        found=f"{feed.feed}, which {first.where(('attributes', 'feed'))} declares too",
        remedy="Rename one of the two feeds.",
    )
