"""The entry point: commands, and the one place where errors become exit codes."""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn

import typer

from platform_assets import __version__
from platform_assets.cli import evidence, feeds, products, runs, setup
from platform_assets.cli.session import report_error
from platform_assets.errors import PlatformError, UnknownOutcome

app = typer.Typer(
    name="platform-assets",
    help="Certified stream products: pinned offsets, gated reads, signed evidence.",
    epilog="Exit codes: 0 done, 1 refused, 2 usage or configuration, 3 unknown or unreachable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for module in (setup, feeds, runs, products, evidence):
    module.register(app)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"platform-assets {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: bool = typer.Option(
        False, "--version", callback=lambda wanted: _version(wanted=wanted), is_eager=True
    ),
) -> None:
    """Certified stream products: pinned offsets, gated reads, signed evidence."""
    del version


def main() -> NoReturn:
    """Run a command and end with its exit code."""
    as_json = "--json" in sys.argv
    try:
        app()
    except PlatformError as error:
        report_error(error, as_json=as_json)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the outermost edge; see below
        # A defect of ours: nobody knows how far it came, so it must not look like a refusal.
        traceback.print_exc()
        defect = UnknownOutcome(
            "platform-assets",
            expected="no defect of its own",
            found=f"{type(error).__name__}: {error}",
            remedy="Report this with the trace above. Steps converge: the same command may be called "
            "again.",
        )
        report_error(defect, as_json=as_json)
        sys.exit(defect.exit_code)
    sys.exit(0)
