"""A key that stops working while a process runs, and the one that takes its place in the file."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.aws import aws_session
from platform_assets.errors import StoreDenied
from platform_assets_tests.object_stores import open_s3_store

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.s3 import S3Server

LARGE = b"x" * (9 << 20)  # more than is sent in one request


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "credentials"


def write(file: Path, access_key: str, secret_key: str) -> None:
    file.write_text(
        f"[tests]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\n"
    )
    time.sleep(0.2)  # obstore asks for credentials ten times a second at most


def access_key(session: object) -> str:
    return str(session.get_credentials().get_frozen_credentials().access_key)  # type: ignore[attr-defined]


def test_an_open_store_takes_the_key_that_is_in_the_file_now(
    s3_server: S3Server, s3_bucket: str, credentials: Path, tmp_path: Path
) -> None:
    write(credentials, s3_server.access_key, s3_server.secret_key)
    store = open_s3_store(s3_server, s3_bucket, tmp_path, profile="tests")
    large = tmp_path / "large"
    store.create("runs/first", b"")
    for number in range(2):  # also the second time
        write(credentials, s3_server.access_key, "was-taken-away")
        large.write_bytes(LARGE)
        for ask in (
            partial(store.list, "runs"),
            partial(store.create, "runs/refused", b""),
            partial(store.create_from, "runs/refused", large),
        ):
            with pytest.raises(StoreDenied):
                ask()
        write(credentials, s3_server.access_key, s3_server.secret_key)
        store.create(f"runs/small{number}", b"")
        store.create_from(f"runs/large{number}", large)
    names = ["first", "large0", "large1", "small0", "small1"]
    assert store.list("runs") == [f"runs/{name}" for name in names]


def test_a_file_that_is_being_written_or_is_gone_changes_nothing(credentials: Path) -> None:
    write(credentials, "FIRST", "secret")
    session = aws_session("tests")
    assert access_key(session) == "FIRST"
    for half in ("[tests]\naws_access_key_id = SEC", "[tests", ""):
        credentials.write_text(half)
        assert access_key(session) == "FIRST"
    credentials.unlink()
    assert access_key(session) == "FIRST"
    write(credentials, "SECOND", "secret")
    assert access_key(session) == "SECOND"


def test_credentials_of_the_environment_are_not_replaced_by_those_of_a_file(
    credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OF-ENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    session = aws_session()
    assert access_key(session) == "OF-ENVIRONMENT"
    write(credentials, "OF-FILE", "secret")
    assert access_key(session) == "OF-ENVIRONMENT"
