"""`announce` and `wait` on the command line, and `run`, which announces what it closed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.cli.calls import call, too_wide
from platform_assets_tests.cli.conftest import CLOSED
from platform_assets_tests.pipeline.announcing import TOPIC, announcing, published
from platform_assets_tests.shop import append, make_shop, order

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(shop: Path) -> Path:
    """Return a home whose run 1 is closed, and in which nothing was announced yet."""
    return announcing(shop)


def test_what_is_certified_and_closed_is_announced_and_told(home: Path) -> None:
    told = call("announce", "shop", "--home", home, "--json")
    assert (told.code, told.err) == (0, "")
    assert told.document["announced"] == published(home)
    again = call("announce", "shop", "--home", home)
    assert (again.code, again.err) == (0, "")
    assert "nothing new" in again.out
    assert too_wide(again.out) == []


def test_run_announces_what_it_closed(tmp_path: Path) -> None:
    home = announcing(make_shop(tmp_path / "home", orders=20))
    for number in (1, 2):
        assert call("run", "shop", "--home", home).code == 0
        run = f"shop-{number:08d}"
        assert published(home)[-1]["subject"] == run
        assert len(published(home)) == 5 * number
        append(home, "orders", 0, [order(700 + number)])


def test_a_control_topic_that_does_not_answer_does_not_undo_the_closure(tmp_path: Path) -> None:
    home = announcing(make_shop(tmp_path / "home", orders=20))
    (home / "control" / TOPIC).rename(home / "gone")
    told = call("run", "shop", "--home", home, "--json")
    assert (told.code, told.document["error"]) == (3, "SourceUnreachable")
    assert [run["state"] for run in told.document["closed"]] == ["CLOSED"]
    (home / "gone").rename(home / "control" / TOPIC)
    assert len(call("announce", "shop", "--home", home, "--json").document["announced"]) == 5


def test_waiting_ends_with_a_product_that_may_be_read(home: Path) -> None:
    call("announce", "shop", "--home", home)
    arguments = ("wait", "orders", "--feed", "shop", "--run", CLOSED, "--timeout", 0)
    told = call(*arguments, "--home", home, "--json")
    assert (told.code, told.err) == (0, "")
    read = call("read", "orders", "--run", CLOSED, "--home", home, "--json").document
    assert told.document == {key: read[key] for key in told.document}
    shown = call(*arguments, "--home", home)
    assert shown.code == 0
    assert "is ready" in shown.out


def test_waiting_for_a_closure_ends_with_its_evidence(home: Path) -> None:
    call("announce", "shop", "--home", home)
    told = call("wait", "--feed", "shop", "--timeout", 0, "--home", home, "--json")
    assert told.code == 0
    evidence = call("runs", "shop", "--home", home, "--json").document[0]["bundle_digest"]
    assert told.document == {"run_id": CLOSED, "closed": True, "bundle_digest": evidence}
    shown = call("wait", "--feed", "shop", "--timeout", 0, "--home", home)
    assert f"{CLOSED} is closed." in shown.out


def test_waiting_in_vain_exits_with_3_and_says_what_was_passed_over(home: Path) -> None:
    arguments = ("wait", "refunds", "--feed", "shop", "--timeout", 0, "--home", home, "--json")
    told = call(*arguments)
    assert (told.code, told.document["error"]) == (3, "NotAnnounced")
    call("announce", "shop", "--home", home)
    call("revoke", "refunds", "--run", CLOSED, "--reason", "wrong", "--home", home)
    told = call(*arguments)
    assert told.code == 3
    assert "CertificateRevoked" in told.document["found"]


def test_a_cursor_that_is_kept_gives_each_product_once(home: Path, tmp_path: Path) -> None:
    call("announce", "shop", "--home", home)
    arguments = ("wait", "orders", "--feed", "shop", "--timeout", 0, "--home", home, "--json")
    kept = ("--cursor", tmp_path / "cursor.json")
    # run 2 failed a check of its refunds alone, so that its orders are certified and it is open
    runs = [call(*arguments, *kept).document["run_id"] for _ in range(2)]
    assert runs == [CLOSED, "shop-00000002"]
    assert call(*arguments, *kept).code == 3
    assert call(*arguments).document["run_id"] == CLOSED


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"start": 1, "places": {"0": {}}}'])
def test_a_file_that_is_no_cursor_is_a_mistake_of_the_call(
    home: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "cursor.json").write_text(text)
    told = call(
        *("wait", "orders", "--feed", "shop", "--cursor", tmp_path / "cursor.json"),
        *("--timeout", 0, "--home", home, "--json"),
    )
    assert (told.code, told.document["error"]) == (2, "ConfigurationError")
    assert (tmp_path / "cursor.json").read_text() == text


def test_a_feed_without_a_control_topic_is_a_mistake_of_its_declaration(shop: Path) -> None:
    for arguments in (("announce", "shop"), ("wait", "orders", "--feed", "shop")):
        told = call(*arguments, "--home", shop, "--json")
        assert (told.code, told.document["error"]) == (2, "DeclarationInvalid")
        assert "announce" in json.dumps(told.document)
