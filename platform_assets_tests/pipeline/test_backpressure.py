"""Backpressure: how many windows are pinned ahead, and which runs can proceed."""

from __future__ import annotations

import multiprocessing
import re
from typing import TYPE_CHECKING

import pytest

from platform_assets.declarations.functions import use_home
from platform_assets.errors import SourceUnreachable
from platform_assets.flow.anchors import verify_chain
from platform_assets.identifiers import RunId
from platform_assets.pipeline import backpressure, finish, pin, pinned_runs, runs
from platform_assets.pipeline.backpressure import take_turn
from platform_assets.pipeline.pinned_runs import open_runs
from platform_assets.pipeline.platform import Platform
from platform_assets.pipeline.reach import reach_of
from platform_assets_tests.orchestration.shop_home import append, make_shop, order, redeclare
from platform_assets_tests.simulators.feeds import make_home

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

    from platform_assets.pipeline.pin import WindowStatus

R1, R2, R3 = (RunId("shop", sequence) for sequence in (1, 2, 3))
INDEPENDENT = ("  products:\n", "  dedupe: {horizon_runs: 0}\n  products:\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A shop whose windows take two records and of whose runs two may be open."""
    home = make_shop(tmp_path / "home")
    redeclare(home, "max_records: 1000", "max_records: 2\n    max_open_runs: 2")
    return home


def orders(home: Path, first: int, count: int) -> None:
    append(home, [order(first + n) for n in range(count)])


def close_run(home: Path, closing: RunId) -> None:
    finish(Platform.open(home), closing)


def test_windows_are_pinned_ahead_up_to_the_declared_number_and_none_beyond(home: Path) -> None:
    orders(home, 1, 7)
    turn = take_turn(Platform.open(home), "shop")
    assert turn.open == (R1, R2)
    assert turn.full
    assert (turn.lag.records, turn.left) == (7, 3)
    again = take_turn(Platform.open(home), "shop", force=True)
    assert again.open == (R1, R2)
    assert (again.lag.records, again.left) == (3, 3)
    assert runs(Platform.open(home), "shop") == [R1, R2]


def test_one_more_is_pinned_for_each_that_was_closed(home: Path) -> None:
    orders(home, 1, 7)
    take_turn(Platform.open(home), "shop")
    close_run(home, R1)
    turn = take_turn(Platform.open(home), "shop")
    assert turn.open == (R2, R3)
    assert turn.left == 1
    platform = Platform.open(home)
    verify_chain([platform.anchors(each) for each in runs(platform, "shop")])


def test_what_is_not_due_is_not_pinned_ahead_unless_all_is_wanted(home: Path) -> None:
    redeclare(home, "max_age_seconds: 0", "max_age_seconds: 86400")
    orders(home, 1, 2)
    take_turn(Platform.open(home), "shop")  # of a first window nothing tells how long it waited
    orders(home, 3, 1)
    waiting = take_turn(Platform.open(home), "shop")
    assert waiting.open == (R1,)
    assert not waiting.full
    assert waiting.left == 1
    assert take_turn(Platform.open(home), "shop", force=True).open == (R1, R2)


def test_a_run_proceeds_when_those_it_takes_into_account_are_closed(home: Path) -> None:
    orders(home, 1, 4)
    assert take_turn(Platform.open(home), "shop").ready == (R1,)
    close_run(home, R1)
    assert take_turn(Platform.open(home), "shop").ready == (R2,)


def test_runs_that_take_none_into_account_proceed_side_by_side_in_order(home: Path) -> None:
    redeclare(home, *INDEPENDENT)
    orders(home, 1, 4)
    assert take_turn(Platform.open(home), "shop").ready == (R1, R2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("reads: [{product: orders}]", "reads: [{product: orders, history_runs: 3}]"),
        ("references: id\n", "references: id\n          history_runs: 3\n"),
    ],
    ids=["a consumer that reads history", "a check that refers to history"],
)
def test_history_that_is_read_keeps_runs_in_order_as_the_horizon_does(
    home: Path, old: str, new: str
) -> None:
    redeclare(home, *INDEPENDENT)
    assert reach_of(Platform.open(home).feed("shop")) == 0
    redeclare(home, old, new)
    assert reach_of(Platform.open(home).feed("shop")) == 3
    orders(home, 1, 4)
    assert take_turn(Platform.open(home), "shop").ready == (R1,)


