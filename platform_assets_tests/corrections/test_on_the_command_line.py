"""Correcting, reading the latest, seeing which run supersedes which: as called from a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from platform_assets_tests.cli.calls import call, too_wide
from platform_assets_tests.corrections.mended_shop import FOUR, ONE, REASON, THREE, TWO, mend
from platform_assets_tests.shop import append, order

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("PLATFORM_HOME", raising=False)


def test_run_takes_a_correction_to_its_closure_and_says_what_it_supersedes(home: Path) -> None:
    done = call("run", "shop", "--supersede", ONE, "--reason", REASON, "--home", home)
    assert done.code == 0
    assert f"{THREE} supersedes {ONE}: {REASON}" in done.out
    assert not too_wide(done.out.replace(REASON, ""))
    again = call("run", "shop", "--supersede", ONE, "--reason", REASON, "--home", home)
    assert again.code == 1
    assert f"--supersede {THREE}" in " ".join(again.err.split())


def test_run_goes_on_with_what_is_new_where_it_is_to_catch_up(home: Path) -> None:
    append(home, "orders", 0, [order(n) for n in range(80, 83)])
    flags = ("--supersede", ONE, "--reason", REASON, "--until-caught-up", "--json")
    done = call("run", "shop", *flags, "--home", home)
    assert done.code == 0
    assert [run["run_id"] for run in done.document["runs"]] == [str(THREE), str(FOUR)]
    assert done.document["runs"][0]["supersedes"]["run_id"] == str(ONE)
    assert done.document["caught_up"] is True


def test_pin_pins_the_correction_alone(home: Path) -> None:
    pinned = call("pin", "shop", "--supersede", ONE, "--reason", REASON, "--home", home)
    assert pinned.code == 0
    assert f"{THREE} supersedes {ONE}: {REASON}" in pinned.out
    shown = call("show", ONE, "--home", home).out
    assert f"{ONE} is to be superseded by {THREE}, which is open yet: {REASON}" in shown
    assert call("run", "shop", "--home", home).code == 0
    assert f"{ONE} is superseded by {THREE}: {REASON}" in call("show", ONE, "--home", home).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--supersede", ONE), "expected a reason"),
        (("--supersede", ONE, "--reason", " "), "expected a reason"),
        (("--reason", "why"), "remedy Name it: --supersede RUN"),
        (("--supersede", THREE, "--reason", "why"), "found no such run"),
        (("--supersede", "bar-00000001", "--reason", "why"), "bar"),
    ],
)
def test_a_mistake_of_the_call_pins_nothing(
    home: Path, arguments: tuple[object, ...], says: str
) -> None:
    for command in ("run", "pin"):
        refused = call(command, "shop", *arguments, "--home", home)
        assert refused.code == 2
        assert says in " ".join(refused.err.split())
    assert len(call("runs", "shop", "--json", "--home", home).document) == 2


def test_a_run_of_another_feed_is_refused(home: Path) -> None:
    second_feed(home)
    refused = call("run", "market", "--supersede", ONE, "--reason", "why", "--home", home)
    assert refused.code == 2
    assert f"platform-assets run shop --supersede {ONE}" in " ".join(refused.err.split())


def test_the_latest_is_read_and_the_old_run_by_its_id(corrected_home: Path) -> None:
    append(corrected_home, "orders", 0, [order(80)])
    mend(corrected_home)
    call("run", "shop", "--supersede", TWO, "--reason", "as well", "--home", corrected_home)
    latest = call("read", "cancellations", "--run", "latest", "--home", corrected_home)
    assert latest.code == 0
    assert latest.out.startswith(f"cancellations of {FOUR}: 5 certified rows")
    assert f"{FOUR} supersedes {TWO}: as well" in latest.out
    old = call("read", "cancellations", "--run", ONE, "--home", corrected_home)
    assert old.code == 0
    assert f"{ONE} is superseded by {THREE}" in " ".join(old.out.split())
    document = call("read", "orders", "--run", ONE, "--json", "--home", corrected_home).document
    assert document["superseded_by"]["run_id"] == str(THREE)
    listed = call("runs", "shop", "--home", corrected_home).out
    assert f"{THREE} supersedes {ONE}" in listed
    assert f"{FOUR} supersedes {TWO}" in listed


def second_feed(home: Path) -> None:
    """Declare a feed ``market`` with the same products, which has no run yet."""
    document = yaml.safe_load((home / "defs" / "shop" / "defs.yaml").read_text())
    document["attributes"]["feed"] = "market"
    (home / "defs" / "market").mkdir()
    (home / "defs" / "market" / "defs.yaml").write_text(yaml.safe_dump(document))


def test_a_name_of_several_feeds_needs_its_feed(home: Path) -> None:
    second_feed(home)
    ambiguous = call("read", "orders", "--run", "latest", "--home", home)
    assert ambiguous.code == 2
    assert "orders is declared by market, shop" in " ".join(ambiguous.err.split())
    of_shop = call("read", "orders", "--run", "latest", "--feed", "shop", "--home", home)
    assert of_shop.out.startswith(f"orders of {TWO}")
    none = call("read", "orders", "--run", "latest", "--feed", "market", "--home", home)
    assert none.code == 1
    assert "RunOpen" in none.err
    for wrong in (("--run", ONE, "--feed", "market"), ("--run", "latest", "--feed", "fair")):
        assert call("read", "orders", *wrong, "--home", home).code == 2
    unknown = call("read", "order", "--run", "latest", "--home", home)
    assert unknown.code == 2
    assert "UnknownThing" in unknown.err


def test_verify_says_how_runs_are_related(corrected_home: Path) -> None:
    old = call("verify", ONE, "--home", corrected_home)
    assert old.code == 0
    assert f"is superseded by {THREE}, sha256:" in old.out
    new = call("verify", THREE, "--home", corrected_home)
    assert new.code == 0
    assert f"supersedes {ONE}: {REASON}" in new.out
