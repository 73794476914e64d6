"""The same events have the same digest, however they were dealt to partitions and windows."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.flow.content_digest import ContentDigest
from platform_assets.pipeline import Platform, events_digest, finish, next_run, open_product
from platform_assets_tests.cli.calls import call
from platform_assets_tests.shop import append, make_shop, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.pipeline import CertifiedProduct

ORDERS = [order(number) for number in range(40)]


def orders_of(
    home: Path, dealt: list[list[dict[str, Any]]], *, window: int = 1000
) -> list[CertifiedProduct]:
    """Take orders, dealt to partitions, through their runs, and return the product of each run."""
    make_shop(home, orders=0)
    shutil.rmtree(home / "data" / "shop" / "orders")
    for partition, records in enumerate(dealt):
        append(home, "orders", partition, records)
    redeclare(home, lambda feed: feed["window"].update(max_records=window))
    platform, products = Platform.open(home), []
    while (run := next_run(platform, "shop")) is not None:
        assert finish(platform, run)["verdict"] == "CLOSED"
        products.append(open_product(platform, run, "orders"))
    return products


@pytest.fixture(scope="module")
def one_partition(tmp_path_factory: pytest.TempPathFactory) -> list[CertifiedProduct]:
    return orders_of(tmp_path_factory.mktemp("one") / "home", [ORDERS])


def test_a06_other_partitions_and_windows_change_the_content_and_not_the_events(
    tmp_path: Path, one_partition: list[CertifiedProduct]
) -> None:
    dealt = orders_of(tmp_path / "home", [ORDERS[2::3], ORDERS[::3], ORDERS[1::3]], window=7)
    assert (len(one_partition), len(dealt)) == (1, 6)
    whole, summed = events_digest(one_partition), events_digest(dealt)
    assert summed.value == whole.value
    assert summed.rows == whole.rows == len(ORDERS)
    assert one_partition[0].manifest["content_digest"] != whole.value


def test_a06_the_digest_is_that_of_the_rows_without_their_positions(
    one_partition: list[CertifiedProduct],
) -> None:
    columns = one_partition[0].columns[:-3]
    assert [column.name for column in columns] == ["order_id", "customer", "cents", "at"]
    rows = one_partition[0].scan().collect().rows(named=True)
    assert events_digest(one_partition).value == ContentDigest.of_rows(columns, rows).value


@pytest.mark.parametrize(
    "changed",
    [
        [*ORDERS[:-1], order(39, cents=1)],
        ORDERS[:-1],
        [*ORDERS, order(40)],
    ],
    ids=["one value", "one less", "one more"],
)
def test_a06_other_events_have_another_digest(
    tmp_path: Path, one_partition: list[CertifiedProduct], changed: list[dict[str, Any]]
) -> None:
    found = events_digest(orders_of(tmp_path / "home", [changed]))
    assert found.value != events_digest(one_partition).value


def test_a_digest_of_no_product_is_none() -> None:
    with pytest.raises(RuntimeError, match="at least one product"):
        events_digest([])


def test_read_prints_the_digest_of_the_events(
    tmp_path: Path, one_partition: list[CertifiedProduct]
) -> None:
    home = tmp_path / "home"
    orders_of(home, [ORDERS[::2], ORDERS[1::2]])
    value = events_digest(one_partition).value
    asked = ("read", "orders", "--run", "shop-00000001", "--digest", "--home", home)
    assert f"events {value}\n" in call(*asked).out
    answer = call(*asked, "--json").document
    assert answer["events_digest"] == value
    assert answer["content_digest"] != value
