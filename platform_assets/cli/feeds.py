"""What there is: feeds, runs, one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from platform_assets.cli import tables
from platform_assets.cli.session import HomeOption, JsonOption, session
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from rich.console import Console

    from platform_assets.declarations import FeedDeclaration

FeedArgument = Annotated[str, typer.Argument(metavar="FEED", help="A declared feed.")]


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

    def table(console: Console) -> None:
        grid = Table("feed", "streams", "products", "consumers", "description")
        for feed in listed:
            grid.add_row(
                feed["feed"],
                *(", ".join(feed[key]) for key in ("streams", "products", "consumers")),
                feed["description"],
            )
        console.print(grid if listed else f"No feed is declared below {platform.home}/defs.")

    call.answer(listed, table)


def list_runs(feed: FeedArgument, *, home: HomeOption = None, json: JsonOption = False) -> None:
    """List the runs of a feed: state, counts, evidence."""
    from platform_assets.pipeline import run_summary, runs  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    listed = [run_summary(platform, run) for run in runs(platform, feed)]
    call.answer(listed, lambda console: console.print(tables.runs(listed)))


def show(
    run: Annotated[str, typer.Argument(metavar="RUN")],
    *,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show one run: anchors, what was admitted and why not, checks, who read what."""
    from platform_assets.pipeline import run_details  # noqa: PLC0415

    call = session(home, as_json=json)
    details = run_details(call.open(), RunId.parse(run))
    call.answer(details, lambda console: tables.details(console, details))


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
