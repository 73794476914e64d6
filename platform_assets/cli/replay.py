"""Replay: make a closed run again in scratch, and hold it against its evidence."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from platform_assets.cli.names import known_run, run_if_no_evidence
from platform_assets.cli.session import HomeOption, JsonOption, KeyOption, Session, session
from platform_assets.flow.checks import counted
from platform_assets.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from rich.console import Console

    from platform_assets.flow.replay import Replay

_DIVERGED = 1


class From(StrEnum):
    """From what a run is rebuilt."""

    ANCHORS = "anchors"
    LANDING = "landing"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: platform-assets replay evidence.tar --from landing")(replay)


def replay(
    target: Annotated[
        str, typer.Argument(metavar="RUN|BUNDLE", help="A run, or evidence exported with data.")
    ],
    *,
    start: Annotated[
        From | None,
        typer.Option(
            "--from",
            help="Read the streams again, or take what was landed. [default: of a run the streams "
            "where they still have it, of a bundle what was landed]",
        ),
    ] = None,
    key: KeyOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a closed run again in scratch and name the first divergence from its evidence.

    Nothing is written into the home's store. Exported evidence needs no home, unless the run calls
    functions that stand beside one, or its streams are read again by their address there.
    """
    call = session(home, as_json=json)
    result = _replayed(call, target, start, key)
    call.answer(result.as_json(), lambda console: show_replay(console, result))
    if result.verdict != "REPRODUCED":
        raise typer.Exit(_DIVERGED)


def _replayed(call: Session, target: str, start: From | None, key: Path | None) -> Replay:
    from platform_assets.pipeline.replay import Start, replay_run  # noqa: PLC0415
    from platform_assets.pipeline.verify import trust_in  # noqa: PLC0415

    if Path(target).exists():
        return _bundle(call, Path(target), start or From.LANDING, key)
    run = run_if_no_evidence(target, " --with-data")
    platform = call.open()
    with call.progress() as progress:
        return replay_run(
            platform,
            known_run(platform, str(run)),
            start=Start(start.value) if start else Start.WHERE_POSSIBLE,
            trust=trust_in([key]) if key else None,
            progress=progress,
        )


def _bundle(call: Session, path: Path, start: From, key: Path | None) -> Replay:
    from platform_assets.pipeline.replay import Start, replay_bundle  # noqa: PLC0415
    from platform_assets.pipeline.replay_platform import Surroundings  # noqa: PLC0415

    platform = None
    if start is From.ANCHORS and (call.home / SETTINGS_FILE).exists():
        platform = call.open()  # it knows where the streams are now
    with (
        tempfile.TemporaryDirectory(prefix="platform-assets-") as folder,
        call.progress() as shown,
        shown.act(f"{path.name} replay"),
    ):
        around = Surroundings(call.home, Path(folder))
        if platform is not None:
            around = replace(around, settings=platform.settings, feeds=platform.feeds)
        keys = [key] if key else []
        return replay_bundle(path, around, keys=keys, start=Start(start.value), progress=shown)


def show_replay(console: Console, result: Replay) -> None:
    """Print the verdict in one line, then from what was rebuilt and what was compared."""
    amount = f"{counted(result.parts, 'part')}, {counted(result.rows, 'row')} compared"
    if result.divergence is None:
        how = "every SHA-256 the same"
        if result.decided_by == "content digests":
            how = "every content digest the same, by other engines"
        verdict = f"is {result.verdict}: {amount}, {how}"
    else:
        verdict = f"has {result.verdict}: {result.divergence.text()}"
    console.print(Text(f"{result.run_id} {verdict}"), soft_wrap=True)
    console.print(Text(f"  rebuilt from the {result.start}: {result.reason}"), soft_wrap=True)
    if result.divergence is not None:
        console.print(Text(f"  {amount} up to there"))
    for name, (then, now) in result.engines.items():
        console.print(Text(f"  {name} was {then}, is {now}"))
    for each in result.compared:
        amount = f"{counted(each.parts, 'part')}, {counted(each.rows, 'row')}: "
        shown = f"{amount if each.parts else ''}{each.sameness}"
        console.print(Text(f"  {each.step} {each.thing}: {shown}"))
        for problem in each.problems:
            console.print(Text(f"    {problem}"), soft_wrap=True)
    if result.keys == "self-asserted":
        console.print(Text("  The key came with the evidence; name the one you trust with --key."))
