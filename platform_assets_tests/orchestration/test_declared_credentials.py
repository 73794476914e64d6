"""I14: the credentials that a declaration refers to are withheld from Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.orchestration.resources import PlatformResource
from platform_assets_tests.shop import make_shop, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

VALUE = "of the declaration"


def announcing(feed: dict[str, Any]) -> None:
    """Declare a source of which nothing is read: that to which the feed announces."""
    sasl = {
        "mechanism": "PLAIN",
        "username": {"env": "SHOP_USER"},
        "password": {"env": "SHOP_PASSWORD"},
    }
    source = {"kind": "kafka", "bootstrap": ["broker.invalid:9092"], "sasl": sasl}
    feed["announce"] = {"source": source, "topic": "ready"}


def test_i14_dagster_is_told_which_declared_values_to_withhold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_shop(tmp_path / "home")
    monkeypatch.setenv("SHOP_PASSWORD", VALUE)
    monkeypatch.setenv("SHOP_TOKEN", "of the settings")
    (shop / "platform.yaml").write_text("secrets: [SHOP_TOKEN]\n")
    redeclare(shop, announcing)
    assert PlatformResource(home=str(shop)).secrets == {VALUE, "of the settings"}
    (shop / "defs" / "shop" / "defs.yaml").write_text("type: [\n")
    assert PlatformResource(home=str(shop)).secrets == {"of the settings"}
    (shop / "platform.yaml").write_text("secrets: [\n")
    assert PlatformResource(home=str(shop)).secrets == frozenset()
