"""The entry point: commands, and the one place where errors become exit codes."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import typer

from platform_assets import __version__
from platform_assets.cli import (
    announcements,
    baselines,
    checkpoints,
    days,
    evidence,
    feeds,
    lag,
    lanes,
    products,
    reading,
    replay,
    runs,
    setup,
    streams,
    teardown,
    truth,
)
from platform_assets.cli.failures import error_of, report_error
from platform_assets.cli.session import Given, HomeOption, JsonOption, ReaderGone, given
from platform_assets.errors import PlatformError, UnknownOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130

app = typer.Typer(
    name="platform-assets",
    help="Certified stream products: pinned offsets, gated reads, signed evidence.",
    epilog="Exit codes: 0 done, 1 refused, 2 usage or configuration, 3 unknown or unreachable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for module in (
    setup,
    feeds,
    lag,
    streams,
    runs,
    products,
    reading,
    days,
    announcements,
    evidence,
    replay,
    checkpoints,
    teardown,
    truth,
    baselines,
    lanes,
):
    module.register(app)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"platform-assets {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    home: HomeOption = None,
    json: JsonOption = False,
    version: bool = typer.Option(
        False,
        "--version",
        help="Print the version.",
        callback=lambda wanted: _version(wanted=wanted),
        is_eager=True,
    ),
) -> None:
    """Certified stream products: pinned offsets, gated reads, signed evidence."""
    del version
    given.set(Given(home, json))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command, print its answer or its error, and return the exit code."""
    answers = sys.stdout
    try:
        return _call(arguments)
    except (ReaderGone, SystemExit):  # of the libraries, only a closed pipe makes one exit
        return _nobody_listens()
    except BaseException as failure:  # noqa: BLE001 - the outermost edge: nothing may pass it
        error = error_of(failure, arguments)
        try:
            report_error(failure, error, answers if "--json" in arguments else None)
        except (ReaderGone, PlatformError):
            report_error(failure, error, None)
            return _nobody_listens()
        return error.exit_code
    finally:
        sys.stdout = answers


def main() -> NoReturn:
    """Run the command of this process and end with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run_command(sys.argv[1:]))


def _call(arguments: Sequence[str]) -> int:
    done = app(list(arguments), prog_name="platform-assets", standalone_mode=False)
    if done == _INTERRUPTED:  # typer takes the keyboard's interruption for an exit code
        raise KeyboardInterrupt
    return done if isinstance(done, int) else 0


def _nobody_listens() -> int:
    # what is still buffered for the closed pipe must not fail again when the interpreter ends
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return UnknownOutcome.exit_code
