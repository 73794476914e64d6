"""A shop whose second run builds on its first: deduplication, a check and a consumer consult it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, next_run
from platform_assets_tests.shop import append, make_shop, order, redeclare, refunded

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = RunId("shop", 1), RunId("shop", 2)


def close_next(home: Path) -> RunId:
    """Take the next window of the shop to its closure."""
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    finish(platform, run)
    return run


def make_two_runs(home: Path, *, orders: int = 60) -> Path:
    """Make a shop with two closed runs; the second repeats, contradicts and refunds the first."""

    def reads_history(attributes: dict[str, Any]) -> None:
        attributes["consumers"]["turnover"]["reads"] = [
            {"product": "orders", "history_runs": 1},
            {"product": "refunds"},
        ]

    make_shop(home, orders=orders)
    assert close_next(home) == FIRST
    redeclare(home, reads_history)
    later = [order(n) for n in range(100, 130)]
    append(home, "orders", 0, [*later, order(3), order(4, cents=9), b"{", {"order_id": "o-x"}])
    append(home, "changes", 0, [refunded(1), refunded(101)])
    assert close_next(home) == SECOND
    return home


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home that tests may read and must not change."""
    return make_two_runs(tmp_path_factory.mktemp("replay") / "home")


@pytest.fixture
def shop(two_runs: Path, tmp_path: Path) -> Path:
    """Return a copy of that home, to be changed."""
    home = tmp_path / "home"
    shutil.copytree(two_runs, home)
    return home
