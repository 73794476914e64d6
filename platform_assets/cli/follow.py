"""Following a feed until told to stop: ``run FEED --follow``."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from platform_assets import __version__
from platform_assets.cli.event_file import EventFile
from platform_assets.cli.failures import report_error
from platform_assets.cli.names import check_target
from platform_assets.errors import PlatformError, Usage
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platform_assets.cli.session import Session
    from platform_assets.pipeline.steps import StepUse
    from platform_assets.pipeline.stopping import Stop

FollowOption = Annotated[
    bool,
    typer.Option(
        "--follow",
        help="Go on until SIGTERM or SIGINT: take windows as they are due, wait out what is out.",
    ),
]
EventsOption = Annotated[
    Path | None,
    typer.Option(
        "--events",
        metavar="FILE",
        help="Append what happens to this file, a line of JSON each; with --follow.",
    ),
]

_COUNTS = ("delivered", "admitted", "duplicate", "quarantined")
_CLOSED_FIELDS = ("run_id", "pinned_at", "records", *_COUNTS)


def follow_feed(call: Session, feed: str, events: Path | None) -> None:
    """Follow a feed until a signal tells this process to stop, and answer what was done.

    Raises:
        ConfigurationError: the home, or what it declares, is mistaken, at the start or since.
    """
    from platform_assets.pipeline.follow import follow  # noqa: PLC0415

    kept = check_target(call.open(), events, "--events") if events else None
    with EventFile(kept) as file, _stopped_by_signals() as stop:
        file.write("started", feed=feed, version=__version__)
        try:
            done = follow(call.home, feed, stop, _Teller(call, file))
        except PlatformError as error:
            file.write("stopped", **error.as_json())
            raise
        file.write("stopped", **done.as_json())
    call.answer(done.as_json(), lambda console: _show(console, done.as_json()))


def require_follow_alone(
    *,
    follow: bool,
    events: Path | None,
    until_caught_up: bool,
    parallel: int,
    supersede: str | None,
) -> None:
    """Refuse options that do not go together with --follow, or not without it.

    Raises:
        Usage: there are some.
    """
    if events is not None and not follow:
        raise _usage(
            f"--events {events}", "--follow beside it", "Add --follow, or leave --events out."
        )
    others = {
        "--until-caught-up": until_caught_up,
        f"--parallel {parallel}": parallel > 1,
        f"--supersede {supersede}": supersede is not None,
    }
    given = [option for option, present in others.items() if present]
    if follow and given:
        remedy = "Leave one of the two out. --follow takes one window after the other."
        raise _usage(f"--follow {given[0]}", "--follow without it", remedy)


def _usage(given: str, expected: str, remedy: str) -> Usage:
    return Usage(given, expected=expected, found=given, remedy=remedy)


@contextmanager
def _stopped_by_signals() -> Iterator[Stop]:
    """Give what SIGTERM and SIGINT ask to stop, while the context lasts."""
    from platform_assets.pipeline.stopping import Stop  # noqa: PLC0415

    stop = Stop()
    before = {
        number: signal.signal(number, lambda *_: stop.ask())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Teller:
    """Tells the file everything, stdout of closed runs, and stderr of what needs somebody."""

    def __init__(self, call: Session, file: EventFile) -> None:
        self._call, self._file = call, file

    def pinned(self, run: RunId, pinned_at: str) -> None:
        self._file.write("pinned", run_id=str(run), pinned_at=pinned_at)

    def step(self, use: StepUse) -> None:
        self._file.write("step", **use.as_json())

    def closed(self, summary: Mapping[str, Any]) -> None:
        self._file.write("closed", **{name: summary[name] for name in _CLOSED_FIELDS})
        if not self._call.as_json:
            counts = ", ".join(f"{summary[name]:,} {name}" for name in _COUNTS)
            line = Text.assemble(summary["run_id"], " ", ("CLOSED", "green"), f": {counts}")
            self._call.answer(summary, lambda console: console.print(line, soft_wrap=True))

    def outage(self, error: PlatformError) -> None:
        self._file.write("outage", **error.as_json())
        self._say("An outage; it is tried again until it is over:")
        report_error(error, error, None)

    def recovered(self, seconds: float) -> None:
        self._file.write("recovered", lasted_us=round(seconds * 1_000_000))
        self._say(f"The outage is over after {seconds:.1f} s.")

    def refused(self, thing: RunId | str, error: PlatformError) -> None:
        run = {"run_id": str(thing)} if isinstance(thing, RunId) else {}
        self._file.write("refused", refused=str(thing), **run, **error.as_json())
        self._say(f"{thing} is refused, and tried again every minute:")
        report_error(error, error, None)

    def _say(self, words: str) -> None:
        Console(stderr=True).print(Text(words), soft_wrap=True)


def _show(console: Console, done: Mapping[str, Any]) -> None:
    totals = ", ".join(f"{done['totals'][name]:,} {name}" for name in _COUNTS)
    console.print(Text(f"Closed {done['runs']:,} runs of {done['feed']}: {totals}"), soft_wrap=True)
    console.print(Text(f"outages: {done['outages']:,}, refused runs: {done['refused_runs']:,}"))
    for each in done["refused"]:
        console.print(Text(f"{each['refused']} is refused: {each['error']}"), soft_wrap=True)
