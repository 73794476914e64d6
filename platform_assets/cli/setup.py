"""A new home, and the main job on real data that is shipped."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from platform_assets.cli import tables
from platform_assets.cli.evidence import answer_of, show_verification
from platform_assets.cli.runs import closed_runs
from platform_assets.cli.session import HomeOption, JsonOption, session

_DEMO_FEED = "earthquakes"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: platform-assets init my-platform")(init)
    app.command(epilog="Example: platform-assets demo --home /tmp/demo")(demo)


def init(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="A new or empty folder; or give it as --home."),
    ] = None,
    *,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Where a new home keeps its records: a folder, or s3://bucket/prefix.",
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a platform home with two example feeds: earthquakes (real) and payments (generated).

    In a home that exists already, whatever is missing of it is added and nothing is changed.
    """
    from platform_assets.examples.home import create_home  # noqa: PLC0415

    call = session(directory or home, as_json=json)
    added = create_home(call.home, store=store)
    feeds = sorted(call.open().feeds)

    def text(console: Console) -> None:
        made = f"Made {call.home}" if added else f"{call.home} is whole; nothing was added"
        console.print(Text(f"{made}. Its feeds: {', '.join(feeds)}."), soft_wrap=True)
        place = shlex.quote(str(directory or call.home))
        console.print(Text(f"Next: platform-assets run {feeds[0]} --home {place}"), soft_wrap=True)

    call.answer({"home": str(call.home), "feeds": feeds, "added": len(added)}, text)


def demo(*, home: HomeOption = None, json: JsonOption = False) -> None:
    """Run the main job in Dagster on 1,707 real earthquakes: from nothing to closed and verified.

    Called again it continues with what is new, or says that all is caught up.
    """
    from platform_assets.examples.home import create_home  # noqa: PLC0415
    from platform_assets.orchestration.execution import run_feed_in_dagster  # noqa: PLC0415
    from platform_assets.pipeline import noted, run_summary, verify_run  # noqa: PLC0415

    call = session(home, as_json=json)
    if not (call.home / "platform.yaml").exists():
        create_home(call.home, examples=(_DEMO_FEED,))
    platform = call.open()
    console = Console(stderr=True)
    status = console.status("running in Dagster") if console.is_terminal else nullcontext()
    with status, noted() as steps:
        done = run_feed_in_dagster(call.home, _DEMO_FEED)
    summaries = [run_summary(platform, run) for run in done]
    told = closed_runs(summaries, steps, caught_up=True)
    verified = {str(run): verify_run(platform, run) for run in done}

    def text(console: Console) -> None:
        if not summaries:
            console.print(f"{_DEMO_FEED} is caught up: every window is closed.")
            return
        console.print(tables.runs(summaries))
        for name, count in told["totals"].items():
            console.print(f"{name:12} {count:>6,}")
        console.print(tables.steps(steps))
        for summary in summaries:
            show_verification(console, verified[summary["run_id"]])
            console.print(Text(f"  report: {summary['report']}"), soft_wrap=True)

    answers = {run: answer_of(result) for run, result in verified.items()}
    call.answer({**told, "verified": answers}, text)
    if not all(result.ok for result in verified.values()):
        raise typer.Exit(1)
