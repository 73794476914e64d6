"""What every command shares: its options, its home, how it answers and how it fails."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from platform_assets.identifiers import RunId
from platform_assets.settings import home_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from platform_assets.errors import PlatformError
    from platform_assets.pipeline import Platform

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", help="Platform home. [default: $PLATFORM_HOME or .platform]"
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Answer with one JSON document on stdout.")
]
RunOption = Annotated[
    str, typer.Option("--run", metavar="RUN", help="For example payments-00000042.")
]

stdout = Console()
stderr = Console(stderr=True)


@dataclass(frozen=True)
class Session:
    """One call of a command."""

    home: Path
    as_json: bool

    def open(self) -> Platform:
        """Open the home."""
        from platform_assets.pipeline import Platform  # noqa: PLC0415 - `--help` need not load engines

        return Platform.open(self.home)

    def answer(self, value: Any, show: Callable[[Console], None]) -> None:
        """Print the answer: the value as JSON, or what ``show`` prints."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
        else:
            show(stdout)

    @contextmanager
    def progress(self) -> Iterator[StepProgress]:
        """Show steps on stderr while they last, where someone is looking."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(
            *columns, console=stderr, transient=True, disable=not stderr.is_terminal
        ) as bar:
            yield StepProgress(bar)


class StepProgress:
    """Tells a person which step of which run is under way."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar

    @contextmanager
    def step(self, run: RunId, step: str, thing: str) -> Iterator[None]:
        """Show one step while it lasts."""
        task = self._bar.add_task(f"{run} {step} {thing}", total=None)
        try:
            yield
        finally:
            self._bar.remove_task(task)


def session(home: Path | None, *, as_json: bool) -> Session:
    """Begin a call of a command."""
    return Session(home_directory(home), as_json)


def report_error(error: PlatformError, *, as_json: bool) -> None:
    """Say what was refused or wrong: a JSON document on stdout, or the four parts on stderr."""
    if as_json:
        sys.stdout.write(json.dumps(error.as_json(), indent=2) + "\n")
        return
    stderr.print(f"[bold red]{error.code}[/]: ", end="")
    stderr.print(error.thing, markup=False, highlight=False)
    for label in ("expected", "found", "remedy"):
        stderr.print(f"  [bold]{label:9}[/]", end="")
        stderr.print(getattr(error, label), markup=False, highlight=False)
