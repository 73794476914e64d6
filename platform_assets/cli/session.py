"""What every command shares: its options, its home, how it answers and how it fails.

Stdout belongs to the answer. From the moment a command begins, whatever else prints, a user's function
for example, prints to stderr. ``--home`` and ``--json`` may stand before or after the command; what
stands after it counts.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from platform_assets.errors import PlatformError, StoreUnwritable
from platform_assets.identifiers import RunId
from platform_assets.settings import home_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", metavar="PUB", help="Trust this public key (PEM) and no other."),
]
RunOption = Annotated[
    str, typer.Option("--run", metavar="RUN", help="For example payments-00000042.")
]
RunsOption = Annotated[
    list[str],
    typer.Option(
        "--run", metavar="RUN", help="For example payments-00000042; several, if repeated."
    ),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="For example payments-00000042.")]


@dataclass(frozen=True)
class Given:
    """What stands before the command: ``platform-assets --home DIR --json COMMAND``."""

    home: Path | None = None
    as_json: bool = False


#: Set anew by each call of the command line.
given: ContextVar[Given] = ContextVar("given")


class ReaderGone(Exception):
    """Whoever read the answer closed the pipe, as ``head`` does. Nobody is left to be told."""


class Explained(Exception):
    """An error of the platform, with more than its four parts to act on."""

    def __init__(self, error: PlatformError, facts: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.error = error
        self.facts = facts


@dataclass(frozen=True)
class Session:
    """One call of a command."""

    home: Path
    as_json: bool
    answers: TextIO

    def open(self) -> Platform:
        """Open the home."""
        from platform_assets.pipeline import Platform  # noqa: PLC0415 - `--help` need not load engines

        return Platform.open(self.home)

    def answer(self, value: Any, show: Callable[[Console], object]) -> None:
        """Print the answer: the value as JSON, or what ``show`` prints."""
        if self.as_json:
            write_json(self.answers, value)
            return
        # rendered first and written at once, so that a failure to write is ours to report
        screen, page = Console(file=self.answers), io.StringIO()
        show(Console(file=page, width=screen.width, force_terminal=screen.is_terminal))
        write(self.answers, page.getvalue())

    @contextmanager
    def progress(self) -> Iterator[StepProgress]:
        """Show steps on stderr while they last, where someone is looking."""
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
        ) as bar:
            yield StepProgress(bar)

    @contextmanager
    def working(self, act: str) -> Iterator[None]:
        """Show on stderr that one act lasts, and how long, where someone is looking."""
        with self.progress() as steps, steps.act(act):
            yield


class StepProgress:
    """Tells a person which step of which run is under way."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar

    @contextmanager
    def step(self, run: RunId, step: str, thing: str) -> Iterator[None]:
        """Show one step while it lasts."""
        with self.act(f"{run} {step} {thing}"):
            yield

    @contextmanager
    def act(self, words: str) -> Iterator[None]:
        """Show one act while it lasts."""
        task = self._bar.add_task(words, total=None)
        try:
            yield
        finally:
            self._bar.remove_task(task)


def session(home: Path | None, *, as_json: bool) -> Session:
    """Begin a call of a command."""
    answers, sys.stdout = sys.stdout, sys.stderr
    before = given.get(Given())
    return Session(home_directory(home or before.home), as_json or before.as_json, answers)


def write_json(answers: TextIO, value: Any) -> None:
    """Print one JSON document."""
    write(answers, json.dumps(value, indent=2, default=str) + "\n")


def write(answers: TextIO, text: str) -> None:
    """Print an answer, and make sure that it got out.

    Raises:
        ReaderGone: nobody reads any more.
        StoreUnwritable: it cannot be written, for example to a full disk.
    """
    try:
        answers.write(text)
        answers.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error
    except OSError as error:
        raise StoreUnwritable(
            "stdout",
            expected="to print the answer",
            found=error.strerror or str(error),
            remedy="The command itself is done. Call it again where its answer can be written.",
        ) from error
