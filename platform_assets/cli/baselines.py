"""Baselines of products: what later runs are held against, pinned by number and never replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from platform_assets.cli.names import known_run
from platform_assets.cli.session import HomeOption, JsonOption, session

if TYPE_CHECKING:
    from rich.console import Console

baseline = typer.Typer(
    name="baseline",
    help="Pin what the columns of a product hold, for drift checks to hold later runs against.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

FeedArgument = Annotated[str, typer.Argument(metavar="FEED")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    example = "Example: platform-assets baseline {} payments"
    baseline.command(epilog=example.format("pin") + " authorisations --run payments-00000001")(pin)
    baseline.command(name="list", epilog=example.format("list"))(list_baselines)
    app.add_typer(baseline)


def pin(
    feed: FeedArgument,
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="A product or a consumer.")],
    run: Annotated[
        list[str], typer.Option("--run", metavar="RUN", help="A closed run; may be repeated.")
    ],
    *,
    reason: Annotated[
        str,
        typer.Option("--reason", help="Why it is pinned; needed from the second baseline on."),
    ] = "",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Pin the next baseline of a product from certified products of closed runs.

    It is signed and never replaced. A drift check names the number of the baseline that it holds to.
    """
    from platform_assets.pipeline.baselines import pin_baseline  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    runs = [known_run(platform, each) for each in run]
    record = pin_baseline(platform, feed, product, runs, reason)

    def text(console: Console) -> None:
        rows = f"{record['rows']:,} rows of {len(runs)} runs"
        console.print(f"baseline {record['number']} of {feed}/{product}: {rows}", soft_wrap=True)
        console.print(f"Name it in a check: baseline: {record['number']}", soft_wrap=True)

    call.answer(record, text)


def list_baselines(
    feed: FeedArgument, *, home: HomeOption = None, json: JsonOption = False
) -> None:
    """List the baselines of every product of a feed, with the reason of each."""
    from platform_assets.pipeline.baselines import baselines  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    found = [
        _summary(product, record)
        for product in platform.feed(feed).outputs()
        for record in baselines(platform, feed, product)
    ]

    def text(console: Console) -> None:
        table = Table("product", "baseline", "rows", "runs", "pinned", "reason")
        for each in found:
            runs = ", ".join(each["runs"])
            row = (each["product"], each["number"], f"{each['rows']:,}", runs, each["pinned_at"])
            table.add_row(*map(str, row), each["reason"])
        console.print(table)

    call.answer({"feed": feed, "baselines": found}, text)


def _summary(product: str, record: dict[str, Any]) -> dict[str, Any]:
    kept = ("number", "rows", "reason", "pinned_by", "pinned_at", "predecessor")
    runs = [run["run_id"] for run in record["runs"]]
    return {"product": product, **{name: record[name] for name in kept}, "runs": runs}
