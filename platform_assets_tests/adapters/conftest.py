from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.adapters.checked_product import Product

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path)
