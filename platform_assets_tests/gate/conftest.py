"""A shop whose first run is certified and not closed, to be attacked."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, build, certify, land, pin
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.shop import make_shop

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


@pytest.fixture(scope="session")
def certified_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build once; each attack gets a copy."""
    home = make_shop(tmp_path_factory.mktemp("certified") / "home")
    platform = Platform.open(home)
    assert pin(platform, "shop") == RUN
    for stream in ("orders", "changes"):
        land(platform, RUN, stream)
        admit(platform, RUN, stream)
    for product in ("orders", "cancellations", "refunds"):
        build(platform, RUN, product)
        assert certify(platform, RUN, product)["verdict"] == "PASS"
    return home


@pytest.fixture
def attacker(certified_home: Path, tmp_path: Path) -> Attacker:
    """Return someone who can write anything below a copy of the home."""
    home = tmp_path / "home"
    shutil.copytree(certified_home, home)
    return Attacker(home, RUN)
