"""Lanes: the pipeline under a planned load, judged against thresholds that are pinned before it begins.

Ending a lane early, by the keyboard or because it took more than its plan allows, ends all of its
processes; what was measured by then stays in its folder, and no verdict is made of it.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli import lane_compare, lane_summary, lane_tables
from platform_assets.cli.session import HomeOption, JsonOption, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

ProfileOption = Annotated[
    str,
    typer.Option(metavar="NAME", help="smoke: a minute; standard: tens of minutes; full: hours."),
]
PlanOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A plan of your own instead of the shipped one."),
]
TargetOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="What is particular to a place: source, store, services, feed."
    ),
]
KeepOption = Annotated[
    bool, typer.Option("--keep", help="Keep the lane's own home and logs when it is judged.")
]

_LANES = {
    "burst": "A steady load, a spike, and back: is the backlog bounded, and how soon is it drained?",
    "soak": "A steady load for long: does anything grow that should not?",
    "recovery": "Faults while load continues: how soon is all steady, and is anything lost?",
    "probe": "Windows of twice the size each time: where is the limit, and how does it end?",
}

lane = typer.Typer(
    name="lane",
    help="Put the pipeline under a planned load, and judge it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for name, about in _LANES.items():
        example = f"Example: platform-assets lane {name} --profile smoke"
        lane.command(name=name, help=about, epilog=example)(_command(name))
    lane.command(name="list", epilog="Example: platform-assets lane list")(list_lanes)
    lane_compare.register(lane)
    lane_summary.register(lane)
    app.add_typer(lane)


def _command(name: str) -> Callable[..., None]:
    def command(
        *,
        profile: ProfileOption = "standard",
        plan: PlanOption = None,
        target: TargetOption = None,
        keep: KeepOption = False,
        home: HomeOption = None,
        json: JsonOption = False,
    ) -> None:
        _conduct(name, profile, plan, target, keep=keep, home=home, json=json)

    return command


def _conduct(
    name: str,
    profile: str,
    plan: Path | None,
    target: Path | None,
    *,
    keep: bool,
    home: Path | None,
    json: bool,
) -> None:
    from platform_assets.lanes.conduct import conduct  # noqa: PLC0415 - `--help` need not load engines
    from platform_assets.lanes.plan_loading import resolve  # noqa: PLC0415

    call = session(home, as_json=json)
    resolved = resolve(name, profile, plan=plan, target=target)
    platform = call.open()
    with _ended_by_signals(), lane_tables.progress(resolved) as told:
        result = conduct(platform, resolved, keep=keep, told=told)
    call.answer(result.as_json(), lambda console: lane_tables.result(console, result))
    if not result.passed:
        raise typer.Exit(1)


def list_lanes(*, home: HomeOption = None, json: JsonOption = False) -> None:
    """List the lanes that ran in this home: when, in which profile, and to which verdict."""
    from platform_assets.lanes.lane_folders import lane_folders  # noqa: PLC0415

    call = session(home, as_json=json)
    told: list[dict[str, Any]] = [folder.told() for folder in lane_folders(call.open().home)]

    def text(console: Console) -> None:
        if told:
            console.print(lane_tables.lanes(told))
        else:
            console.print(
                "No lane ran here yet. The first: platform-assets lane burst --profile smoke"
            )

    call.answer(told, text)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM, and the end of its terminal, end a lane as the keyboard does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
