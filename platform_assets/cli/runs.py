"""Pinning windows and taking runs to their closure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli import tables
from platform_assets.cli.feeds import FeedArgument
from platform_assets.cli.session import HomeOption, JsonOption, session
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: platform-assets pin payments")(pin)
    app.command(epilog="Example: platform-assets run payments --until-caught-up")(run)
    app.command(epilog="Example: platform-assets close payments-00000001")(close)


def pin(feed: FeedArgument, *, home: HomeOption = None, json: JsonOption = False) -> None:
    """Pin the next window of a feed and print its anchors. Nothing is read yet."""
    from platform_assets.pipeline import pin as pin_window  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    run = pin_window(platform, feed)
    if run is None:
        call.answer({"run_id": None}, lambda console: console.print(f"{feed} is caught up."))
        return
    anchors = platform.anchors(run)

    def table(console: Console) -> None:
        console.print(f"Pinned {run}.")
        console.print(tables.anchors(anchors["streams"]))

    call.answer(anchors, table)


def run(
    feed: FeedArgument,
    *,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="Go on until nothing is new.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take the next window from pin to closure: land, admit, build, certify, consume, close.

    An open run is finished before a new window is pinned, so calling this again after a failure or a
    crash continues where it stopped.
    """
    from platform_assets.pipeline import caught_up, finish, next_run, run_summary  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    closed = []
    with call.progress() as progress:
        if until_caught_up:
            closed = [RunId.parse(done["run_id"]) for done in caught_up(platform, feed, progress)]
        elif (following := next_run(platform, feed)) is not None:
            finish(platform, following, progress)
            closed = [following]
    summaries = [run_summary(platform, each) for each in closed]
    call.answer(closed_runs(summaries), lambda console: show_closed(console, feed, summaries))


def close(
    run: Annotated[str, typer.Argument(metavar="RUN")],
    *,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Close a run: check every requirement, write the evidence, seal it. Once and for ever."""
    from platform_assets.pipeline import close as close_run  # noqa: PLC0415
    from platform_assets.pipeline import run_summary  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    closure = close_run(platform, RunId.parse(run))
    summaries = [run_summary(platform, RunId.parse(run))]
    feed = RunId.parse(run).feed
    call.answer({**closure, **summaries[0]}, lambda console: show_closed(console, feed, summaries))


def closed_runs(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return closed runs and their totals, as JSON prints them."""
    totals = ("delivered", "admitted", "duplicate", "quarantined")
    return {
        "runs": summaries,
        "totals": {name: sum(run[name] for run in summaries) for name in totals},
        "caught_up": not summaries,
    }


def show_closed(console: Console, feed: str, summaries: list[dict[str, Any]]) -> None:
    """Print closed runs, where their reports are, and their totals."""
    if not summaries:
        console.print(f"{feed} is caught up: nothing new to pin.")
        return
    console.print(tables.runs(summaries))
    for summary in summaries:
        console.print(f"report of {summary['run_id']}: {summary['report']}", soft_wrap=True)
