"""Of the parts that were verified so many are remembered, in a process that never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import PartAltered
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, open_product, pin, product_parts
from platform_assets_tests.shop import make_shop

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def test_few_are_remembered_and_each_is_verified_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_parts, "_REMEMBERED", 2)
    monkeypatch.setattr(product_parts, "_verified", {})
    platform = Platform.open(make_shop(tmp_path / "home"))
    assert pin(platform, "shop") == RUN
    finish(platform, RUN)
    for _ in range(3):
        paths = open_product(platform, RUN, "orders").paths
        assert len(paths) == 3
        assert len(product_parts._verified) == 2
    for path in paths:
        data = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(data[:-1] + b"?")
        with pytest.raises(PartAltered):
            open_product(platform, RUN, "orders")
        path.write_bytes(data)
