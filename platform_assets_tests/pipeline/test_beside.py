"""Several processes over one home: windows of a feed side by side, with history, with failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import CertificationFailed, PredecessorOpen, Usage
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    admit,
    build,
    certify,
    close,
    is_closed,
    land,
    next_run,
    pin,
    runs,
    verify_run,
)
from platform_assets.pipeline.backpressure import take_turn
from platform_assets.pipeline.beside import finished
from platform_assets_tests.pipeline.side_by_side import (
    land_windows,
    parallel_shop,
    settled_order,
)
from platform_assets_tests.shop import append, cancelled, make_shop, order, redeclare, refunded

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO, THREE = (RunId("shop", number) for number in (1, 2, 3))


def with_history(home: Path) -> Path:
    """Write a shop whose check reads earlier runs, in windows of twenty that go side by side."""
    make_shop(home, orders=40)
    redeclare(home, lambda feed: feed["window"].update(parallel=2, max_records=20))
    append(home, "orders", 0, [order(n) for n in range(0, 40, 2)])
    return home


def test_i04_two_processes_close_every_window_and_admit_each_identity_once(tmp_path: Path) -> None:
    home = with_history(tmp_path / "home")
    platform = Platform.open(home)
    platform.signer  # noqa: B018 - the key is made before they race
    closed = [ended.run for ended in finished(platform, "shop", 2)]
    assert sorted(closed) == runs(platform, "shop")
    assert len(closed) > 2
    rows = [platform_rows(platform, run) for run in closed]
    assert (sum(row[0] for row in rows), sum(row[1] for row in rows)) == (40, 20)
    assert all(verify_run(platform, run).ok for run in closed)
    assert settled_order(home, "orders") == sorted(closed), "who reads history settles in order"


def platform_rows(platform: Platform, run: RunId) -> tuple[int, int]:
    receipt = admit(platform, run, "orders")
    return receipt["admitted"], receipt["duplicate"]


def test_a_run_that_fails_ends_those_that_wait_for_it(tmp_path: Path) -> None:
    home = parallel_shop(
        tmp_path / "home", change=lambda feed: feed["window"].update(max_records=2)
    )
    redeclare(home, too_large)
    append(home, "changes", 0, [refunded(0), refunded(1), cancelled(0), cancelled(1)])
    platform = Platform.open(home)
    platform.signer  # noqa: B018 - the key is made before they race
    land(platform, pin(platform, "shop") or ONE, "changes")
    admit(platform, ONE, "changes")  # so that the second run counts it, and waits
    with pytest.raises(CertificationFailed, match="refund_size"):
        list(finished(platform, "shop", 2))
    assert not is_closed(platform, ONE)
    assert not is_closed(platform, TWO)
    redeclare(home, as_small_as_it_was)
    assert {ended.run for ended in finished(Platform.open(home), "shop", 2)} == {ONE, TWO}


def too_large(feed: Any) -> None:
    feed["products"]["refunds"]["checks"][1]["max"] = 1


def as_small_as_it_was(feed: Any) -> None:
    feed["products"]["refunds"]["checks"][1]["max"] = 100


def test_more_processes_than_declared_or_than_there_is_memory_for_are_refused(
    tmp_path: Path,
) -> None:
    platform = Platform.open(parallel_shop(tmp_path / "home"))
    with pytest.raises(Usage, match="at most 4"):
        next(finished(platform, "shop", 5))
    with pytest.raises(Usage, match="memory_budget"):
        next(finished(platform, "shop", 4))


def test_an_open_run_comes_after_those_that_counted_for_it(tmp_path: Path) -> None:
    home = parallel_shop(tmp_path / "home")
    land_windows(home, [[cancelled(0)], [cancelled(0)]])
    platform = Platform.open(home)
    admit(platform, TWO, "changes")
    admit(platform, ONE, "changes")
    assert next_run(platform, "shop") == TWO


def test_a_window_that_is_read_as_history_is_settled_before(tmp_path: Path) -> None:
    home = with_history(tmp_path / "home")
    platform = Platform.open(home)
    for run in (ONE, TWO):
        assert pin(platform, "shop") == run
        land(platform, run, "changes")
    with pytest.raises(PredecessorOpen, match="read here once it is closed"):
        admit(platform, TWO, "changes")
    admit(platform, ONE, "changes")
    assert admit(platform, TWO, "changes")["settlement"]["number"] == 2


def test_a_stream_settles_in_the_order_of_the_first(tmp_path: Path) -> None:
    def two_streams(feed: Any) -> None:
        feed["streams"]["orders"] = {"events": {"placed": PLACED}}
        feed["products"]["orders"] = {
            "event": "placed",
            "sort": ["order_id"],
            "checks": [{"check": "schema"}],
        }

    home = parallel_shop(tmp_path / "home", change=two_streams)
    platform = Platform.open(home)
    for run in (ONE, TWO):
        append(home, "orders", 0, [order(run.sequence)])
        append(home, "changes", 0, [cancelled(run.sequence)])
        assert pin(platform, "shop") == run
        for stream in ("orders", "changes"):
            land(platform, run, stream)
    with pytest.raises(PredecessorOpen, match="admitted first"):
        admit(platform, ONE, "orders")
    admit(platform, TWO, "changes")
    admit(platform, ONE, "changes")
    with pytest.raises(PredecessorOpen, match="its first stream was settled before"):
        admit(platform, ONE, "orders")
    admit(platform, TWO, "orders")
    assert admit(platform, ONE, "orders")["settlement"]["number"] == 2


PLACED = {"contract": "shop/order.json", "id": "order_id"}


def test_a_sensor_is_told_of_as_many_runs_as_go_side_by_side(tmp_path: Path) -> None:
    home = parallel_shop(
        tmp_path / "home", parallel=2, change=lambda f: f["window"].update(max_records=1)
    )
    append(home, "changes", 0, [cancelled(n) for n in range(4)])
    turn = take_turn(Platform.open(home), "shop")
    assert turn.open == turn.ready == (ONE, TWO)
    platform = Platform.open(home)
    land(platform, TWO, "changes")
    admit(platform, TWO, "changes")
    for product in platform.feed("shop").products:
        build(platform, TWO, product)
        certify(platform, TWO, product)
    close(platform, TWO)
    assert take_turn(Platform.open(home), "shop").ready == (ONE, THREE)
