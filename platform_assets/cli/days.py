"""A product by day: compact it, list its days, read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from platform_assets.cli import tables
from platform_assets.cli.feeds import FeedArgument
from platform_assets.cli.session import HomeOption, JsonOption, session
from platform_assets.errors import CertificationFailed, Refusal, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from platform_assets.pipeline import CertifiedDay, Platform

ProductOfEvents = Annotated[str, typer.Argument(metavar="PRODUCT", help="A product of events.")]
DayOption = Annotated[
    str | None,
    typer.Option("--day", metavar="DAY", help="A day in UTC, for example 2026-01-11, or undated."),
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="DAY", help="From this day on, included.")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="DAY", help="Up to this day, included.")
]


@dataclass(frozen=True)
class Chosen:
    """Which days are meant: one, or a range."""

    day: str | None
    since: str | None
    until: str | None

    def __bool__(self) -> bool:
        return any((self.day, self.since, self.until))

    def require_sound(self) -> None:
        """Refuse what names no days.

        Raises:
            InvalidName: one is no day.
            Usage: a day and a range are given, or the range ends before it begins.
        """
        from platform_assets.flow.compaction import UNDATED, check_day  # noqa: PLC0415

        ends = [check_day(end) for end in (self.since, self.until) if end is not None]
        both = self.day is not None and ends
        if both or UNDATED in ends or ends != sorted(ends):
            raise Usage(
                "--day, --since and --until",
                expected="one day, or a range that begins before it ends",
                found=", ".join(filter(None, (self.day, *ends))),
                remedy="Name one: --day 2026-01-11, or --since 2026-01-01 --until 2026-01-31",
            )

    def opened(self, platform: Platform, feed: str, product: str) -> list[CertifiedDay]:
        """Open the days through the gate; every part is hashed."""
        from platform_assets.pipeline import open_day, open_days  # noqa: PLC0415

        if self.day is not None:
            return [open_day(platform, feed, product, self.day, strict=True)]
        return open_days(platform, feed, product, since=self.since, until=self.until, strict=True)

    def named(self, platform: Platform, feed: str, product: str) -> list[str] | None:
        """Return the days to be compacted; None for all."""
        from platform_assets.pipeline.day_inspect import days_within  # noqa: PLC0415

        if self.day is not None:
            return [self.day]
        return days_within(platform, feed, product, self.since, self.until) if self else None


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: platform-assets compact payments authorisations")(compact)
    app.command(epilog="Example: platform-assets days payments authorisations")(days)


def compact(
    feed: FeedArgument,
    product: ProductOfEvents,
    *,
    day: DayOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make one certified product per day of event time from the certified products of closed runs.

    Of each window its newest closed run counts. A day that stands as it should is left alone; one with
    late events or a correction is made again, as its next generation. Without a day, every day is
    looked at that has rows. The content digests of the runs add up to those of the days, checked.
    """
    from platform_assets.pipeline import compact as compact_days  # noqa: PLC0415

    call = session(home, as_json=json)
    chosen = Chosen(day, since, until)
    chosen.require_sound()
    platform = call.open()
    platform.feed(feed)
    with call.working(f"{feed} compact {product}"):
        named = chosen.named(platform, feed, product)
        done = list(compact_days(platform, feed, product, named))
    call.answer({"feed": feed, "product": product, "days": done}, lambda c: _compacted(c, done))
    if any(each["refusal"] for each in done):
        raise typer.Exit(Refusal.exit_code)
    if any(each["verdict"] != "PASS" for each in done):
        raise typer.Exit(CertificationFailed.exit_code)


def days(
    feed: FeedArgument,
    product: ProductOfEvents,
    *,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """List the days of a product: what each is made of, and whether it may be read."""
    from platform_assets.pipeline.day_inspect import day_states  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    platform.feed(feed)
    with call.working(f"{feed} days {product}"):
        states = day_states(platform, feed, product)
    answer = {"feed": feed, "product": product, "days": states}
    call.answer(answer, lambda console: _listed(console, states))


def read_days(console: Console, opened: Sequence[CertifiedDay]) -> None:
    """Print which days were read, and from how many runs."""
    for each in opened:
        console.print(
            f"{each.name} of {each.day}: {each.rows:,} certified rows of {len(each.runs)} "
            f"run{'' if len(each.runs) == 1 else 's'}, generation {each.generation}, "
            f"manifest {tables.short(each.manifest_digest)}"
        )


def days_answer(opened: Sequence[CertifiedDay], target: Path | None) -> dict[str, Any]:
    """Return what JSON says of days that were read."""
    return {
        "product": opened[0].name,
        "feed": opened[0].feed,
        "rows": sum(each.rows for each in opened),
        "days": [
            {
                "day": each.day,
                "generation": each.generation,
                "rows": each.rows,
                "runs": each.runs,
                "checkpoint": each.manifest["checkpoint"],
                "manifest_digest": each.manifest_digest,
                "certificate_digest": each.certificate_digest,
                "content_digest": each.manifest["content_digest"],
                "files": [str(path) for path in each.paths],
            }
            for each in opened
        ],
        "out": str(target) if target else None,
    }


def _compacted(console: Console, done: Sequence[dict[str, Any]]) -> None:
    grid = _grid("made", "verdict")
    for each in done:
        if each["refusal"]:
            grid.add_row(each["day"], "", "", "", "", "refused", tables.coloured("FAIL"))
            continue
        made = "anew" if each["changed"] else "before"
        grid.add_row(*_cells(each), made, tables.coloured(each["verdict"]))
    console.print(grid)
    _refusals(console, done)
    _failures(console, done)
    for left in done[0].get("left_out", ()) if done else ():
        console.print(Text(f"left out: {left['run_id']}, {left['why']}"))


def _listed(console: Console, states: Sequence[dict[str, Any]]) -> None:
    grid = _grid("readable")
    for each in states:
        word = "yes" if each["readable"] else each["refusal"]["error"]
        grid.add_row(*_cells(each), word)
    console.print(grid)
    _refusals(console, states)


def _grid(*more: str) -> Table:
    return Table(
        Column("day", no_wrap=True),
        Column("generation", justify="right"),
        Column("runs", justify="right"),
        Column("rows", justify="right"),
        Column("content", no_wrap=True),
        *more,
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def _cells(each: dict[str, Any]) -> tuple[str, str, str, str, str]:
    runs = each.get("runs")
    return (
        each["day"],
        str(each["generation"] or "none"),
        f"{len(runs):,}" if runs is not None else "",
        f"{each['rows']:,}",
        tables.short(each.get("content_digest")),
    )


def _refusals(console: Console, of: Iterable[dict[str, Any]]) -> None:
    for each in of:
        if each["refusal"]:
            told = each["refusal"]
            console.print(
                Text(f"{told['error']}: {told['thing']}: {told['found']}. {told['remedy']}"),
                soft_wrap=True,
            )


def _failures(console: Console, done: Iterable[dict[str, Any]]) -> None:
    for each in done:
        for check in (each.get("certificate") or {}).get("checks", ()):
            if check["outcome"] != "PASS":
                told = f"{check['observed']}, expected {check['expected']}"
                line = f"{each['day']}: {check['name']}: {check['outcome']}: {told}"
                console.print(Text(line), soft_wrap=True)
