"""The same two closed runs twice: with everything strict, and in the clear."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, build, caught_up, land, pin
from platform_assets.pipeline.run import Silence
from platform_assets_tests.strict.planted_shop import deliver, make_planted, second_window

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def _closed(home: Path, *, strict: bool) -> Path:
    make_planted(home, strict=strict)
    assert len(list(caught_up(Platform.open(home), "shop", Silence()))) == 1
    deliver(home, second_window())
    assert len(list(caught_up(Platform.open(home), "shop", Silence()))) == 1
    return home


@pytest.fixture(scope="session")
def strict_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home of strict products with two closed runs, to be looked at and not changed."""
    return _closed(tmp_path_factory.mktemp("strict") / "home", strict=True)


@pytest.fixture(scope="session")
def clear_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its twin in the clear."""
    return _closed(tmp_path_factory.mktemp("clear") / "home", strict=False)


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = make_planted(tmp_path_factory.mktemp("built") / "home", strict=True)
    platform = Platform.open(home)
    assert pin(platform, "shop") == RUN
    for stream in ("orders", "changes"):
        land(platform, RUN, stream)
        admit(platform, RUN, stream)
    for product in ("orders", "cancellations", "refunds"):
        build(platform, RUN, product)
    return home


@pytest.fixture
def built_home(_built: Path, tmp_path: Path) -> Path:
    """Return a home of strict products that are built and not certified, to be changed."""
    return shutil.copytree(_built, tmp_path / "home")


@pytest.fixture
def closed_home(strict_home: Path, tmp_path: Path) -> Path:
    """Return a home of strict products with two closed runs, to be changed."""
    return shutil.copytree(strict_home, tmp_path / "home")
