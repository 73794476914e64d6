"""What waits in the streams of a feed, and how much of what may be open is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from platform_assets.cli.feeds import FeedArgument
from platform_assets.cli.session import HomeOption, JsonOption, session

if TYPE_CHECKING:
    import typer
    from rich.console import Console

_BAR = 16  # beside the name of a shard it fits a terminal of 80 columns
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: platform-assets lag payments")(lag)


def lag(feed: FeedArgument, *, home: HomeOption = None, json: JsonOption = False) -> None:
    """Show what waits in each partition: records, and seconds where the source knows them."""
    from platform_assets.pipeline.lag import lag as lag_of  # noqa: PLC0415
    from platform_assets.pipeline.pinned_runs import open_runs  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    found = lag_of(platform, feed)
    told = {
        "feed": feed,
        "records": found.records,
        "seconds": found.seconds,
        "open_runs": [str(run) for run in open_runs(platform, feed)],
        "max_open_runs": platform.feed(feed).window.max_open_runs,
        "partitions": [
            {
                "stream": p.stream,
                "partition": p.partition,
                "records": p.records,
                "seconds": p.seconds,
            }
            for p in found.partitions
        ],
    }
    call.answer(told, lambda console: _show(console, told))


def _show(console: Console, told: dict[str, Any]) -> None:
    grid = Table(
        "stream",
        "partition",
        Column("records", justify="right"),
        Column("seconds", justify="right"),
        Column("", no_wrap=True),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    most = max((part["records"] for part in told["partitions"]), default=0)
    for part in told["partitions"]:
        grid.add_row(
            part["stream"],
            Text(part["partition"], overflow="fold"),
            f"{part['records']:,}",
            _seconds(part),
            bar(part["records"], most),
        )
    console.print(grid)
    runs = ", ".join(told["open_runs"]) or "none"
    console.print(Text(f"{told['records']:,} offsets wait in {told['feed']}"))
    console.print(Text(f"open runs, of {told['max_open_runs']} that may be: {runs}"))


def bar(value: int, most: int) -> str:
    """Return a bar whose length is the value's share of the largest; something shows as something."""
    eighths = round(8 * _BAR * value / most) if most else 0
    eighths = max(eighths, 1 if value else 0)
    return (_EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _seconds(part: dict[str, Any]) -> str:
    if not part["records"]:
        return ""
    return "unknown" if part["seconds"] is None else f"{part['seconds']:,.1f}"
