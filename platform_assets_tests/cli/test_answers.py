"""What each command answers: one JSON document, or text that fits a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from platform_assets_tests.cli.calls import Called, call, too_wide
from platform_assets_tests.cli.conftest import CLOSED, OPEN
from platform_assets_tests.shop import append, make_shop, order, redeclare, refunded

READING = [
    ("feeds",),
    ("runs", "shop"),
    ("lag", "shop"),
    ("show", CLOSED),
    ("show", OPEN),
    ("verify", CLOSED),
    ("report", CLOSED),
    ("read", "orders", "--run", CLOSED),
    ("close", CLOSED),
]
CHANGING = [
    ("pin", "shop"),
    ("materialize", "refunds", "--run", OPEN),
    ("materialize", "orders", "--run", OPEN),
    ("certify", "orders", "--run", OPEN),
    ("revoke", "orders", "--run", OPEN, "--reason", "wrong prices"),
]


def mend(home: Path) -> None:
    """Allow refunds of nothing, which is what run 2 failed for."""

    def allow(attributes: dict[str, Any]) -> None:
        attributes["products"]["refunds"]["checks"][1]["min"] = 0

    redeclare(home, allow)


def answered(*arguments: object) -> Called:
    """Call a command that succeeds, with JSON and then as text, and hold both to the rules."""
    told = call(*arguments, "--json")
    assert told.code == 0, told
    assert told.document is not None
    assert told.err == ""
    shown = call(*arguments)
    assert shown.code == 0, shown
    assert shown.err == ""
    assert shown.out
    assert too_wide(shown.out) == []
    return told


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_command_that_looks_answers_with_one_document(
    failing: Path, arguments: tuple[str, ...]
) -> None:
    answered(*arguments, "--home", failing)


@pytest.mark.parametrize("arguments", CHANGING, ids=" ".join)
def test_a_command_that_acts_answers_with_one_document(
    shop: Path, arguments: tuple[str, ...]
) -> None:
    told = call(*arguments, "--home", shop, "--json")
    assert told.code == 0, told
    assert told.err == ""
    assert told.document


@pytest.mark.parametrize(
    "first", [("--home", "{home}"), ("--json",), ("--home", "{home}", "--json")]
)
def test_home_and_json_may_stand_before_the_command_or_after_it(
    failing: Path, first: tuple[str, ...]
) -> None:
    before = [part.format(home=failing) for part in first]
    after = [o for o in ("--home", str(failing), "--json") if o not in before]
    assert call(*before, "runs", "shop", *after) == call(
        "runs", "shop", "--home", failing, "--json"
    )


def test_what_stands_after_the_command_counts(failing: Path, tmp_path: Path) -> None:
    assert call("--home", tmp_path / "other", "feeds", "--home", failing).code == 0
    assert call("--home", failing, "feeds", "--home", tmp_path / "other").code == 2


def test_the_home_comes_from_the_environment_or_is_the_hidden_folder_here(
    failing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM_HOME", str(failing))
    assert call("runs", "shop").code == 0
    monkeypatch.delenv("PLATFORM_HOME")
    monkeypatch.chdir(failing.parent)
    assert call("runs", "shop").code == 2
    Path(".platform").symlink_to(failing)
    assert call("runs", "shop").code == 0
    Path(".platform").unlink()


def test_counts_and_state_of_runs_are_told(failing: Path) -> None:
    first, second = call("runs", "shop", "--home", failing, "--json").document
    assert (first["run_id"], first["state"], first["records"]) == (CLOSED, "CLOSED", 24)
    assert first["delivered"] == first["admitted"] + first["duplicate"] + first["quarantined"]
    assert Path(first["report"]).is_file()
    assert (second["run_id"], second["state"], second["report"]) == (OPEN, "OPEN", None)


def test_a_failed_check_is_told_with_everything_to_act_on(failing: Path) -> None:
    told = call("run", "shop", "--home", failing, "--json")
    assert (told.code, told.err) == (1, "")
    assert told.document["error"] == "CertificationFailed"
    assert told.document["run_id"] == OPEN
    assert told.document["closed"] == []
    assert any("refund_size" in finding for finding in told.document["findings"])
    [check] = told.document["products"]["refunds"]["failed_checks"]
    assert (check["name"], check["outcome"]) == ("refund_size", "FAIL")
    assert told.document["products"]["orders"]["readable"]
    assert told.document["products"]["turnover"]["refusal"]["error"] == "ProductMissing"


def test_a_failed_check_is_shown_with_what_to_do_next(failing: Path) -> None:
    shown = call("run", "shop", "--home", failing)
    assert (shown.code, shown.out) == (1, "")
    assert "CertificationFailed: shop-00000002" in shown.err
    assert "refund_size" in shown.err
    assert "remedy" in shown.err
    assert too_wide(shown.err) == []


def test_one_window_that_is_closed_does_not_say_that_nothing_is_left(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=20)
    assert call("run", "shop", "--home", home, "--json").document["caught_up"] is False
    assert call("run", "shop", "--home", home, "--json").document["caught_up"] is True


def test_a_check_that_could_not_observe_anything_is_told_with_what_stopped_it(shop: Path) -> None:
    def fail_the_orders(attributes: dict[str, Any]) -> None:
        attributes["products"]["orders"]["checks"][5]["max"] = 1

    mend(shop)
    call("run", "shop", "--until-caught-up", "--home", shop)
    redeclare(shop, fail_the_orders)
    append(shop, "orders", 0, [order(950)])
    append(shop, "changes", 0, [refunded(950)])
    shown = call("run", "shop", "--home", shop)
    assert shown.code == 1
    told = " ".join(shown.err.split())
    reason = "CertificateFailed: orders of shop-00000003"
    assert f"referential_order_id: the check crashed: {reason}" in told
    shown = call("show", "shop-00000003", "--home", shop)
    assert (shown.code, too_wide(shown.out)) == (0, [])
    assert "CertificateFailed" in shown.out


def test_certify_tells_a_failed_verdict_and_exits_as_refused(failing: Path) -> None:
    told = call("certify", "refunds", "--run", OPEN, "--home", failing, "--json")
    assert told.code == 1
    assert told.document["verdict"] == "FAIL"


def test_after_mending_the_run_goes_on_and_is_closed(shop: Path) -> None:
    mend(shop)
    done = call("run", "shop", "--until-caught-up", "--home", shop, "--json").document
    assert ([run["run_id"] for run in done["runs"]], done["caught_up"]) == ([OPEN], True)
    assert done["totals"] == {"delivered": 3, "admitted": 3, "duplicate": 0, "quarantined": 0}
    again = answered("run", "shop", "--home", shop).document
    assert (again["runs"], again["caught_up"]) == ([], True)
    assert answered("pin", "shop", "--home", shop).document == {"run_id": None}


def test_what_was_closed_before_a_refusal_is_told_with_it(shop: Path) -> None:
    mend(shop)
    append(shop, "changes", 0, [refunded(901, cents=-1)])
    append(shop, "orders", 0, [b"torn"])
    told = call("run", "shop", "--until-caught-up", "--home", shop, "--json")
    assert told.code == 1
    assert [run["run_id"] for run in told.document["closed"]] == [OPEN]
    assert told.document["run_id"] == "shop-00000003"


def test_init_makes_a_home_once_and_harms_none(tmp_path: Path) -> None:
    home = tmp_path / "my home"
    made = call("init", home, "--json").document
    assert made["feeds"] == ["earthquakes", "payments"]
    assert made["added"] > 0
    assert call("--home", home, "init", "--json").document["added"] == 0
    assert f"--home '{home}'" in call("init", home).out


@pytest.mark.parametrize("command", ["", *sorted({a[0] for a in READING + CHANGING})])
def test_help_shows_an_example_and_fits_a_terminal(command: str) -> None:
    shown = call(*command.split(), "--help")
    assert shown.code == 0
    assert too_wide(shown.out) == []
    assert ("Exit codes" if not command else f"Example: platform-assets {command}") in shown.out


def test_what_a_users_function_prints_does_not_reach_the_answer(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=4)
    quiet = (home / "shop_functions.py").read_text()
    (home / "noisy_shop.py").write_text(f"{quiet}\n\nprint('loaded')\n")

    def change(attributes: dict[str, Any]) -> None:
        attributes["consumers"]["turnover"]["function"] = "noisy_shop:turnover"

    redeclare(home, change)
    told = call("run", "shop", "--home", home, "--json")
    assert told.document["runs"][0]["state"] == "CLOSED"
    assert told.err == "loaded\n"


def test_lag_tells_what_waits_in_each_partition_and_which_runs_are_open(failing: Path) -> None:
    told = answered("lag", "shop", "--home", failing).document
    assert told["records"] == 0
    assert (told["open_runs"], told["max_open_runs"]) == ([OPEN], 1)


def test_lag_counts_records_draws_them_and_makes_up_no_seconds(shop: Path) -> None:
    append(shop, "orders", 0, [order(number) for number in range(1_000, 1_400)])
    append(shop, "orders", 1, [order(number) for number in range(2_000, 2_100)])
    append(shop, "changes", 0, [refunded(1_000)])
    told = call("lag", "shop", "--home", shop, "--json").document
    waiting = {f"{p['stream']}/{p['partition']}": p["records"] for p in told["partitions"]}
    assert waiting["orders/0"] == 400
    assert waiting["orders/1"] == 100
    assert waiting["changes/0"] == 1
    assert told["records"] == sum(waiting.values()) == 501
    assert told["seconds"] is None
    shown = call("lag", "shop", "--home", shop).out
    bars = {line.split()[1]: line.count("█") for line in shown.splitlines() if "orders" in line[:8]}
    assert bars["0"] == 4 * bars["1"] > 0
    assert "unknown" in shown


def test_lag_of_a_feed_whose_log_is_gone_is_an_outage_and_not_none(shop: Path) -> None:
    (shop / "data").rename(shop / "gone")
    answer = call("lag", "shop", "--home", shop, "--json")
    assert answer.code == 3
    assert answer.document["error"] == "SourceUnreachable"
