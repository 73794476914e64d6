"""Checkpoints of the closure log: for whoever wants to know later that nothing was taken out of it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.cli.names import check_target, written_whole
from platform_assets.cli.session import HomeOption, JsonOption, session
from platform_assets.errors import AlreadyExists

if TYPE_CHECKING:
    from rich.console import Console

    from platform_assets.flow.checkpoint import Given, LogKey


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(
        epilog="Example: platform-assets checkpoint --since older.checkpoint --out newer.checkpoint"
    )(checkpoint)


def checkpoint(
    *,
    since: Annotated[
        Path | None,
        typer.Option(
            "--since", metavar="FILE", help="An older checkpoint, or exported evidence with one."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there; it must be new.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Judge the whole closure log and print its newest signed checkpoint.

    With --since it proves that the log continues the older one: nothing was removed, changed or forked.
    """
    from platform_assets.pipeline.checkpoints import new_checkpoint  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    target = check_target(platform, out) if out is not None else None
    if target is not None and target.exists():
        raise AlreadyExists(
            f"--out {out}",
            expected="a path that is free",
            found="a file, perhaps an older checkpoint; that is worth keeping",
            remedy="Choose another --out.",
        )
    answer = new_checkpoint(platform, since)
    if target is not None:
        with written_whole(target) as path:
            path.write_text(answer["text"], encoding="utf-8")

    def text(console: Console) -> None:
        if target is None:
            console.out(answer["text"], end="", highlight=False)
            return
        held = f"{answer['size']} closed runs"
        console.print(f"checkpoint of {answer['origin']}: {held}", soft_wrap=True)
        console.print(f"  {target}", soft_wrap=True, markup=False, highlight=False)
        if since is not None:
            console.print(f"  continues the log of {answer['since']} closed runs", soft_wrap=True)
        console.print(f"  key {answer['key']}", soft_wrap=True, markup=False, highlight=False)
        if answer["development"]:
            console.print("  The key was made on first use; it is a development key.")
        console.print(
            f"Later: platform-assets checkpoint --since {shlex.quote(str(out))}", soft_wrap=True
        )

    call.answer({**answer, "out": None if target is None else str(target)}, text)


def given_checkpoints(files: list[Path]) -> list[tuple[str, Given]]:
    """Read the checkpoints that were named with --checkpoint."""
    from platform_assets.pipeline.checkpoints import given_in  # noqa: PLC0415

    return [(str(file), given_in(file)) for file in files]


def given_log_keys(texts: list[str]) -> list[LogKey]:
    """Read the log keys that were named with --log-key."""
    from platform_assets.flow.checkpoint import LogKey  # noqa: PLC0415

    return [LogKey.parse(text) for text in texts]
