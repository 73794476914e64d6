"""Homes with a shop: one that is ready to run, one whose first run is closed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, next_run
from platform_assets_tests.shop import make_shop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "home")


@pytest.fixture(scope="session")
def _closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = make_shop(tmp_path_factory.mktemp("closed") / "home")
    platform = Platform.open(home)
    assert next_run(platform, "shop") == RunId("shop", 1)
    finish(platform, RunId("shop", 1))
    return home


@pytest.fixture
def closed_shop(_closed: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(_closed, home)
    return home
