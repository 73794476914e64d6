"""Of each window the newest closed run counts: for readers, for dedupe, for history, for checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from platform_assets.errors import CertificateRevoked, PredecessorOpen, RunOpen, UnknownThing
from platform_assets.pipeline import (
    Platform,
    admit,
    certify,
    consume,
    finish,
    land,
    next_run,
    open_latest,
    open_product,
    open_run,
    pin,
    publish,
    revoke,
    supersede,
)
from platform_assets.pipeline.backpressure import take_turn
from platform_assets.pipeline.layout import admission_receipt_path, consumption_path
from platform_assets.pipeline.records import read_record
from platform_assets_tests.corrections.mended_shop import (
    FIVE,
    FOUR,
    ONE,
    REASON,
    THREE,
    TWO,
    correct,
    mend,
    rows,
    take,
)
from platform_assets_tests.shop import append, cancelled, make_shop, order, redeclare, refunded

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.identifiers import RunId


def consulted(platform: Platform, run: RunId, stream: str = "orders") -> set[str]:
    """Return the runs whose products admission consulted."""
    path = admission_receipt_path(run, stream)
    return {each["run_id"] for each in read_record(platform.store, path, "admission")["horizon"]}


def published(platform: Platform, product: str) -> dict[str, int]:
    """Return how many rows of each run the view of a product shows."""
    with duckdb.connect() as connection:
        publish(platform, "shop", connection)
        query = f'select _run, count(*) from shop."{product}" group by 1'  # noqa: S608
        return dict(connection.execute(query).fetchall())


def test_the_latest_is_that_of_the_newest_window_as_its_newest_run_has_it(
    platform: Platform,
) -> None:
    assert open_latest(platform, "shop", "cancellations").run == TWO
    correct(platform, ONE)
    assert open_latest(platform, "shop", "cancellations").run == TWO
    correction = supersede(platform, TWO, REASON)
    assert open_latest(platform, "shop", "cancellations").run == TWO
    finish(platform, correction)
    assert open_latest(platform, "shop", "cancellations").run == correction == FOUR
    assert open_product(platform, TWO, "cancellations").rows == 0


def test_what_may_not_be_read_is_not_replaced_by_something_older(platform: Platform) -> None:
    revoke(platform, TWO, "orders", "wrong")
    with pytest.raises(CertificateRevoked, match="run shop --supersede shop-00000002 --reason"):
        open_latest(platform, "shop", "orders")


def test_there_is_no_latest_of_nothing(tmp_path: Path) -> None:
    empty = Platform.open(make_shop(tmp_path / "home"))
    with pytest.raises(RunOpen, match="platform-assets run shop"):
        open_latest(empty, "shop", "orders")
    with pytest.raises(UnknownThing):
        open_latest(empty, "shop", "order")


def test_a_view_shows_of_each_window_its_newest_closed_run(platform: Platform) -> None:
    assert published(platform, "orders") == {str(ONE): 20, str(TWO): 10}
    correction = supersede(platform, ONE, REASON)
    assert published(platform, "orders") == {str(ONE): 20, str(TWO): 10}
    finish(platform, correction)
    assert published(platform, "orders") == {str(THREE): 20, str(TWO): 10}
    assert published(platform, "cancellations") == {str(THREE): 2}


def test_a_later_window_takes_the_correction_into_account(corrected_home: Path) -> None:
    """What run 1 quarantined run 3 admitted: a repeat of it is a duplicate from then on."""
    append(corrected_home, "changes", 0, [cancelled(0), cancelled(500)])
    append(corrected_home, "orders", 0, [order(500)])
    platform = mend(corrected_home)
    assert take(corrected_home) == FOUR
    assert (
        consulted(platform, FOUR) == consulted(platform, FOUR, "changes") == {str(TWO), str(THREE)}
    )
    receipt = read_record(platform.store, admission_receipt_path(FOUR, "changes"), "admission")
    assert (receipt["admitted"], receipt["duplicate"], receipt["quarantined"]) == (1, 1, 0)


def test_a_correction_takes_into_account_what_stood_before_its_window_alone(
    corrected: Platform,
) -> None:
    assert consulted(corrected, THREE) == set()
    assert correct(corrected, TWO) == FOUR
    assert consulted(corrected, FOUR) == {str(THREE)}
    assert correct(corrected, THREE) == FIVE
    assert consulted(corrected, FIVE) == set()


def test_consumers_and_checks_read_the_run_that_counts(corrected_home: Path) -> None:
    def with_history(feed: dict[str, Any]) -> None:
        feed["consumers"]["turnover"]["reads"][0]["history_runs"] = 2

    redeclare(corrected_home, with_history)
    append(corrected_home, "changes", 0, [refunded(900, order_id="o-3")])
    platform = mend(corrected_home)
    assert take(corrected_home) == FOUR
    record = read_record(platform.store, consumption_path(FOUR, "turnover", 1), "consumption")
    assert [given["run_id"] for given in record["inputs"] if given["product"] == "orders"] == [
        str(THREE),
        str(TWO),
        str(FOUR),
    ]
    certificate = open_product(platform, FOUR, "refunds").certificate
    looked_at = {each["run_id"] for each in certificate["consulted"]}
    assert looked_at == {str(TWO), str(THREE), str(FOUR)}


def test_what_depends_on_a_window_waits_while_its_correction_is_open(
    platform: Platform, home: Path
) -> None:
    redeclare(home, lambda feed: feed["window"].update(max_open_runs=3))
    append(home, "orders", 0, [order(n) for n in range(60, 65)])
    platform = mend(home)
    later = pin(platform, "shop")
    assert later == THREE
    land(platform, later, "orders")
    correction = supersede(platform, TWO, REASON)

    with pytest.raises(PredecessorOpen, match=f"{FOUR}, which corrects {TWO}"):
        admit(platform, later, "orders")
    turn = take_turn(platform, "shop")
    assert set(turn.open) == {later, correction}
    assert turn.ready == (correction,)
    assert next_run(platform, "shop") == open_run(platform, "shop") == correction

    finish(platform, correction)
    assert take_turn(platform, "shop").ready == (later,)
    finish(platform, later)
    assert consulted(platform, later) == {str(ONE), str(correction)}


def test_a_consumer_and_a_check_wait_too(platform: Platform, home: Path) -> None:
    def without_horizon(feed: dict[str, Any]) -> None:
        feed["dedupe"]["horizon_runs"] = 0
        feed["consumers"]["turnover"]["reads"][0]["history_runs"] = 2

    redeclare(home, without_horizon)
    append(home, "changes", 0, [refunded(900, order_id="o-3")])
    platform = mend(home)
    later = next_run(platform, "shop")
    assert later == THREE
    supersede(platform, TWO, REASON)
    with pytest.raises(PredecessorOpen, match=f"{FOUR}, which corrects {TWO}"):
        finish(platform, later)
    with pytest.raises(PredecessorOpen):
        certify(platform, later, "refunds")
    with pytest.raises(PredecessorOpen):
        consume(platform, later, "turnover")


def test_a_correction_lets_windows_go_on_that_a_revocation_stopped(
    platform: Platform, home: Path
) -> None:
    """Run 3 is pinned, and cannot consult run 2 any more; the correction is pinned behind it."""
    append(home, "orders", 0, [order(n) for n in range(60, 65)])
    platform = mend(home)
    assert pin(platform, "shop") == THREE
    revoke(platform, TWO, "orders", "counted twice")
    with pytest.raises(CertificateRevoked):
        finish(platform, THREE)
    assert correct(platform, TWO) == FOUR
    finish(platform, THREE)
    assert consulted(platform, THREE) == {str(ONE), str(FOUR)}
    assert rows(platform, THREE, "orders") == 5
    assert published(platform, "orders") == {str(ONE): 20, str(FOUR): 10, str(THREE): 5}


def test_freshness_refers_to_the_moment_at_which_the_window_was_pinned(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=20)
    fresh = {"check": "freshness", "column": "at", "max_age_seconds": 10**9}
    redeclare(home, lambda feed: feed["products"]["orders"]["checks"].append(fresh))
    platform = mend(home)
    take(home)
    correct(platform, ONE)
    correct(platform, TWO)
    expected = [
        check["expected"]
        for run in (ONE, TWO, THREE)
        for check in open_product(platform, run, "orders").certificate["checks"]
        if check["check"] == "freshness"
    ]
    pinned_at = platform.anchors(ONE)["pinned_at"]
    assert [pinned_at in words for words in expected] == [True, True, True]
