"""Who may open a bucket, and what of it: credentials of the usual chain, and policies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import (
    CredentialMissing,
    SettingsInvalid,
    StoreDenied,
)
from platform_assets_tests.object_stores import open_object_store, open_s3_store
from platform_assets_tests.servers.s3 import s3_client

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.s3 import S3Server

RECORD = "runs/shop-00000001/evidence/0001/bundle.json"
PART = "runs/shop-00000001/products/orders/0001/part-00000.parquet"


def forbid(server: S3Server, bucket: str, *actions: str) -> None:
    """Forbid actions on a bucket's objects to everybody."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3_client(server).put_bucket_policy(Bucket=bucket, Policy=policy)


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def test_a_bucket_that_is_only_readable_is_read_and_not_written(
    s3_server: S3Server, s3_bucket: str, s3_credentials: None, tmp_path: Path
) -> None:
    del s3_credentials
    store = open_s3_store(s3_server, s3_bucket, tmp_path)
    store.create(RECORD, b"record")
    forbid(s3_server, s3_bucket, "s3:PutObject")
    with pytest.raises(StoreDenied, match="s3:PutObject") as refused:
        store.create("runs/x", b"")
    assert refused.value.exit_code == 3
    source = tmp_path / "part"
    source.write_bytes(b"rows")
    with pytest.raises(StoreDenied, match="s3:PutObject"):
        store.create_from(PART, source)
    assert source.exists()
    assert store.read(RECORD) == b"record"
    assert store.list("") == [RECORD]


def test_a_bucket_that_may_not_be_read_is_not_empty(
    s3_server: S3Server, s3_bucket: str, s3_credentials: None, tmp_path: Path
) -> None:
    del s3_credentials
    store = open_s3_store(s3_server, s3_bucket, tmp_path)
    store.create(RECORD, b"record")
    forbid(s3_server, s3_bucket, "s3:GetObject", "s3:ListBucket")
    for ask in (store.read, store.exists, store.stat, store.local_path, store.list):
        with pytest.raises(StoreDenied, match=r"s3:(GetObject|ListBucket)"):
            ask(RECORD)


@pytest.mark.usefixtures("no_credentials")
def test_another_secret_key_is_not_let_in(
    s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    store = open_s3_store(s3_server, s3_bucket, tmp_path)
    with pytest.raises(StoreDenied, match="SignatureDoesNotMatch"):
        store.create("runs/x", b"")
    with pytest.raises(StoreDenied):
        store.exists("runs/x")


def test_credentials_come_from_a_profile(
    s3_server: S3Server, s3_bucket: str, no_credentials: None, tmp_path: Path
) -> None:
    del no_credentials
    (tmp_path / "credentials").write_text(
        f"[tests]\naws_access_key_id = {s3_server.access_key}\n"
        f"aws_secret_access_key = {s3_server.secret_key}\n"
    )
    store = open_s3_store(s3_server, s3_bucket, tmp_path, profile="tests")
    store.create("runs/x", b"data")
    assert store.read("runs/x") == b"data"
    absent = open_s3_store(s3_server, s3_bucket, tmp_path, profile="absent")
    with pytest.raises(CredentialMissing, match="absent"):
        absent.read("runs/x")


def test_credentials_come_from_a_process_and_are_renewed_before_they_end(
    s3_server: S3Server, s3_bucket: str, no_credentials: None, tmp_path: Path
) -> None:
    """Each answer of the process lasts for five minutes, less than the library keeps one."""
    del no_credentials
    ends = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    answer = {
        "Version": 1,
        "AccessKeyId": s3_server.access_key,
        "SecretAccessKey": s3_server.secret_key,
        "Expiration": ends,
    }
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    told = f"sh -c 'echo asked >> {tmp_path}/asked; cat {tmp_path}/answer.json'"
    (tmp_path / "config").write_text(f"[profile tests]\ncredential_process = {told}\n")
    store = open_s3_store(s3_server, s3_bucket, tmp_path, profile="tests")
    store.create("runs/x", b"data")
    assert store.read("runs/x") == b"data"
    assert len((tmp_path / "asked").read_text().split()) > 1


def test_no_credentials_are_told_as_such(
    s3_server: S3Server, s3_bucket: str, no_credentials: None, tmp_path: Path
) -> None:
    del no_credentials
    store = open_s3_store(s3_server, s3_bucket, tmp_path)
    for ask in (store.read, store.list):
        with pytest.raises(CredentialMissing, match="usual chain"):
            ask("runs/x")
    with pytest.raises(CredentialMissing):
        store.create("runs/x", b"")


def test_credentials_that_cannot_be_renewed_are_told_as_such(
    s3_server: S3Server, s3_bucket: str, no_credentials: None, tmp_path: Path
) -> None:
    del no_credentials
    (tmp_path / "config").write_text(
        "[profile tests]\ncredential_process = sh -c 'echo no >&2; exit 1'\n"
    )
    store = open_s3_store(s3_server, s3_bucket, tmp_path, profile="tests")
    for ask in (store.read, store.list):
        with pytest.raises(CredentialMissing):
            ask("runs/x")
    with pytest.raises(CredentialMissing):
        store.create("runs/x", b"")


def test_what_a_providers_client_lacks_is_told_as_a_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_USE_EMULATOR"):
        monkeypatch.delenv(name, raising=False)
    store = open_object_store("az://some-container", tmp_path)
    for ask in (store.read, store.exists, store.list, lambda path: store.create(path, b"")):
        with pytest.raises(SettingsInvalid, match="Account must be specified"):
            ask("runs/x")
