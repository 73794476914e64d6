"""Of a strict product nothing is told that a baseline could hold, and a drift check is no pass."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, certify
from platform_assets.pipeline.baselines import pin_baseline
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def _no_longer_strict(feed: dict[str, Any]) -> None:
    feed.pop("strict", None)
    for output in (*feed["products"].values(), *feed["consumers"].values()):
        output.pop("strict", None)


def test_a_strict_product_has_no_baseline(strict_home: Path) -> None:
    with pytest.raises(errors.UnknownThing, match="a strict one"):
        pin_baseline(Platform.open(strict_home), "shop", "orders", [RUN], "")


def test_a_product_that_was_strict_when_it_was_built_has_no_baseline(
    strict_home: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(strict_home, tmp_path / "home")
    redeclare(home, _no_longer_strict)
    with pytest.raises(errors.RecordMissing, match="it was strict"):
        pin_baseline(Platform.open(home), "shop", "orders", [RUN], "")


def test_a_drift_check_of_a_strict_product_fails_it(built_home: Path) -> None:
    check = {"check": "drift", "column": "cents", "baseline": 1, "statistic": "ks", "at_most": 1}
    redeclare(built_home, lambda feed: feed["products"]["orders"]["checks"].append(check))
    certificate = certify(Platform.open(built_home), RUN, "orders")
    assert certificate["verdict"] == "FAIL"
    (found,) = [each for each in certificate["checks"] if each["check"] == "drift"]
    assert found["outcome"] == "ERROR"
