"""A strict feed in Dagster: the same run, and nothing that it keeps shows a row or a key."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import dagster as dg

from platform_assets.adapters.data_key import written_forms
from platform_assets.identifiers import RunId
from platform_assets.orchestration import home_instance, run_feed_in_dagster
from platform_assets.pipeline import Platform, open_product
from platform_assets_tests.strict.planted_shop import make_planted, planted
from platform_assets_tests.strict.raw_search import found_in

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def test_dagster_keeps_no_row_and_no_key_of_a_strict_feed(tmp_path: Path) -> None:
    home = make_planted(tmp_path / "home", strict=True)
    assert run_feed_in_dagster(home, "shop") == [RUN]
    assert open_product(Platform.open(home), RUN, "orders").scan().collect().height == 60
    keys = [(home / f"keys/{name}.key").read_text().split()[-1] for name in ("staging", "release")]
    forms = {form for key in keys for form in written_forms(base64.b64decode(key))}
    elsewhere = [path for path in home.iterdir() if path.name not in ("data", "keys")]
    kept = [path for path in elsewhere if path.is_dir()]
    assert any("dagster" in path.name for path in kept)
    for folder in kept:
        assert found_in(folder, planted() | forms) == {}
    with home_instance(home) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["shop", "catalogue"]))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["view_count"].value == 0
    assert "strict: its parts are encrypted" in str(metadata["left_out"].value)
