"""Teardown as it is called: from the command line, and as a job of Dagster."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from platform_assets.orchestration.definitions import definitions_for
from platform_assets_tests.cli.calls import call, too_wide
from platform_assets_tests.teardown.torn import FIRST, everything, keep, parts_of

if TYPE_CHECKING:
    from pathlib import Path

RUN = str(FIRST)


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("PLATFORM_HOME", raising=False)


def test_without_a_proof_nothing_is_deleted(home: Path) -> None:
    before = everything(home)
    called = call("teardown", "shop", "--home", home)
    assert called.code == 2
    assert "--proof" in called.err
    assert (everything(home), len(parts_of(home))) == (before, 11)


def test_a_feed_is_torn_down_and_shown(home: Path) -> None:
    called = call("teardown", "shop", "--proof", "--home", home)
    assert called.code == 0, called.err
    assert f"{RUN}: 11 files, " in called.out
    assert "deleted runs/shop-00000001/landing/orders/part-00000" in called.out
    assert "still verifiable: every requirement of the closure" in called.out
    assert "products orders stays (1 files): shop-00000006, the next window" in called.out
    shown = call("runs", "shop", "--home", home)
    assert "CLOSED *" in shown.out
    assert too_wide(shown.out) == []
    assert "teardown 1: deleted 11 files" in call("show", RUN, "--home", home).out
    assert "teardown 1: deleted 11 files" in call("report", RUN, "--home", home).out
    verified = call("verify", RUN, "--home", home)
    assert verified.code == 0
    assert "teardown 1 of shop-00000001: deleted 11 files" in verified.out
    read = call("read", "orders", "--run", RUN, "--home", home)
    assert (read.code, "ProductRemoved" in read.err) == (1, True)


def test_every_feed_is_meant_where_none_is_named(home: Path) -> None:
    document = call("teardown", "--proof", "--home", home, "--json").document
    assert [run["run_id"] for run in document["runs"]] == [f"shop-0000000{n}" for n in range(1, 6)]
    assert {run["state"] for run in document["runs"]} == {"DONE"}


def test_an_open_run_is_refused_by_name_and_passed_over_in_its_feed(open_too: Path) -> None:
    named = call("teardown", "shop-00000006", "--proof", "--home", open_too)
    assert (named.code, "RunOpen" in named.err) == (1, True)
    feed = call("teardown", "shop", "--proof", "--home", open_too, "--json")
    assert feed.code == 0
    assert len(feed.document["runs"]) == 5


def test_a_run_that_does_not_verify_fails_the_call_after_the_others_went(home: Path) -> None:
    part = home / "store" / parts_of(home)[0]
    part.chmod(0o644)
    part.write_bytes(b"other bytes")
    called = call("teardown", "shop", "--proof", "--home", home, "--json")
    assert (called.code, called.document["error"]) == (1, "VerificationFailed")
    assert [run["state"] for run in called.document["runs"]] == ["DONE"] * 4
    assert len(parts_of(home)) == 11


@pytest.mark.parametrize("age", ["soon", "30", "-1d", "3m", ""])
def test_an_age_that_is_none_is_a_mistake_of_the_call(home: Path, age: str) -> None:
    called = call("teardown", "shop", "--proof", f"--older-than={age}", "--home", home)
    assert (called.code, len(parts_of(home))) == (2, 11)


def test_a_retention_that_is_none_is_a_mistake_of_the_declaration(home: Path) -> None:
    keep(home, landing="a month")
    called = call("teardown", "shop", "--proof", "--home", home)
    assert called.code == 2
    assert "defs.yaml" in called.err
    assert "hours, days or weeks" in " ".join(called.err.split())


def test_an_unknown_run_and_an_unknown_feed_are_mistakes_of_the_call(home: Path) -> None:
    assert call("teardown", "shop-00000077", "--proof", "--home", home).code == 2
    assert call("teardown", "nobody", "--proof", "--home", home).code == 2


def test_a_folder_that_this_user_may_not_change_is_a_refusal_with_a_remedy(home: Path) -> None:
    folder = home / "store" / "runs" / RUN / "landing" / "orders"
    if os.system(f"chattr +i {folder} 2>/dev/null") != 0:  # noqa: S605 - a path of this test
        pytest.skip("this file system knows no immutable folders")
    try:
        called = call("teardown", RUN, "--proof", "--home", home)
    finally:
        os.system(f"chattr -i {folder}")  # noqa: S605
    assert called.code == 1
    assert "RemovalDenied" in called.err
    assert "teardown again" in " ".join(called.err.split())
    assert "begun" in call("verify", RUN, "--home", home).out
    assert call("teardown", RUN, "--proof", "--home", home).code == 0
    assert parts_of(home) == []


def test_a_job_of_dagster_deletes_what_is_due(home: Path) -> None:
    job = definitions_for(home).resolve_job_def("shop_teardown")
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance).success
        assert parts_of(home) == []
        part = next((home / "store" / "runs" / "shop-00000004").rglob("*.parquet"))
        part.unlink()
        failed = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not failed.success


def test_a_feed_without_retention_has_no_such_job(home: Path) -> None:
    keep(home)
    jobs = {job.name for job in definitions_for(home).resolve_all_job_defs()}
    assert "shop_run" in jobs
    assert "shop_teardown" not in jobs
