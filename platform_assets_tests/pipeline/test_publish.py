"""I7: what is published lists the certified parts of closed runs, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from platform_assets.errors import PartAltered
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, build, certify, next_run, publish, revoke
from platform_assets.pipeline.admit import admit
from platform_assets.pipeline.land import land
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.shop import append, order

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def _rows(home: Path, product: str) -> int:
    with duckdb.connect() as connection:
        names = publish(Platform.open(home), "shop", connection)
        name = next((name for name in names if name.endswith(product)), None)
        if name is None:
            return 0
        found = connection.execute(f"select count(*) from {name}").fetchone()  # noqa: S608
    assert found is not None
    return int(found[0])


def test_i07_an_open_run_is_not_published_however_certified(closed_shop: Path) -> None:
    append(closed_shop, "orders", 0, [order(n) for n in range(1000, 1005)])
    platform = Platform.open(closed_shop)
    run = next_run(platform, "shop")
    assert run == RunId("shop", 2)
    land(platform, run, "orders")
    admit(platform, run, "orders")
    build(platform, run, "orders")
    assert certify(platform, run, "orders")["verdict"] == "PASS"
    assert _rows(closed_shop, "orders") == 100


def test_i07_a_revoked_product_is_gone_with_the_next_publication(closed_shop: Path) -> None:
    assert _rows(closed_shop, "refunds") == 10
    revoke(Platform.open(closed_shop), RUN, "refunds", "counted twice")
    assert _rows(closed_shop, "refunds") == 0
    assert _rows(closed_shop, "orders") == 100


def test_i07_a_damaged_product_stops_the_publication(closed_shop: Path) -> None:
    attacker = Attacker(closed_shop, RUN)
    attacker.overwrite(attacker.part(), b"no parts of mine")
    with pytest.raises(PartAltered), duckdb.connect() as connection:
        publish(Platform.open(closed_shop), "shop", connection)
