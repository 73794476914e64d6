"""Following a feed: windows as they come, outages, refusals, changes of the home, and the stop."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters import watch
from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.errors import DeclarationInvalid, UnknownThing
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    admit,
    finish,
    follow,
    is_closed,
    land,
    noted,
    open_product,
    pin,
    runs,
)
from platform_assets.pipeline.closure_log import is_logged
from platform_assets_tests.pipeline.announcing import announcing, published, subjects
from platform_assets_tests.pipeline.following import Told, followed
from platform_assets_tests.pipeline.side_by_side import land_windows, parallel_shop
from platform_assets_tests.pipeline.test_mending import left_out_of_the_log
from platform_assets_tests.shop import append, cancelled, make_shop, order, redeclare, refunded

if TYPE_CHECKING:
    from pathlib import Path

R1, R2, R3 = (RunId("shop", sequence) for sequence in (1, 2, 3))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a shop of twenty orders whose windows are due at once."""
    home = make_shop(tmp_path / "home", orders=20)
    redeclare(home, lambda feed: feed["window"].update(max_age_seconds=0))
    return home


def more(home: Path, first: int) -> None:
    append(home, "orders", 0, [order(number) for number in range(first, first + 5)])


def order_ids(home: Path) -> list[str]:
    platform = Platform.open(home)
    frames = [open_product(platform, run, "orders").scan() for run in runs(platform, "shop")]
    return [i for frame in frames for i in frame.collect()["order_id"].to_list()]


def test_windows_are_closed_as_they_come(home: Path) -> None:
    told = Told().on("closed", lambda: more(home, 100)).on("closed", lambda: more(home, 200), 2)
    done = followed(home, told.stop_after("closed", 3))
    assert told.of("pinned") == told.of("closed") == [str(R1), str(R2), str(R3)]
    counts = [(run["delivered"], run["admitted"]) for run in told.closed_runs]
    assert counts == [(24, 24), (5, 5), (5, 5)]
    assert done.as_json() == {
        "feed": "shop",
        "runs": 3,
        "totals": {"delivered": 34, "admitted": 34, "duplicate": 0, "quarantined": 0},
        "outages": 0,
        "refused_runs": 0,
        "refused": [],
    }
    numbers = [*range(20), *range(100, 105), *range(200, 205)]
    assert sorted(order_ids(home)) == sorted(f"o-{number}" for number in numbers)


def test_a_window_that_is_not_due_is_left_and_one_that_is_full_is_taken(home: Path) -> None:
    redeclare(home, lambda feed: feed["window"].update(max_age_seconds=3600, max_records=24))
    told = Told().on("closed", lambda: more(home, 100))
    with pytest.raises(AssertionError, match="nothing to do"):
        followed(home, told)
    assert told.of("closed") == [str(R1)]
    more(home, 200)
    redeclare(home, lambda feed: feed["window"].update(max_records=9))
    told = Told().stop_after("closed")
    followed(home, told)
    assert told.closed_runs[0]["delivered"] == 9


def test_each_step_is_told_once_and_none_is_kept(home: Path, tmp_path: Path) -> None:
    told = Told().on("closed", lambda: more(home, 100)).stop_after("closed", 2)
    followed(home, told)
    assert watch._lists == []
    other = Platform.open(make_shop(tmp_path / "other", orders=20))
    assert pin(other, "shop") == R1
    with noted() as steps:
        finish(other, R1)
    for run in (R1, R2):
        names = [use.name for use in told.steps if use.name.run_id == str(run)]
        assert [(n.step, n.thing) for n in names] == [(u.name.step, u.name.thing) for u in steps]


def test_what_a_closer_left_undone_is_mended(closed_shop: Path) -> None:
    left_out_of_the_log(closed_shop)
    redeclare(closed_shop, lambda feed: feed["window"].update(max_age_seconds=0))
    more(closed_shop, 500)
    followed(closed_shop, Told().stop_after("pinned"))
    assert is_logged(Platform.open(closed_shop), R1)


# --- outages -------------------------------------------------------------------------------------


def test_a_source_that_is_out_is_waited_for(home: Path) -> None:
    log, away = home / "data", home / "data.away"
    log.rename(away)
    told = Told().on("outage", lambda: away.rename(log)).stop_after("closed")
    done = followed(home, told)
    assert [name for name, _ in told.events if name in ("outage", "recovered", "pinned")] == [
        "outage",
        "pinned",
        "recovered",
    ]
    assert told.of("outage") == ["SourceUnreachable"]
    assert (done.outages, done.runs) == (1, 1)


def test_a_source_that_is_out_for_long_is_told_once_and_tried_for_ever(home: Path) -> None:
    (home / "data").rename(home / "data.away")
    told = Told()
    with pytest.raises(AssertionError, match="nothing to do"):
        followed(home, told)
    assert told.events == [("outage", "SourceUnreachable")]


