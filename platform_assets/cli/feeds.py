"""What there is: feeds, runs, one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.padding import Padding
from rich.text import Text

from platform_assets.cli import tables
from platform_assets.cli.names import known_run
from platform_assets.cli.session import HomeOption, JsonOption, RunArgument, session

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from platform_assets.declarations import FeedDeclaration

FeedArgument = Annotated[str, typer.Argument(metavar="FEED", help="A declared feed.")]
_LISTED = ("streams", "products", "consumers")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: platform-assets feeds --json")(feeds)
    app.command(name="runs", epilog="Example: platform-assets runs payments")(list_runs)
    app.command(epilog="Example: platform-assets show payments-00000001")(show)


def feeds(*, home: HomeOption = None, json: JsonOption = False) -> None:
    """List the declared feeds, with their streams, products and consumers."""
    call = session(home, as_json=json)
    platform = call.open()
    listed = [_feed(declaration) for declaration in platform.feeds.values()]
    defs = platform.home / platform.settings.defs
    call.answer(listed, lambda console: _show_feeds(console, listed, defs))


def list_runs(feed: FeedArgument, *, home: HomeOption = None, json: JsonOption = False) -> None:
    """List the runs of a feed: state, counts, evidence."""
    from platform_assets.pipeline import run_summaries  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    listed = run_summaries(platform, feed)

    def text(console: Console) -> None:
        if listed:
            console.print(tables.runs(listed))
            for line in tables.corrections(listed):
                console.print(line, soft_wrap=True)
        else:
            console.print(f"{feed} has no runs yet. The first: platform-assets run {feed}")

    call.answer(listed, text)


def show(run: RunArgument, *, home: HomeOption = None, json: JsonOption = False) -> None:
    """Show one run: anchors, what was admitted and why not, checks, who read what."""
    from platform_assets.pipeline import run_details  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    details = run_details(platform, known_run(platform, run))
    call.answer(details, lambda console: tables.details(console, details))


def _show_feeds(console: Console, listed: list[dict[str, Any]], defs: Path) -> None:
    if not listed:
        console.print(Text(f"No feed is declared below {defs}."), soft_wrap=True)
    for feed in listed:
        console.print(Text.assemble((feed["feed"], "bold"), f"  {feed['description']}".rstrip()))
        for kind in _LISTED:
            if feed[kind]:
                console.print(Padding(Text(f"{kind:10} {', '.join(feed[kind])}"), (0, 0, 0, 2)))


def _feed(declaration: FeedDeclaration) -> dict[str, Any]:
    return {
        "feed": declaration.feed,
        "description": declaration.description,
        "streams": list(declaration.streams),
        "products": list(declaration.products),
        "consumers": list(declaration.consumers),
        "sources": {
            stream: declaration.source_of(stream).model_dump() for stream in declaration.streams
        },
    }
