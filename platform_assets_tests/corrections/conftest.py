"""Homes with two closed windows under a contract that was wrong, and is mended now."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.corrections.mended_shop import ONE, correct, mend, wrong_shop

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.pipeline import Platform


@pytest.fixture(scope="session")
def wrong_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = wrong_shop(tmp_path_factory.mktemp("wrong") / "home")
    mend(home)
    return home


@pytest.fixture(scope="session")
def corrected_once(wrong_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("corrected") / "home"
    shutil.copytree(wrong_home, home)
    correct(mend(home), ONE)
    return home


@pytest.fixture
def home(wrong_home: Path, tmp_path: Path) -> Path:
    """Return a home with two closed windows, of which none is corrected yet."""
    shutil.copytree(wrong_home, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def corrected_home(corrected_once: Path, tmp_path: Path) -> Path:
    """Return that home after run 3 corrected run 1."""
    shutil.copytree(corrected_once, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def platform(home: Path) -> Platform:
    return mend(home)


@pytest.fixture
def corrected(corrected_home: Path) -> Platform:
    return mend(corrected_home)
