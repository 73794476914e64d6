"""A shop whose orders fall on days of their own choosing, or on none, over small closed runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, next_run, open_product
from platform_assets.pipeline.compact import compact
from platform_assets.pipeline.day_reading import open_day
from platform_assets_tests.shop import append, make_shop, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.pipeline.day_reading import CertifiedDay

ONE, TWO, THREE = (RunId("shop", number) for number in range(1, 4))
TENTH, ELEVENTH, TWELFTH = "2026-01-10", "2026-01-11", "2026-01-12"


def dated_shop(home: Path) -> Path:
    """Write a home whose orders may have no time, and close two windows over midnight."""
    make_shop(home, orders=0)
    change_contract(home, lambda at: at | {"type": ["string", "null"]})
    redeclare(home, lambda feed: feed["dedupe"].update(horizon_runs=1))
    append(home, "orders", 0, [order(1, at=f"{TENTH}T23:59:59.999999Z")])
    append(home, "orders", 0, [order(2, at=f"{ELEVENTH}T00:00:00Z")])
    append(home, "orders", 1, [order(3, at=f"{ELEVENTH}T01:30:00+02:00"), order(4, at=None)])
    take(home)
    append(home, "orders", 0, [order(n, at=f"{ELEVENTH}T08:00:00Z") for n in range(5, 9)])
    append(home, "orders", 1, [order(9, at=f"{TWELFTH}T08:00:00Z"), order(10, at=None)])
    take(home)
    return home


def change_contract(home: Path, change: Any) -> None:
    """Change what the contract of orders says of their time."""
    path = home / "schemas" / "events" / "shop" / "order.json"
    contract = json.loads(path.read_text())
    contract["properties"]["at"] = change(contract["properties"]["at"])
    path.write_text(json.dumps(contract))


def take(home: Path) -> RunId:
    """Take the next window to its closure."""
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    finish(platform, run)
    return run


def late(home: Path, *numbers: int, day: str = TENTH) -> RunId:
    """Close one more run, with orders of a day that has passed."""
    append(home, "orders", 0, [order(n, at=f"{day}T09:00:00Z") for n in numbers])
    return take(home)


def compacted(platform: Platform, *days: str) -> dict[str, dict[str, Any]]:
    """Compact, and return what became of each day."""
    return {done["day"]: done for done in compact(platform, "shop", "orders", days or None)}


def opened(platform: Platform, day: str) -> CertifiedDay:
    return open_day(platform, "shop", "orders", day, strict=True)


def orders_of(platform: Platform, day: str) -> list[str]:
    """Return the ids of the orders of a day, as a reader gets them."""
    return sorted(opened(platform, day).scan().collect()["order_id"])


def rows_of_runs(platform: Platform, *runs: RunId) -> pl.DataFrame:
    """Return all rows of runs, in the order of their positions."""
    frames = [open_product(platform, run, "orders").scan() for run in runs]
    return pl.concat(frames).collect().sort("_partition", "_offset")


def generation_folder(home: Path, day: str, generation: int = 1) -> Path:
    return home / "store" / "compactions" / "shop" / "orders" / day / f"{generation:04d}"
