"""I14: what a declaration refers to as a credential reaches no record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import ClosureRefused
from platform_assets.pipeline import Platform, close
from platform_assets_tests.pipeline.conftest import RUN
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from pathlib import Path

IN_A_RECORD = "small shop"  # stands in the feed's description, hence in its configuration
LONG = "wJalrXUtnFEMIK7MDENGbPxRfiCYzz0123456789"


def kafka(**security: Any) -> dict[str, Any]:
    return {"kind": "kafka", "bootstrap": ["broker.invalid:9092"], **security}


def sasl(password: dict[str, str]) -> dict[str, Any]:
    return {"mechanism": "PLAIN", "username": {"env": "SHOP_USER"}, "password": password}


def announcing(home: Path, source: dict[str, Any]) -> Path:
    """Declare a source of which nothing is read: that to which the feed announces."""

    def change(feed: dict[str, Any]) -> None:
        feed["announce"] = {"source": source, "topic": "ready"}

    redeclare(home, change)
    return home


def test_i14_passwords_and_tokens_count_wherever_a_declaration_keeps_them(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "password").write_text("from-a-file\n")
    monkeypatch.setenv("SHOP_KEY_PASSWORD", "of-the-key")
    monkeypatch.setenv("SHOP_USER", "the-shop")
    tls = {
        "certificate_file": "c",
        "key_file": "k",
        "key_password": {"env": "SHOP_KEY_PASSWORD"},
    }
    announcing(shop, kafka(sasl=sasl({"file": "password"}), tls=tls))
    platform = Platform.open(shop)
    assert platform.secret_values() == {"from-a-file", "of-the-key"}
    (shop / "password").write_text("renewed")
    assert platform.secret_values() == {"renewed", "of-the-key"}
    (shop / "password").write_text(" \t")
    assert platform.secret_values() == {"of-the-key"}
    (shop / "password").write_text("\n with-blanks \n")
    assert platform.secret_values() == {"with-blanks", "of-the-key"}
    (shop / "password").unlink()
    assert platform.secret_values() == {"of-the-key"}


@pytest.mark.parametrize(
    ("source", "counts"),
    [
        ({"kind": "kinesis", "region": "eu-central-1"}, True),
        (kafka(sasl={"mechanism": "AWS_MSK_IAM", "region": "eu-central-1"}, tls={}), True),
        (kafka(), False),
    ],
    ids=["kinesis", "msk", "no aws"],
)
def test_i14_credentials_of_aws_count_where_a_declaration_leads_there(
    shop: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, Any], counts: bool
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", LONG)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "test")  # what stand-ins take is no secret
    assert Platform.open(announcing(shop, source)).secret_values() == ({LONG} if counts else set())


def test_i14_a_declared_credential_in_a_record_refuses_the_closure(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    announcing(ready, kafka(sasl=sasl({"env": "SHOP_PASSWORD"})))
    monkeypatch.setenv("SHOP_PASSWORD", IN_A_RECORD)
    with pytest.raises(ClosureRefused, match="NoSecretFound") as refused:
        close(Platform.open(ready), RUN)
    assert IN_A_RECORD not in str(refused.value)
    monkeypatch.setenv("SHOP_PASSWORD", "in no record")
    assert close(Platform.open(ready), RUN)["verdict"] == "CLOSED"
