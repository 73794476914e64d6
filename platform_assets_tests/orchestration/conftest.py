from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from platform_assets_tests.orchestration.shop_home import make_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "home")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
