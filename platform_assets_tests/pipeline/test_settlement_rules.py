"""A declaration that changes while runs go side by side: nobody comes to wait in a circle."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import DeclarationInvalid, PredecessorOpen
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    admit,
    build,
    certify,
    finish,
    is_closed,
    land,
    pin,
    runs,
    supersede,
    verify_run,
)
from platform_assets.pipeline.backpressure import take_turn
from platform_assets.pipeline.beside import finished
from platform_assets.pipeline.pinned_runs import open_runs
from platform_assets.pipeline.replay import replay_run
from platform_assets_tests.pipeline.side_by_side import land_windows, parallel_shop
from platform_assets_tests.shop import append, cancelled, order, redeclare, refunded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE, TWO, THREE = (RunId("shop", number) for number in (1, 2, 3))
PLACED = {"contract": "shop/order.json", "id": "order_id"}
#: The horizon under which each of five windows is declared, and the order of their admissions by which
#: closing 1 would wait for 4 (in b), 4 for 5 (in a), 5 for 2 (in c), and 2 for 1 (in a).
HORIZONS = (3, 1, 1, 1, 3)
CIRCLE = "1a 5a 2a 4a 5b 4b 1b 2b 1c 2c 5c 4c"


def three_streams(feed: Any) -> None:
    feed["streams"] = {name: {"events": {f"placed_{name}": dict(PLACED)}} for name in "abc"}
    feed["products"] = {
        f"orders_{name}": {
            "event": f"placed_{name}",
            "sort": ["order_id"],
            "checks": [{"check": "schema"}],
        }
        for name in "abc"
    }


def horizon(runs_back: int) -> Callable[[Any], None]:
    return lambda feed: feed["dedupe"].update(horizon_runs=runs_back)


def close_what_can_be(home: Path) -> list[RunId]:
    """Finish open runs again and again while that closes one; return those that stay open."""
    platform = Platform.open(home)
    standing = open_runs(platform, "shop")
    while True:
        for run in standing:
            with suppress(PredecessorOpen):
                finish(platform, run)
        left = open_runs(platform, "shop")
        if left in ([], standing):
            return left
        standing = left


def test_horizons_that_change_between_windows_do_not_make_closings_wait_in_a_circle(
    tmp_path: Path,
) -> None:
    home = parallel_shop(tmp_path / "home", change=three_streams)
    for number, runs_back in enumerate(HORIZONS, 1):
        for stream in "abc":
            append(home, stream, 0, [order(number)])
        redeclare(home, horizon(runs_back))
        try:
            run = pin(Platform.open(home), "shop")
        except PredecessorOpen:
            assert close_what_can_be(home) == []
            run = pin(Platform.open(home), "shop")
        assert run == RunId("shop", number)
    platform = Platform.open(home)
    finish(platform, THREE)
    for step in CIRCLE.split():
        run, stream = RunId("shop", int(step[0])), step[1]
        if not is_closed(platform, run):
            land(platform, run, stream)
            with suppress(PredecessorOpen):
                admit(platform, run, stream)
    assert close_what_can_be(home) == []


CHANGES: dict[str, Callable[[Any], object]] = {
    "horizon": horizon(1),
    "one after the other": lambda feed: feed["window"].update(parallel=1),
    "no horizon": horizon(0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_window_under_other_rules_is_pinned_once_those_before_it_are_closed(
    change: str, tmp_path: Path
) -> None:
    home = parallel_shop(tmp_path / "home")
    land_windows(home, [[cancelled(0)], [cancelled(1)]])
    append(home, "changes", 0, [cancelled(0), cancelled(2)])
    redeclare(home, CHANGES[change])
    platform = Platform.open(home)
    with pytest.raises(PredecessorOpen, match="by other rules than are declared now"):
        pin(platform, "shop")
    assert take_turn(platform, "shop", force=True).open == (ONE, TWO)
    finish(platform, TWO)
    with pytest.raises(PredecessorOpen, match="shop-00000001 open: side by side, horizon_runs 3"):
        pin(platform, "shop")
    finish(platform, ONE)
    assert pin(platform, "shop") == THREE
    finish(platform, THREE)
    assert verify_run(platform, THREE).ok


def test_how_many_go_side_by_side_may_change_while_they_do(tmp_path: Path) -> None:
    home = parallel_shop(tmp_path / "home", parallel=2)
    land_windows(home, [[cancelled(0)]])
    redeclare(home, lambda feed: feed["window"].update(parallel=3))
    append(home, "changes", 0, [cancelled(1)])
    assert pin(Platform.open(home), "shop") == TWO


def test_a_correction_under_other_rules_is_pinned_once_open_runs_are_closed(tmp_path: Path) -> None:
    home = parallel_shop(tmp_path / "home")
    land_windows(home, [[cancelled(0)], [cancelled(1)]])
    platform = Platform.open(home)
    finish(platform, ONE)
    redeclare(home, horizon(9))
    with pytest.raises(PredecessorOpen, match="shop-00000002 open"):
        supersede(Platform.open(home), ONE, "again")
    finish(platform, TWO)
    assert supersede(Platform.open(home), ONE, "again") == THREE
    finish(Platform.open(home), THREE)


def test_processes_side_by_side_go_on_under_what_is_declared_now(tmp_path: Path) -> None:
    home = parallel_shop(tmp_path / "home")
    land_windows(home, [[cancelled(0)], [cancelled(1)]])
    redeclare(home, horizon(1))
    append(home, "changes", 0, [cancelled(0), cancelled(1)])
    platform = Platform.open(home)
    platform.signer  # noqa: B018 - the key is made before they race
    assert {ended.run for ended in finished(platform, "shop", 2)} == {ONE, TWO, THREE}
    receipt = admit(platform, THREE, "changes")
    assert (receipt["admitted"], receipt["duplicate"]) == (1, 1), "it looks one window back"
    assert runs(platform, "shop") == [ONE, TWO, THREE]


def test_a_check_that_came_to_read_a_run_that_settled_later_is_refused(tmp_path: Path) -> None:
    home = parallel_shop(tmp_path / "home")
    land_windows(home, [[cancelled(0), refunded(0)], [cancelled(1), refunded(1)]])
    platform = Platform.open(home)
    admit(platform, TWO, "changes")
    admit(platform, ONE, "changes")
    build(platform, TWO, "cancellations")
    certify(platform, TWO, "cancellations")
    build(platform, TWO, "refunds")
    reads = {
        "check": "referential",
        "column": "order_id",
        "product": "cancellations",
        "references": "order_id",
        "history_runs": 1,
    }
    redeclare(home, lambda feed: feed["products"]["refunds"]["checks"].append(reads))
    with pytest.raises(DeclarationInvalid, match="shop-00000001, which they read, was settled"):
        certify(Platform.open(home), TWO, "refunds")
    redeclare(home, lambda feed: feed["products"]["refunds"]["checks"].pop())
    assert close_what_can_be(home) == []


@pytest.mark.parametrize("parallel", [1, 4])
def test_an_event_that_came_to_be_declared_repeats_nothing_of_runs_that_knew_none(
    parallel: int, tmp_path: Path
) -> None:
    home = parallel_shop(tmp_path / "home", parallel=parallel)
    land_windows(home, [[cancelled(0)]])
    finish(Platform.open(home), ONE)
    archive = {"event": "placed", "sort": ["order_id"], "checks": [{"check": "schema"}]}
    redeclare(home, lambda feed: feed["products"].update(archive=archive))
    redeclare(home, lambda feed: feed["streams"].update(archive={"events": {"placed": PLACED}}))
    append(home, "archive", 0, [order(0), order(0)])
    append(home, "changes", 0, [cancelled(0)])
    platform = Platform.open(home)
    assert pin(platform, "shop") == TWO
    finish(platform, TWO)
    receipts = [admit(platform, TWO, stream) for stream in ("archive", "changes")]
    assert [(r["admitted"], r["duplicate"]) for r in receipts] == [(1, 1), (0, 1)]
    assert verify_run(platform, TWO).ok
    assert replay_run(platform, TWO).divergence is None
