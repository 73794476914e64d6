from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.lanes.small_lane import Homes, SmallLane, make_homes, small_lane

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """A home in use, and a lane's home with two closed runs."""
    return make_homes(tmp_path_factory.mktemp("homes"))


@pytest.fixture(scope="session")
def sealed(homes: Homes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence of a lane that passed."""
    lane = small_lane(homes, tmp_path_factory.mktemp("sealed") / "evidence")
    return lane.write().seal().folder


@pytest.fixture
def lane(homes: Homes, tmp_path: Path) -> SmallLane:
    """A lane that went well, pinned, of which nothing else is written yet."""
    return small_lane(homes, tmp_path / "evidence")


@pytest.fixture
def evidence(sealed: Path, tmp_path: Path) -> Path:
    """A copy of the evidence of a lane that passed."""
    return shutil.copytree(sealed, tmp_path / "copy")
