"""Records under a bucket's object lock: they cannot be deleted before their day; parts can.

A lock needs versions, and Ceph 16 honours no condition in a bucket with versions; so these run on moto,
which keeps locks and conditions, one request at a time. What Ceph does is seen in the last test.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from platform_assets.errors import AlreadyExists, RecordConflict, SettingsInvalid, StoreUnwritable
from platform_assets.pipeline.records import write_bytes
from platform_assets_tests.object_stores import PREFIX, open_object_store, open_s3_store
from platform_assets_tests.servers.http_faults import LOST_ANSWER, HttpFaults
from platform_assets_tests.servers.leashed import moto_server
from platform_assets_tests.servers.s3 import new_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.adapters.object_store import ObjectStore
    from platform_assets_tests.servers.s3 import S3Server

RUN = "runs/shop-00000001"
RECORDS = [
    f"{RUN}/evidence/0001/bundle.json",
    f"{RUN}/closure/0001.seal",
    f"{RUN}/certificates/orders/0001/0001.json",
    f"{RUN}/products/orders/0001/manifest.json",
    "log/0000000001.json",
]
PART = f"{RUN}/products/orders/0001/part-00000.parquet"


@pytest.fixture(scope="module")
def locking() -> Iterator[str]:
    with moto_server() as address:
        yield address


@pytest.fixture
def faults(locking: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpFaults]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FALSEFORTESTS0000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "false-secret-for-tests")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with HttpFaults(locking) as faults:
        yield faults


@pytest.fixture
def client(faults: HttpFaults) -> Any:
    return boto3.client("s3", endpoint_url=faults.endpoint, region_name="us-east-1")


def bucket_of(client: Any, *, lock: bool = True) -> str:
    name = f"tests-{uuid.uuid4().hex[:16]}"
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
    return name


def opened(faults: HttpFaults, bucket: str, scratch: Path, **options: Any) -> ObjectStore:
    given = {"endpoint": faults.endpoint, "allow_http": True, "timeout_seconds": 5, **options}
    return open_object_store(f"s3://{bucket}/{PREFIX}", scratch, **given)


def test_records_cannot_be_deleted_before_their_day_and_parts_can(
    faults: HttpFaults, client: Any, tmp_path: Path
) -> None:
    bucket = bucket_of(client)
    store = opened(faults, bucket, tmp_path, lock_days=30, lock_mode="COMPLIANCE")
    source = tmp_path / "part"
    source.write_bytes(b"rows")
    store.create_from(PART, source)
    for path in RECORDS:
        store.create(path, b"record")
        head = client.head_object(Bucket=bucket, Key=f"{PREFIX}/{path}")
        assert head["ObjectLockMode"] == "COMPLIANCE"
        left = head["ObjectLockRetainUntilDate"] - datetime.now(UTC)
        assert timedelta(days=29) < left <= timedelta(days=30)
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_object(Bucket=bucket, Key=f"{PREFIX}/{path}", VersionId=head["VersionId"])
        assert store.read(path) == b"record"
    head = client.head_object(Bucket=bucket, Key=f"{PREFIX}/{PART}")
    assert "ObjectLockMode" not in head
    client.delete_object(Bucket=bucket, Key=f"{PREFIX}/{PART}", VersionId=head["VersionId"])
    assert not store.exists(PART)


def test_under_a_lock_a_create_is_as_create_only_as_without(
    faults: HttpFaults, client: Any, tmp_path: Path
) -> None:
    store = opened(faults, bucket_of(client), tmp_path, lock_days=1)
    store.create(RECORDS[0], b"first")
    with pytest.raises(AlreadyExists):
        store.create(RECORDS[0], b"second")
    faults.once(LOST_ANSWER, method="PUT")
    write_bytes(store, RECORDS[1], b"mine")
    with pytest.raises(RecordConflict):
        write_bytes(store, RECORDS[1], b"another's")
    assert (store.read(RECORDS[0]), store.read(RECORDS[1])) == (b"first", b"mine")
    assert faults.count("PUT", RUN) == 4


def test_a_lock_that_is_wanted_of_a_bucket_without_is_refused(
    faults: HttpFaults, client: Any, tmp_path: Path
) -> None:
    store = opened(faults, bucket_of(client, lock=False), tmp_path, lock_days=1)
    with pytest.raises(SettingsInvalid, match="object lock"):
        store.create(RECORDS[0], b"record")
    assert not store.exists(RECORDS[0])


@pytest.mark.usefixtures("s3_credentials")
def test_a_store_that_overwrites_under_a_lock_is_refused(
    s3_server: S3Server, tmp_path: Path
) -> None:
    """Ceph 16 would keep both seals of two closers, the later one in front."""
    bucket = new_bucket(s3_server, object_lock=True)
    store = open_s3_store(s3_server, bucket, tmp_path, lock_days=1)
    with pytest.raises((StoreUnwritable, AlreadyExists)):
        create_twice(store)
    assert not store.exists(RECORDS[0]) or store.read(RECORDS[0]) == b"first"


def create_twice(store: ObjectStore) -> None:
    store.create(RECORDS[0], b"first")
    store.create(RECORDS[0], b"second")