def test_open_runs_go_on_while_the_source_is_out(home: Path) -> None:
    platform = Platform.open(home)
    assert pin(platform, "shop") == R1
    for stream in ("orders", "changes"):
        land(platform, R1, stream)
    (home / "data").rename(home / "data.away")
    told = Told().stop_after("closed")
    done = followed(home, told)
    assert told.of("outage") == ["SourceUnreachable"]
    assert told.of("recovered") == []
    assert done.runs == 1


def test_a_store_that_is_out_in_the_middle_of_a_run_is_waited_for(home: Path) -> None:
    store, away = home / "store", home / "store.away"

    def out() -> None:
        store.rename(away)
        store.touch()  # what is mounted there now is no folder

    def back() -> None:
        store.unlink()
        away.rename(store)

    told = Told().on("admit orders", out).on("outage", back).stop_after("recovered")
    done = followed(home, told)
    assert told.of("closed") == [str(R1)]
    assert (done.outages, done.runs) == (1, 1)
    assert told.errors[0].code in ("DependencyUnreachable", "StoreUnwritable")
    assert sorted(order_ids(home)) == sorted(f"o-{number}" for number in range(20))


# --- refusals ------------------------------------------------------------------------------------


def bounds(home: Path, least: int) -> None:
    """Declare how small a refund may be."""
    redeclare(home, lambda feed: feed["products"]["refunds"]["checks"][1].update(min=least))


def test_a_failed_check_is_told_once_tried_every_minute_and_taken_up_when_it_is_mended(
    home: Path,
) -> None:
    append(home, "changes", 0, [refunded(0, cents=0)])
    told = Told().on("certify refunds", lambda: bounds(home, 0), 5).stop_after("closed")
    done = followed(home, told)
    assert told.of("refused") == [f"{R1}: CertificationFailed"]
    assert "refund_size" in told.errors[0].found
    assert len(told.of("certify refunds")) == 6
    assert (done.runs, done.refused_runs, done.refused) == (1, 1, [])


def test_while_a_run_is_refused_the_worker_goes_on_looking_and_says_so_at_the_end(
    home: Path,
) -> None:
    append(home, "changes", 0, [refunded(0, cents=0)])
    told = Told().on("refused", lambda: more(home, 100)).stop_after("certify refunds", 3)
    done = followed(home, told)
    assert told.of("pinned") == [str(R1)]
    assert [each["refused"] for each in done.refused] == [str(R1)]
    assert done.refused[0]["error"] == "CertificationFailed"
    assert not is_closed(Platform.open(home), R1)


def independent(feed: Any) -> None:
    feed["dedupe"]["horizon_runs"] = 0
    feed["products"]["refunds"]["checks"].pop()  # which refers to history
    feed["window"]["max_open_runs"] = 2


def test_windows_that_do_not_depend_on_a_refused_one_go_on(home: Path) -> None:
    redeclare(home, independent)
    append(home, "changes", 0, [refunded(0, cents=0)])
    told = Told().on("refused", lambda: more(home, 100)).on("closed", lambda: more(home, 200))
    done = followed(home, told.stop_after("closed", 2))
    assert told.of("closed") == [str(R2), str(R3)]
    assert [each["refused"] for each in done.refused] == [str(R1)]


def test_a_run_that_a_person_closes_is_refused_no_more(home: Path) -> None:
    append(home, "changes", 0, [refunded(0, cents=0)])

    def closes_it() -> None:
        bounds(home, 0)
        finish(Platform.open(home), R1)
        bounds(home, 1)
        more(home, 100)

    told = Told().on("refused", closes_it).stop_after("closed")
    done = followed(home, told)
    assert told.of("closed") == [str(R2)]
    assert (done.refused_runs, done.refused) == (1, [])


def test_a_source_that_is_refused_lets_open_runs_go_on(home: Path) -> None:
    platform = Platform.open(home)
    assert pin(platform, "shop") == R1
    for stream in ("orders", "changes"):
        land(platform, R1, stream)
    foreign = home / "data" / "shop" / "orders" / "not-a-partition"
    foreign.mkdir()
    told = Told().on("closed", foreign.rmdir).on("closed", lambda: more(home, 100))
    done = followed(home, told.stop_after("closed"))
    assert told.of("refused") == ["feed shop: SourceChanged"]
    assert done.runs == 1
    assert [each["refused"] for each in done.refused] == ["feed shop"]


def test_runs_that_settled_in_another_order_are_closed_in_that_one(tmp_path: Path) -> None:
    """The last of three settled first, the others wait for it, and only two go at a time."""
    home = parallel_shop(tmp_path / "home", parallel=2)
    land_windows(home, [[cancelled(0)], [cancelled(0)], [cancelled(0)]])
    platform = Platform.open(home)
    for run in (R3, R1, R2):
        admit(platform, run, "changes")
    told = Told().stop_after("closed", 3)
    followed(home, told)
    assert told.of("closed") == [str(R3), str(R1), str(R2)]
    assert told.errors == []


# --- changes of the home, announcements ----------------------------------------------------------


