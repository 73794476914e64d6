"""Asking a ledger: what it knew of a subject as of a moment, and how it came to know it."""

from __future__ import annotations

import json as json_text
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from platform_assets.canonical import rfc3339
from platform_assets.cli.feeds import FeedArgument
from platform_assets.cli.session import HomeOption, JsonOption, session
from platform_assets.errors import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from platform_assets.pipeline.knowledge import Knowledge

LedgerArgument = Annotated[str, typer.Argument(metavar="LEDGER", help="A ledger of the feed.")]
KnownOption = Annotated[
    str | None,
    typer.Option("--known", metavar="TIME", help="What was known until then; default: now."),
]
_GRID: dict[str, Any] = {"box": SIMPLE_HEAD, "padding": (0, 1, 0, 0)}
_MOMENTS = ("effective_at", "observed_at")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    example = (
        "Example: platform-assets as-of payments labels a-17 --effective 2026-02-01T00:00:00Z "
        "--known 2026-03-01T00:00:00Z"
    )
    app.command("as-of", epilog=example)(as_of)
    app.command(epilog="Example: platform-assets timeline payments labels a-17")(timeline)


def as_of(
    feed: FeedArgument,
    ledger: LedgerArgument,
    subjects: Annotated[
        list[str], typer.Argument(metavar="SUBJECT...", help="Whom or what it is asked about.")
    ],
    *,
    effective: Annotated[
        str | None,
        typer.Option("--effective", metavar="TIME", help="What held by then; default: --known."),
    ] = None,
    known: KnownOption = None,
    prefer_source_order: Annotated[
        bool,
        typer.Option(
            "--prefer-source-order", help="Of values with one time take the last, not CONFLICT."
        ),
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Answer what a ledger knew of subjects until one moment, of what held by another.

    The answer is FOUND, NOT_FOUND, or CONFLICT where several values have the same time. A time is
    written with its zone, as 2026-03-01T00:00:00Z.
    """
    import polars as pl  # noqa: PLC0415

    from platform_assets.pipeline.knowledge import knowledge  # noqa: PLC0415
    from platform_assets.truth import as_of as answers  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    until = _moment("--known", known) or platform.clock.now()
    holds = _moment("--effective", effective) or until
    asked = knowledge(platform, feed, ledger, until)
    policy = answers.Policy.PREFER_SOURCE_ORDER if prefer_source_order else answers.Policy.REFUSE
    targets = pl.LazyFrame({"subject": list(dict.fromkeys(subjects))})
    cutoffs = answers.Cutoffs(holds, until)
    found = answers.as_of(asked.entries, targets, cutoffs, policy).collect().to_dicts()
    told = {
        "feed": feed,
        "ledger": ledger,
        "effective": rfc3339(holds),
        "known": rfc3339(until),
        **_runs(asked),
        "answers": [_readable(answer) for answer in found],
    }
    call.answer(told, lambda console: _show_answers(console, told))


def timeline(
    feed: FeedArgument,
    ledger: LedgerArgument,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT")],
    *,
    known: KnownOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show every entry of a subject in the order in which it came to be known."""
    import polars as pl  # noqa: PLC0415

    from platform_assets.pipeline.knowledge import knowledge  # noqa: PLC0415
    from platform_assets.truth.entries import ORDER  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    until = _moment("--known", known) or platform.clock.now()
    asked = knowledge(platform, feed, ledger, until)
    entries = asked.entries.filter(pl.col("subject") == subject).sort(ORDER).collect().to_dicts()
    told = {
        "feed": feed,
        "ledger": ledger,
        "subject": subject,
        "known": rfc3339(until),
        **_runs(asked),
        "entries": [_readable(entry) for entry in entries],
    }
    call.answer(told, lambda console: _show_entries(console, told))


def _moment(option: str, given: str | None) -> datetime | None:
    """Return the moment that an option names.

    Raises:
        Usage: it is none, or has no zone.
    """
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Usage(
            option,
            expected="a time with its zone, for example 2026-03-01T00:00:00Z",
            found=repr(given),
            remedy="Write date, time and zone.",
        )
    return moment.astimezone(UTC)


def _runs(asked: Knowledge) -> dict[str, list[str]]:
    return {
        "runs": [str(run) for run in asked.runs],
        "not_closed": [str(r) for r in asked.left_out],
    }


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    moments = {name: rfc3339(row[name]) if row[name] else None for name in _MOMENTS}
    value = json_text.loads(row["value"]) if row["value"] else None
    return {**row, **moments, "value": value}


def _show_answers(console: Console, told: Mapping[str, Any]) -> None:
    times = (_times("holds since"), _times("known since"))
    grid = Table("subject", "status", _folded("value"), *times, **_GRID)
    for answer in told["answers"]:
        named = answer["candidates"] if answer["status"] == "CONFLICT" else ()
        value = f"one of {', '.join(named)}" if named else _value(answer["value"])
        since = (_shown(answer["effective_at"]), _shown(answer["observed_at"]))
        grid.add_row(*map(Text, (answer["subject"], answer["status"], value, *since)))
    console.print(grid)
    console.print(Text(f"what held by     {told['effective']}"))
    console.print(Text(f"and was known by {told['known']}"))
    _show_left_out(console, told["not_closed"])


def _show_entries(console: Console, told: Mapping[str, Any]) -> None:
    times = (_times("known since"), _times("holds since"))
    grid = Table(*times, _folded("entry"), "kind", _folded("value"), "", **_GRID)
    for entry in told["entries"]:
        target = f" {entry['target']}" if entry["target"] else ""
        cells = (
            _shown(entry["observed_at"]),
            _shown(entry["effective_at"]),
            entry["entry_id"],
            f"{entry['kind']}{target}",
            _value(entry["value"]),
            entry["refused"] or "",
        )
        grid.add_row(*map(Text, cells))
    console.print(grid)
    _show_left_out(console, told["not_closed"])


def _show_left_out(console: Console, runs: Sequence[str]) -> None:
    if runs:
        console.print(Text(f"not closed yet, and not counted: {', '.join(runs)}"))


def _times(name: str) -> Column:
    return Column(name, no_wrap=True)


def _folded(name: str) -> Column:
    return Column(name, overflow="fold")


def _shown(moment: str | None) -> str:
    """Return a moment of a record for people: in UTC, to the second."""
    return (moment or "")[:19].replace("T", " ")


def _value(value: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} {said}" for name, said in (value or {}).items())
