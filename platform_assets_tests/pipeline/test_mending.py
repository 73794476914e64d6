"""What closers left undone behind their seals is done once, and not looked for again and again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, mending, pin
from platform_assets.pipeline.closure_log import is_logged
from platform_assets.pipeline.mending import mend
from platform_assets_tests.shop import append, order

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

R1, R2 = RunId("shop", 1), RunId("shop", 2)


def left_out_of_the_log(home: Path) -> None:
    """Make run 1 as if its closer had died right behind its seal."""
    shutil.rmtree(home / "store" / "log")
    (home / "store" / "runs" / str(R1) / "closure" / "log.json").unlink()


def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[RunId]:
    asked: list[RunId] = []
    mend_log = mending.mend_log
    monkeypatch.setattr(
        mending, "mend_log", lambda platform, run: asked.append(run) or mend_log(platform, run)
    )
    return asked


def test_a_closed_run_that_is_not_in_the_log_comes_into_it(closed_shop: Path) -> None:
    left_out_of_the_log(closed_shop)
    platform = Platform.open(closed_shop)
    assert not is_logged(platform, R1)
    mend(platform, "shop")
    assert is_logged(platform, R1)


def test_runs_that_are_known_to_be_logged_are_not_looked_at_again(
    closed_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform.open(closed_shop)
    asked = asked_for(monkeypatch)
    mend(platform, "shop")
    append(closed_shop, "orders", 0, [order(500)])
    assert pin(platform, "shop") == R2
    mend(platform, "shop")
    finish(platform, R2)
    mend(platform, "shop")
    mend(platform, "shop")
    assert asked == [R1, R2]


def test_an_open_run_is_not_closed_by_who_mends(closed_shop: Path) -> None:
    platform = Platform.open(closed_shop)
    append(closed_shop, "orders", 0, [order(500)])
    assert pin(platform, "shop") == R2
    mend(platform, "shop")
    assert not (closed_shop / "store" / "runs" / str(R2) / "closure").exists()


def test_a_run_that_the_log_could_not_take_is_tried_again(
    closed_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later runs that stand in the log do not hide it."""
    platform = Platform.open(closed_shop)
    append(closed_shop, "orders", 0, [order(500)])
    assert pin(platform, "shop") == R2
    finish(platform, R2)
    copy = closed_shop / "store" / "runs" / str(R1) / "closure" / "log.json"
    entry = copy.read_bytes()
    copy.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(mending, "mend_log", lambda *_: None)
        mend(platform, "shop")
    mend(platform, "shop")
    assert copy.read_bytes() == entry
