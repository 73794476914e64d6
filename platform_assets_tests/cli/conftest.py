"""A home with a shop: run 1 is closed, run 2 failed a check of its refunds, run 3 was never pinned."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.cli.calls import call
from platform_assets_tests.shop import append, make_shop, order, refunded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLOSED = "shop-00000001"
OPEN = "shop-00000002"
NOBODY = 65534


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("PLATFORM_HOME", raising=False)


@pytest.fixture(scope="session")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home that tests may read and must not change."""
    home = make_shop(tmp_path_factory.mktemp("cli") / "home", orders=20)
    assert call("run", "shop", "--home", home).code == 0
    append(home, "orders", 0, [order(900), order(901)])
    append(home, "changes", 0, [refunded(900, cents=0)])
    assert call("run", "shop", "--home", home).code == 1
    return home


@pytest.fixture
def shop(failing: Path, tmp_path: Path) -> Path:
    """Return a copy of that home, to be changed."""
    home = tmp_path / "home"
    shutil.copytree(failing, home)
    return home


@pytest.fixture
def ordinary_user(tmp_path: Path) -> Iterator[None]:
    """Be nobody in particular, because permissions do not hold for root."""
    if os.geteuid() != 0:
        yield
        return
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(tempfile.gettempdir()) and not folder.samefile(
            tempfile.gettempdir()
        ):
            folder.chmod(0o755)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