def test_a_feed_without_consumers_reaches_as_far_as_its_horizon(tmp_path: Path) -> None:
    feed = Platform.open(make_home(tmp_path)).feed("shop")
    assert not feed.consumers
    assert reach_of(feed) == feed.dedupe.horizon_runs == 30


def test_an_outage_between_two_pins_leaves_the_first_to_be_found(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders(home, 1, 4)
    looks = []

    def failing(platform: Platform, feed: str) -> object:
        looks.append(feed)
        if len(looks) == 2:
            raise SourceUnreachable("log", expected="an answer", found="none", remedy="Wait.")
        return window_status(platform, feed)

    window_status = backpressure.window_status
    monkeypatch.setattr(backpressure, "window_status", failing)
    with pytest.raises(SourceUnreachable):
        take_turn(Platform.open(home), "shop")
    assert open_runs(Platform.open(home), "shop") == [R1]
    assert take_turn(Platform.open(home), "shop").open == (R1, R2)


@pytest.mark.parametrize("moment", ["before the look", "after the look"])
def test_what_another_process_pins_around_the_look_counts(
    home: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    redeclare(home, "max_open_runs: 2", "max_open_runs: 1")
    orders(home, 1, 8)
    look = backpressure.window_status

    def racing(platform: Platform, feed: str) -> WindowStatus:
        if moment == "before the look":
            pin(Platform.open(home), feed)
            return look(platform, feed)
        seen = look(platform, feed)
        pin(Platform.open(home), feed)
        return seen

    monkeypatch.setattr(backpressure, "window_status", racing)
    assert take_turn(Platform.open(home), "shop").open == (R1,)
    assert runs(Platform.open(home), "shop") == [R1]


def _turns(home: Path, barrier: Barrier) -> None:
    platform = Platform.open(home)
    for _ in range(4):
        barrier.wait(60)
        take_turn(platform, "shop")


def test_processes_that_pin_at_once_pin_no_more_than_one_alone(home: Path) -> None:
    redeclare(home, "max_open_runs: 2", "max_open_runs: 5")
    orders(home, 1, 40)
    use_home(home)  # the processes inherit the Python path, and with it what other tests left there
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    processes = [context.Process(target=_turns, args=(home, barrier)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    platform = Platform.open(home)
    pinned = runs(platform, "shop")
    assert len(pinned) == 5
    verify_chain([platform.anchors(each) for each in pinned])


# --- open runs -----------------------------------------------------------------------------------


def test_runs_that_are_known_to_be_closed_are_not_looked_at_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders(home, 1, 6)
    take_turn(Platform.open(home), "shop")
    close_run(home, R1)
    assert open_runs(Platform.open(home), "shop") == [R2]
    asked: list[RunId] = []
    is_closed = pinned_runs.is_closed
    monkeypatch.setattr(
        pinned_runs,
        "is_closed",
        lambda platform, each: asked.append(each) or is_closed(platform, each),
    )
    assert open_runs(Platform.open(home), "shop") == [R2]
    assert asked == [R2]


def test_a_log_that_was_made_anew_in_the_same_place_is_looked_at_from_its_beginning(
    home: Path,
) -> None:
    orders(home, 1, 2)
    pin(Platform.open(home), "shop")
    close_run(home, R1)
    assert open_runs(Platform.open(home), "shop") == []
    store = home / "store"
    store.rename(home / "old")
    pin(Platform.open(home), "shop")
    assert open_runs(Platform.open(home), "shop") == [R1]


def test_a_run_beyond_the_look_does_not_count(home: Path) -> None:
    orders(home, 1, 4)
    take_turn(Platform.open(home), "shop")
    assert open_runs(Platform.open(home), "shop", through=1) == [R1]
    assert open_runs(Platform.open(home), "shop") == [R1, R2]


def test_the_log_of_another_feed_is_another_log(home: Path) -> None:
    other = home / "defs/market/defs.yaml"
    other.parent.mkdir()
    text = (home / "defs/shop/defs.yaml").read_text("utf-8")
    other.write_text(re.sub(r"feed: shop\b", "feed: market", text), encoding="utf-8")
    orders(home, 1, 2)
    for feed in ("shop", "market"):
        assert take_turn(Platform.open(home), feed).open == (RunId(feed, 1),)
    close_run(home, R1)
    assert open_runs(Platform.open(home), "shop") == []
    assert open_runs(Platform.open(home), "market") == [RunId("market", 1)]
