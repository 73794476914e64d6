"""Teardown of a home whose store is a bucket: every version goes, and a lock is told."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.object_address import parse_address
from platform_assets.adapters.object_paths import check_object_path
from platform_assets.adapters.object_removal import ObjectRemoval
from platform_assets.adapters.removals import open_removal
from platform_assets.errors import InvalidName, RemovalDenied, UnknownOutcome
from platform_assets.pipeline import Platform, finish, next_run, verify_run
from platform_assets.pipeline.teardown import teardown
from platform_assets.settings import ObjectStoreSettings
from platform_assets_tests.object_stores import PREFIX, keep_in_s3
from platform_assets_tests.servers.http_faults import LOST_ANSWER, LOST_REQUEST, HttpFaults
from platform_assets_tests.servers.s3 import new_bucket, s3_client
from platform_assets_tests.shop import make_shop
from platform_assets_tests.teardown.torn import FIRST, keep, problems

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.s3 import S3Server

PART = f"runs/{FIRST}/landing/orders/part-00000.0123456789ab.parquet"

pytestmark = pytest.mark.usefixtures("s3_credentials")


@pytest.fixture
def home(tmp_path: Path, s3_server: S3Server, s3_bucket: str) -> Path:
    return closed_in(tmp_path / "home", s3_server, s3_bucket)


def closed_in(home: Path, server: S3Server, bucket: str) -> Path:
    """Make a shop in a bucket with one closed run, of which nothing is needed any more."""
    make_shop(home, orders=6)
    keep_in_s3(home, server, bucket)
    keep(home, landing="0d", admission="0d", products="0d")
    text = (home / "defs/shop/defs.yaml").read_text()
    (home / "defs/shop/defs.yaml").write_text(
        text.replace("horizon_runs: 3", "horizon_runs: 0").replace(
            "history_runs: 3", "history_runs: 0"
        )
    )
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run == FIRST
    finish(platform, run)
    return home


def removal_of(server: S3Server, bucket: str) -> ObjectRemoval:
    options = ObjectStoreSettings(endpoint=server.endpoint, allow_http=True, timeout_seconds=10)
    return ObjectRemoval(parse_address(f"s3://{bucket}/{PREFIX}"), options)


def torn(home: Path) -> str:
    platform = Platform.open(home)
    answer = teardown(platform, open_removal(platform.settings, home), FIRST)
    return str(answer["state"])


def keys(server: S3Server, bucket: str, *, versions: bool = False) -> list[str]:
    client = s3_client(server)
    if not versions:
        found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [entry["Key"] for entry in found]
    page = client.list_object_versions(Bucket=bucket)
    return [entry["Key"] for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", []))]


def parts(found: list[str]) -> list[str]:
    return [key for key in found if key.endswith(".parquet")]


def test_all_data_goes_from_the_bucket_and_every_record_stays(
    home: Path, s3_server: S3Server, s3_bucket: str
) -> None:
    before = keys(s3_server, s3_bucket)
    assert len(parts(before)) == 11
    assert torn(home) == "DONE"
    after = keys(s3_server, s3_bucket)
    assert parts(after) == []
    kept = {key for key in before if not key.endswith(".parquet")}
    added = {f"{PREFIX}/teardowns/{FIRST}/0001{end}.json" for end in ("", ".done")}
    assert set(after) == kept | added
    assert problems(verify_run(Platform.open(home), FIRST)) == []


def test_every_version_goes_from_a_bucket_that_keeps_them(s3_server: S3Server) -> None:
    bucket, client = new_bucket(s3_server), s3_client(s3_server)
    versioning = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
    key = f"{PREFIX}/{PART}"
    for body in (b"first", b"second"):
        client.put_object(Bucket=bucket, Key=key, Body=body)
    client.delete_object(Bucket=bucket, Key=key)  # hides it
    client.put_object(Bucket=bucket, Key=f"{key}.of.another", Body=b"its name begins alike")
    assert keys(s3_server, bucket, versions=True).count(key) == 3
    removal_of(s3_server, bucket).remove(PART)
    assert keys(s3_server, bucket, versions=True) == [f"{key}.of.another"]
    removal_of(s3_server, bucket).remove(PART)  # what is gone is passed over


def test_a_lock_is_told_and_what_it_holds_goes_when_it_ended(s3_server: S3Server) -> None:
    bucket, client = new_bucket(s3_server, object_lock=True), s3_client(s3_server)
    key = f"{PREFIX}/{PART}"
    client.put_object(Bucket=bucket, Key=key, Body=b"held")
    client.put_object_legal_hold(Bucket=bucket, Key=key, LegalHold={"Status": "ON"})
    with pytest.raises(RemovalDenied, match="403") as denied:
        removal_of(s3_server, bucket).remove(PART)
    assert "lock or hold" in denied.value.remedy
    assert keys(s3_server, bucket) == [key]
    client.put_object_legal_hold(Bucket=bucket, Key=key, LegalHold={"Status": "OFF"})
    removal_of(s3_server, bucket).remove(PART)
    assert keys(s3_server, bucket, versions=True) == []


@pytest.mark.parametrize("fate", [LOST_ANSWER, LOST_REQUEST], ids=["answer", "request"])
@pytest.mark.parametrize("act", ["PUT", "DELETE"])
def test_answers_that_are_lost_lose_nothing(
    fate: object, act: str, home: Path, s3_server: S3Server, s3_bucket: str, faults: HttpFaults
) -> None:
    keep_in_s3(home, s3_server, s3_bucket, endpoint=faults.endpoint, timeout_seconds=2)
    faults.always(fate, method=act)  # type: ignore[arg-type]
    with pytest.raises(UnknownOutcome):
        torn(home)
    faults.rule = HttpFaults(s3_server.endpoint).rule
    assert torn(home) == "DONE"
    assert parts(keys(s3_server, s3_bucket)) == []
    assert problems(verify_run(Platform.open(home), FIRST)) == []


def test_a_client_that_may_not_delete_is_told_which_right_it_lacks(
    home: Path, s3_server: S3Server, s3_bucket: str
) -> None:
    client = s3_client(s3_server)
    actions = '["s3:DeleteObject", "s3:DeleteObjectVersion"]'
    client.put_bucket_policy(
        Bucket=s3_bucket,
        Policy='{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", '
        f'"Action": {actions}, "Resource": "arn:aws:s3:::{s3_bucket}/*"}}]}}',
    )
    with pytest.raises(RemovalDenied, match="s3:DeleteObjectVersion"):
        torn(home)
    assert len(parts(keys(s3_server, s3_bucket))) == 11
    client.delete_bucket_policy(Bucket=s3_bucket)
    assert torn(home) == "DONE"


def test_nothing_but_parts_can_be_deleted_from_a_bucket(home: Path) -> None:
    platform = Platform.open(home)
    removal = open_removal(platform.settings, home)
    for path in platform.store.list(""):
        check_object_path(path)
        if not path.endswith(".parquet"):
            with pytest.raises(InvalidName):
                removal.remove(path)
    assert problems(verify_run(platform, FIRST)) == []
    shutil.rmtree(home)
