"""How the command line fails: every failure is an error of the platform, with its four parts.

Errors go to stderr as text; with ``--json`` the one document on stdout is the error. What the platform
did not foresee is either the machine's doing (a file that cannot be read) or a defect; neither tells
how far the command came, so both exit as unknown or unreachable, never as refused.
"""

from __future__ import annotations

import shlex
import sys
import textwrap
import traceback
from typing import TYPE_CHECKING, Any, TextIO

import typer
from rich.console import Console
from rich.text import Text

from platform_assets.cli.session import Explained, write_json
from platform_assets.errors import DependencyUnreachable, PlatformError, UnknownOutcome, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

_LABEL_WIDTH = 11
_AGAIN = "Every step converges on what stands already, so the same command may be called again."


def error_of(failure: BaseException, arguments: Sequence[str]) -> PlatformError:
    """Return the platform's error for whatever ended a command."""
    match failure:
        case Explained():
            return failure.error
        case PlatformError():
            return failure
        case typer.TyperException():
            return _usage(failure, arguments)
        case KeyboardInterrupt() | typer.Abort():
            return UnknownOutcome(
                _command(arguments),
                expected="to come to its end",
                found="an interruption from the keyboard",
                remedy=_AGAIN,
            )
        case OSError():
            return DependencyUnreachable(
                str(failure.filename or _command(arguments)),
                expected="a file or folder that can be used",
                found=f"{type(failure).__name__}: {failure.strerror or failure}",
                remedy=f"Look at its place, its permissions and the disk. {_AGAIN}",
            )
    traceback.print_exception(failure, file=sys.stderr)
    return UnknownOutcome(
        _command(arguments),
        expected="no defect of the platform itself",
        found=f"{type(failure).__name__}: {failure}",
        remedy=f"Report this with the trace above. {_AGAIN}",
    )


def report_error(failure: BaseException, error: PlatformError, answers: TextIO | None) -> None:
    """Print an error: as the JSON document where ``answers`` is given, else on stderr."""
    if answers is not None:
        facts = failure.facts if isinstance(failure, Explained) else {}
        write_json(answers, {**error.as_json(), **facts})
        return
    console = Console(stderr=True)
    console.print(Text.assemble((error.code, "bold red"), f": {error.thing}"), soft_wrap=True)
    _part(console, "expected", error.expected)
    findings = error.findings or (error.found,)
    for index, finding in enumerate(findings):
        _part(console, "" if index else "found", finding, listed=len(findings) > 1)
    _part(console, "remedy", error.remedy)


def _part(console: Console, label: str, text: str, *, listed: bool = False) -> None:
    # words stay whole, so that a path or a digest can be copied whatever the width
    lines = textwrap.wrap(
        text,
        width=max(console.width - _LABEL_WIDTH, 20),
        break_long_words=False,
        break_on_hyphens=False,
        initial_indent="- " if listed else "",
        subsequent_indent="  " if listed else "",
    )
    for index, line in enumerate(lines or [""]):
        head = f"  {'' if index else label:{_LABEL_WIDTH - 2}}"
        console.print(Text.assemble((head, "bold"), line), soft_wrap=True)


def _usage(failure: typer.TyperException, arguments: Sequence[str]) -> Usage:
    context: Any = getattr(failure, "ctx", None)
    path = context.command_path if context else "platform-assets"
    usage = context.get_usage().removeprefix("Usage: ") if context else f"{path} COMMAND"
    return Usage(
        _command(arguments),
        expected=" ".join(usage.replace("{", "").replace("}", "").split()),
        found=failure.format_message().strip().removesuffix("."),
        remedy=f"Look at what there is: {path} --help",
    )


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["platform-assets", *arguments])
