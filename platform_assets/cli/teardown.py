"""Deleting the data of closed runs by their feed's retention, with a signed proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from platform_assets.cli.names import known_run
from platform_assets.cli.session import Explained, HomeOption, JsonOption, session
from platform_assets.errors import InvalidName, PlatformError, Usage
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.pipeline import Platform

_WORDS = {"NOTHING": "nothing is due", "PLANNED": "would go", "DONE": "deleted"}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: platform-assets teardown payments --proof")(teardown)


def teardown(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[FEED|RUN]", help="A feed or a closed run. [default: every feed]"),
    ] = None,
    *,
    proof: Annotated[
        bool, typer.Option("--proof", help="Sign and show what was deleted. Nothing goes without.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Delete and write nothing; say what would go.")
    ] = False,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Only runs closed before that: 30d."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Delete landing, admission and products of closed runs by the feed's `retention`.

    Never evidence, records, certificates or manifests. What other runs still need stays and is named.
    """
    from platform_assets.adapters.removals import open_removal  # noqa: PLC0415
    from platform_assets.declarations.retention import age_of  # noqa: PLC0415
    from platform_assets.pipeline.teardown import teardown as delete  # noqa: PLC0415

    call = session(home, as_json=json)
    if not proof and not dry_run:
        raise Usage(
            "platform-assets teardown",
            expected="--proof, or --dry-run",
            found="neither",
            remedy="What is deleted is gone for ever, so that it goes with a signed proof only: add "
            "--proof. To look first: --dry-run",
        )
    if older_than is not None:
        age_of(older_than)
    platform = call.open()
    removal = open_removal(platform.settings, platform.home)
    answers: list[dict[str, Any]] = []
    refused: list[PlatformError] = []
    with call.progress() as shown:
        for run in _targets(platform, target):
            try:
                with shown.act(f"{run} teardown"):
                    answer = delete(platform, removal, run, older_than=older_than, dry_run=dry_run)
                answers.append(answer)
            except PlatformError as error:
                refused.append(error)
    if refused:
        if not call.as_json:
            show(Console(stderr=True), answers, proof=proof)
        worst = max(refused, key=lambda error: error.exit_code)
        also = [error.as_json() for error in refused if error is not worst]
        raise Explained(worst, {"runs": answers, "refused": also})
    call.answer({"runs": answers}, lambda console: show(console, answers, proof=proof))


def show(console: Console, answers: list[dict[str, Any]], *, proof: bool) -> None:
    """Print, for each run, what went, what stays and why, and what can still be verified."""
    if not answers:
        console.print("No run is closed yet.")
    for answer in answers:
        gone = [*answer["removed"], *answer["unlisted"]]
        size = sum(entry["size"] for entry in gone)
        counted = f"{len(gone)} files, {size:,} bytes " if gone else ""
        console.print(Text(f"{answer['run_id']}: {counted}{_WORDS[answer['state']]}"))
        for kept in answer["kept"]:
            line = f"  {kept['kind']} {kept['name']} stays ({kept['files']} files): {kept['why']}"
            console.print(Text(line), soft_wrap=True)
        if proof and answer["state"] == "DONE":
            _show_proof(console, answer, gone)


def _show_proof(console: Console, answer: dict[str, Any], gone: list[dict[str, Any]]) -> None:
    for entry in gone:
        line = f"  deleted {entry['path']} {entry['size']} {entry['sha256']}"
        console.print(Text(line), soft_wrap=True)
    remains = answer["proof"]["remains"]
    for what in remains["verifiable"]:
        console.print(Text(f"  still verifiable: {what}"), soft_wrap=True)
    for what in remains["no_longer"]:
        console.print(Text(f"  no longer: {what}"), soft_wrap=True)
    console.print(Text(f"  signed record: {answer['path']}"), soft_wrap=True)


def _targets(platform: Platform, target: str | None) -> Iterator[RunId]:
    from platform_assets.pipeline.teardown import closed_runs_of  # noqa: PLC0415

    try:
        run = RunId.parse(target) if target is not None else None
    except InvalidName:
        run = None
    if run is not None:
        yield known_run(platform, str(run))
        return
    for feed in sorted(platform.feeds) if target is None else (platform.feed(target).feed,):
        yield from closed_runs_of(platform, feed)
