"""Pinning windows and taking runs to their closure."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from platform_assets.cli import tables
from platform_assets.cli.feeds import FeedArgument
from platform_assets.cli.follow import (
    EventsOption,
    FollowOption,
    follow_feed,
    require_follow_alone,
)
from platform_assets.cli.names import known_run
from platform_assets.cli.session import (
    Explained,
    HomeOption,
    JsonOption,
    RunArgument,
    Session,
    StepProgress,
    session,
)
from platform_assets.errors import PlatformError, Usage
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from platform_assets.pipeline import Platform, StepUse

SupersedeOption = Annotated[
    str | None,
    typer.Option(
        "--supersede", metavar="RUN", help="Correct this closed run: read its window again."
    ),
]
ParallelOption = Annotated[
    int,
    typer.Option(
        "--parallel",
        metavar="N",
        min=1,
        help="Take so many windows at a time, each in a process of its own; with --until-caught-up. "
        "At most the feed's `window.parallel`.",
    ),
]
ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Why it is corrected; recorded for ever."),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: platform-assets pin payments")(pin)
    app.command(epilog="Example: platform-assets run payments --until-caught-up")(run)
    app.command(epilog="Example: platform-assets close payments-00000001")(close)


def pin(
    feed: FeedArgument,
    *,
    supersede: SupersedeOption = None,
    reason: ReasonOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Pin the next window of a feed, or the correction of a closed run. Nothing is read yet."""
    from platform_assets.pipeline import pin as pin_window  # noqa: PLC0415
    from platform_assets.pipeline import run_summary  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    correction = corrected(platform, feed, supersede, reason)
    run = correction or pin_window(platform, feed)
    if run is None:
        call.answer(
            {"run_id": None}, lambda console: console.print(f"{feed} has nothing new to pin.")
        )
        return
    anchors = platform.anchors(run)

    def table(console: Console) -> None:
        console.print(f"Pinned {run}.")
        for line in tables.relations(run_summary(platform, run)):
            console.print(line, soft_wrap=True)
        console.print(tables.anchors(anchors["streams"]))

    call.answer(anchors, table)


