"""A shop with five closed runs, whose dedupe horizon is three runs and whose data is due at once."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.pipeline import Platform, caught_up, next_run
from platform_assets.pipeline.run import Silence
from platform_assets_tests.shop import append, make_shop, order, redeclare
from platform_assets_tests.teardown.torn import keep

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def closed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = make_shop(tmp_path_factory.mktemp("teardown") / "home", orders=20)
    platform = Platform.open(home)
    for number in range(5):
        for _ in caught_up(platform, "shop", Silence()):
            pass
        append(home, "orders", 0, [order(1000 + number)])
    keep(home, landing="0d", admission="0d", products="0d")
    return home


@pytest.fixture
def home(closed_home: Path, tmp_path: Path) -> Path:
    """Return a copy of that home, to be changed."""
    copy = tmp_path / "home"
    shutil.copytree(closed_home, copy)
    return copy


@pytest.fixture
def open_too(home: Path) -> Path:
    """Return the home with a sixth run that is pinned and open."""
    append(home, "orders", 0, [order(2000)])
    assert next_run(Platform.open(home), "shop") is not None
    return home


@pytest.fixture
def long_horizon(home: Path) -> Path:
    def change(feed: dict[str, Any]) -> None:
        feed["dedupe"]["horizon_runs"] = 30

    redeclare(home, change)
    return home
