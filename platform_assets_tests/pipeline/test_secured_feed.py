"""I14: a feed on a broker that asks for a password: it works, and nobody is told the password."""

from __future__ import annotations

import io
import json
import logging
import traceback
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest

from platform_assets.cli.main import run_command
from platform_assets.errors import PlatformError, SourceDenied, SourceUnreachable
from platform_assets.pipeline import Platform, finish, next_run, pin
from platform_assets_tests.secured_shop import feed_on, orders_on
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

WRONG = "no-password-of-anyone"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.fixture(scope="module")
def orders(kafka_secured: KafkaCluster) -> str:
    return orders_on(kafka_secured)


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """Everything that any library logs, however much it is asked to say."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


def told(home: Path, *command: str) -> str:
    """Return everything that a command prints."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        run_command([*command, "--home", str(home)])
    return out.getvalue()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_i14_a_closed_run_over_a_secured_broker_holds_the_password_nowhere(
    kafka_secured: KafkaCluster, orders: str, tmp_path: Path, said: io.StringIO, mechanism: str
) -> None:
    assert kafka_secured.security is not None
    password = kafka_secured.security.passwords["reader"]
    home = feed_on(tmp_path / "home", kafka_secured, orders, mechanism, "reader", password)
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    assert finish(platform, run)["verdict"] == "CLOSED"
    holding = [
        path for path in (home / "store").rglob("*") if path.is_file() and _in(path, password)
    ]
    assert holding == []
    assert password not in said.getvalue()
    assert password not in told(home, "show", str(run)) + told(home, "runs", "shop", "--json")
    assert sum(path.is_file() for path in (home / "store").rglob("*")) > 20


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_i14_a_refused_login_says_where_the_password_stands_and_not_what_it_is(
    kafka_secured: KafkaCluster, orders: str, tmp_path: Path, said: io.StringIO, mechanism: str
) -> None:
    home = feed_on(tmp_path / "home", kafka_secured, orders, mechanism, "reader", WRONG)
    with pytest.raises(SourceDenied) as denied:
        pin(Platform.open(home), "shop")
    text = (
        _everything(denied.value) + told(home, "pin", "shop") + told(home, "pin", "shop", "--json")
    )
    assert "keys/user" in text
    assert mechanism in text
    assert WRONG not in text + said.getvalue()
    assert not list((home / "store").rglob("feeds/shop/*"))


def test_i14_what_a_user_may_not_read_is_refused_by_name_and_without_the_password(
    kafka_secured: KafkaCluster, orders: str, tmp_path: Path, said: io.StringIO
) -> None:
    assert kafka_secured.security is not None
    password = kafka_secured.security.passwords["stranger"]
    home = feed_on(tmp_path / "home", kafka_secured, orders, "PLAIN", "stranger", password)
    with pytest.raises(SourceDenied, match=orders) as denied:
        pin(Platform.open(home), "shop")
    assert password not in _everything(denied.value) + told(home, "pin", "shop") + said.getvalue()
    assert not list((home / "store").rglob("feeds/shop/*"))


def test_i14_a_server_that_nobody_vouches_for_is_not_told_the_password(
    kafka_secured: KafkaCluster, orders: str, tmp_path: Path, said: io.StringIO
) -> None:
    home = feed_on(tmp_path / "home", kafka_secured, orders, "PLAIN", "reader", WRONG)
    redeclare(home, lambda feed: feed["streams"]["orders"]["source"].update(tls={}))
    with pytest.raises(SourceUnreachable) as refused:
        pin(Platform.open(home), "shop")
    assert WRONG not in _everything(refused.value) + said.getvalue()
    assert "certificate" in _everything(refused.value).lower()


def _in(path: Path, text: str) -> bool:
    return text.encode() in path.read_bytes()


def _everything(error: PlatformError) -> str:
    return "".join(traceback.format_exception(error)) + json.dumps(error.as_json()) + repr(error)