def test_a_changed_declaration_holds_for_the_next_window(home: Path) -> None:
    def narrower() -> None:
        redeclare(home, lambda feed: feed["window"].update(max_records=2))
        more(home, 100)

    told = Told().on("closed", narrower).stop_after("closed", 4)
    followed(home, told)
    assert [run["delivered"] for run in told.closed_runs] == [24, 2, 2, 1]


def test_a_mended_function_is_called_as_it_is_now(home: Path) -> None:
    functions = home / "shop_functions.py"
    right = functions.read_text()
    functions.write_text(
        right.replace("    orders =", "    raise ValueError('wrong')\n    orders =")
    )
    told = Told().on("refused", lambda: functions.write_text(right)).stop_after("closed")
    followed(home, told)
    assert told.of("refused") == [f"{R1}: ConsumerFailed"]


def test_a_mistake_that_comes_into_a_declaration_ends_the_worker(home: Path) -> None:
    told = Told().on(
        "closed", lambda: redeclare(home, lambda feed: feed["window"].update(max_records="many"))
    )
    with pytest.raises(DeclarationInvalid):
        followed(home, told)
    assert told.of("closed") == [str(R1)]


def test_a_feed_that_is_not_declared_is_a_mistake(home: Path) -> None:
    (home / "defs" / "shop").rename(home / "defs.away")
    with pytest.raises(UnknownThing):
        followed(home, Told())


def test_what_is_closed_is_announced_and_what_was_before_too(closed_shop: Path) -> None:
    announcing(closed_shop)
    redeclare(closed_shop, lambda feed: feed["window"].update(max_age_seconds=0))
    more(closed_shop, 500)
    told = Told().on("closed", lambda: more(closed_shop, 600)).stop_after("pinned", 2)
    followed(closed_shop, told)
    assert {str(R1), str(R2)} <= set(subjects(published(closed_shop)))


def test_nothing_is_looked_for_to_be_announced_where_nothing_was_closed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    announcing(home)
    asked: list[str] = []
    announce = follow.announce
    monkeypatch.setattr(
        follow, "announce", lambda platform, feed: asked.append(feed) or announce(platform, feed)
    )
    with pytest.raises(AssertionError, match="nothing to do"):
        followed(home, Told())
    assert len(asked) == 1
    assert str(R1) in subjects(published(home))


def test_a_control_topic_that_is_out_keeps_no_window_from_being_closed(home: Path) -> None:
    announcing(home, {"kind": "file_log", "path": "control"})

    def second() -> None:
        FileLogSink(home / "control", "ready").create(1)

    told = Told().on("outage", lambda: more(home, 100)).on("closed", second, 2)
    done = followed(home, told.stop_after("recovered"))
    assert told.of("closed") == [str(R1), str(R2)]
    assert done.outages == 1
    assert {str(R1), str(R2)} <= set(subjects(published(home)))


def test_what_is_told_holds_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_SECRET", "s3cr3t-place")
    (home / "platform.yaml").write_text("secrets: [SHOP_SECRET]\n")
    redeclare(home, lambda feed: feed["source"].update(path="data/s3cr3t-place"))
    told = Told().stop_after("outage")
    followed(home, told)
    assert "s3cr3t" not in str(told.errors[0])
    assert told.errors[0].thing == "file log orders"


# --- the stop ------------------------------------------------------------------------------------


def test_a_stop_leaves_the_step_under_way_and_the_next_worker_goes_on(home: Path) -> None:
    told = Told().stop_after("admit orders")
    done = followed(home, told)
    assert done.runs == 0
    assert told.of("build orders") == []
    assert not is_closed(Platform.open(home), R1)
    told = Told().stop_after("closed")
    assert followed(home, told).runs == 1
    assert told.of("pinned") == []
    assert told.closed_runs[0]["pinned_at"]


def test_a_function_that_takes_no_notice_of_the_interruption_is_the_last_that_is_called(
    home: Path,
) -> None:
    functions = home / "shop_functions.py"
    stubborn = (
        "    try:\n        signal.raise_signal(signal.SIGUSR1)\n"
        "    except BaseException:\n        pass\n"
    )
    text = functions.read_text().replace("parameters):\n", f"parameters):\n{stubborn}")
    functions.write_text(f"import signal\n{text}")
    told = Told()
    before = signal.signal(signal.SIGUSR1, lambda *_: told.stop.ask())
    try:
        followed(home, told)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told.of("consume turnover") == [str(R1)]
    assert told.of("certify turnover") == []


def test_a_run_that_was_sealed_when_the_stop_came_counts_as_closed(home: Path) -> None:
    told = Told().stop_after(f"close {R1}").stop_after("close")
    done = followed(home, told)
    assert told.of("closed") == [str(R1)]
    assert done.runs == 1


def test_a_stop_that_was_asked_for_before_takes_nothing_up(home: Path) -> None:
    told = Told()
    told.stop.ask()
    assert followed(home, told).runs == 0
    assert told.events == []
    assert not (home / "store").exists()