def run(
    feed: FeedArgument,
    *,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="Go on until nothing is new.")
    ] = False,
    follow: FollowOption = False,
    events: EventsOption = None,
    parallel: ParallelOption = 1,
    supersede: SupersedeOption = None,
    reason: ReasonOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take the next window from pin to closure: land, admit, build, certify, consume, close.

    An open run is finished before a new window is pinned, so calling this again after a failure or a
    crash continues where it stopped. Where the feed declares `announce`, what is closed is announced.

    With --supersede the window of a closed run is taken again, as a run of its own, under what is
    declared now. The closed run stays as it is; its products are no longer the latest.

    With --follow it goes on until told to stop. An outage is waited for. What is refused is told, and
    tried again every minute or when the home changes, and other windows go on.
    """
    from platform_assets.pipeline import announce, engines_kept, noted, run_summary  # noqa: PLC0415

    require_follow_alone(
        follow=follow,
        events=events,
        until_caught_up=until_caught_up,
        parallel=parallel,
        supersede=supersede,
    )
    if follow:
        follow_feed(session(home, as_json=json), feed, events)
        return
    if parallel > 1 and not until_caught_up:
        raise _one_window(parallel)
    call = session(home, as_json=json)
    platform = call.open()
    summaries: list[dict[str, Any]] = []
    caught_up = False
    following = corrected(platform, feed, supersede, reason)
    explaining = _explaining(call, platform, feed, summaries)
    keeping = engines_kept(platform, [feed], feed)
    with explaining, keeping as kept, noted() as steps, call.progress() as progress:
        closing = (
            _one_by_one(kept, feed, following, progress)
            if parallel == 1
            else _side_by_side(platform, feed, parallel, progress, steps)
        )
        for closed in closing:
            summaries.append(run_summary(platform, closed))
            if platform.feed(feed).announce is not None:
                announce(platform, feed)
            if not until_caught_up:
                break
        else:
            caught_up = True
    answer = closed_runs(summaries, steps, caught_up=caught_up)
    call.answer(answer, lambda console: show_closed(console, feed, summaries, steps))


def _one_by_one(
    platform: Platform, feed: str, following: RunId | None, progress: StepProgress
) -> Iterator[RunId]:
    from platform_assets.pipeline import finish, next_run  # noqa: PLC0415

    while (run := following or next_run(platform, feed)) is not None:
        finish(platform, run, progress)
        following = None
        yield run


def _side_by_side(
    platform: Platform, feed: str, processes: int, progress: StepProgress, steps: list[StepUse]
) -> Iterator[RunId]:
    from platform_assets.pipeline.beside import finished  # noqa: PLC0415

    for ended in finished(platform, feed, processes, progress):
        steps += ended.steps
        yield ended.run


def _one_window(parallel: int) -> Usage:
    return Usage(
        f"--parallel {parallel}",
        expected="--until-caught-up beside it",
        found="one window to be taken",
        remedy="Add --until-caught-up, or leave --parallel out.",
    )


def close(run: RunArgument, *, home: HomeOption = None, json: JsonOption = False) -> None:
    """Close a run: check every requirement, write the evidence, seal it. Once and for ever."""
    from platform_assets.pipeline import close as close_run  # noqa: PLC0415
    from platform_assets.pipeline import run_summary  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    run_id = known_run(platform, run)
    with call.working(f"{run_id} close"):
        closure = close_run(platform, run_id)
    summary = run_summary(platform, run_id)

    def text(console: Console) -> None:
        if closure["already_closed"]:
            console.print(f"{run_id} was closed already.", highlight=False)
        show_closed(console, run_id.feed, [summary])
        console.print(f"evidence {closure['bundle_digest']}", soft_wrap=True, highlight=False)

    call.answer({**closure, **summary}, text)


def corrected(
    platform: Platform, feed: str, supersede: str | None, reason: str | None
) -> RunId | None:
    """Pin the correction that is asked for and return its run, None where none is asked for.

    Raises:
        Usage: a run without a reason, a reason without a run, or a run of another feed.
        RunOpen, RunSuperseded, SourceChanged: the run cannot be corrected.
    """
    from platform_assets.pipeline import supersede as pin_correction  # noqa: PLC0415

    if supersede is None:
        if reason is not None:
            raise Usage(
                "--reason",
                expected="the run that is corrected for this reason",
                found="none",
                remedy="Name it: --supersede RUN",
            )
        return None
    run = known_run(platform, supersede)
    if run.feed != platform.feed(feed).feed:
        raise Usage(
            f"--supersede {run}",
            expected=f"a run of {feed}",
            found=f"one of {run.feed}",
            remedy=f"Name its feed: platform-assets run {run.feed} --supersede {run} --reason TEXT",
        )
    return pin_correction(platform, run, reason or "")


def closed_runs(
    summaries: list[dict[str, Any]], steps: Sequence[StepUse], *, caught_up: bool
) -> dict[str, Any]:
    """Return closed runs, their totals and what their steps used, as JSON prints them.

    ``caught_up`` says whether nothing new was left.
    """
    totals = ("delivered", "admitted", "duplicate", "quarantined")
    return {
        "runs": summaries,
        "totals": {name: sum(run[name] for run in summaries) for name in totals},
        "steps": [step.as_json() for step in steps],
        "caught_up": caught_up,
    }


def show_closed(
    console: Console, feed: str, summaries: list[dict[str, Any]], steps: Sequence[StepUse] = ()
) -> None:
    """Print closed runs, what their steps used and where their reports are."""
    if not summaries:
        console.print(f"{feed} is caught up: nothing new to pin.")
        return
    console.print(tables.runs(summaries))
    if steps:
        console.print(tables.steps(steps))
    for summary in summaries:
        for line in tables.relations(summary):
            console.print(line, soft_wrap=True)
        if not summary["logged"]:
            console.print(
                f"{summary['run_id']} is closed and could not be entered into the closure log. See "
                "why: platform-assets checkpoint",
                soft_wrap=True,
            )
        console.print(f"report of {summary['run_id']}:", highlight=False)
        console.print(f"  {summary['report']}", soft_wrap=True, highlight=False, markup=False)


@contextmanager
def _explaining(
    call: Session, platform: Platform, feed: str, closed: list[dict[str, Any]]
) -> Iterator[None]:
    """Add to an error what was closed before it, and why the open run's products are not readable."""
    try:
        yield
    except PlatformError as error:
        if closed and not call.as_json:
            show_closed(Console(stderr=True), feed, closed)
        raise Explained(error, {"closed": closed, **_open_run(platform, feed)}) from error


def _open_run(platform: Platform, feed: str) -> dict[str, Any]:
    from platform_assets.pipeline import open_run, product_state  # noqa: PLC0415

    with suppress(PlatformError):  # the first error is the one to report
        run: RunId | None = open_run(platform, feed)
        if run is not None:
            names = platform.run_configuration(run).declaration.outputs()
            states = {name: product_state(platform, run, name) for name in names}
            return {"run_id": str(run), "products": {n: _why(s) for n, s in states.items()}}
    return {"run_id": None, "products": {}}


def _why(state: dict[str, Any]) -> dict[str, Any]:
    checks = (state.get("certificate") or {}).get("checks", ())
    return {
        "generation": state["generation"],
        "readable": state["readable"],
        "refusal": state["refusal"],
        "failed_checks": [check for check in checks if check["outcome"] != "PASS"],
    }
