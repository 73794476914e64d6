"""Homes with a shop: ready to run, with a run that is ready to be closed, with one that is closed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    admit,
    build,
    certify,
    consume,
    finish,
    land,
    next_run,
    pin,
)
from platform_assets_tests.shop import make_shop

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


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


@pytest.fixture(scope="session")
def _ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = make_shop(tmp_path_factory.mktemp("ready") / "home")
    platform = Platform.open(home)
    assert pin(platform, "shop") == RUN
    for stream in ("orders", "changes"):
        land(platform, RUN, stream)
        admit(platform, RUN, stream)
    for product in ("orders", "cancellations", "refunds"):
        build(platform, RUN, product)
        certify(platform, RUN, product)
    consume(platform, RUN, "turnover")
    certify(platform, RUN, "turnover")
    return home


@pytest.fixture
def ready(_ready: Path, tmp_path: Path) -> Path:
    """Return a home whose run may be closed."""
    shutil.copytree(_ready, tmp_path / "home")
    return tmp_path / "home"
