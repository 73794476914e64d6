"""Homes with two closed windows over midnight, before and after they were compacted."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.pipeline import Platform
from platform_assets_tests.compaction.dated_shop import compacted, dated_shop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def closed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dated_shop(tmp_path_factory.mktemp("dated") / "home")


@pytest.fixture(scope="session")
def compacted_home(closed_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("compacted") / "home"
    shutil.copytree(closed_home, home)
    compacted(Platform.open(home))
    return home


@pytest.fixture
def uncompacted(closed_home: Path, tmp_path: Path) -> Path:
    """Return a home of which nothing is compacted yet."""
    shutil.copytree(closed_home, tmp_path / "uncompacted")
    return tmp_path / "uncompacted"


@pytest.fixture
def home(compacted_home: Path, tmp_path: Path) -> Path:
    """Return that home after every day was compacted."""
    shutil.copytree(compacted_home, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def platform(home: Path) -> Platform:
    return Platform.open(home)
