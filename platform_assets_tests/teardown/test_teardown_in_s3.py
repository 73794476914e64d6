"""Teardown of a home whose store is a bucket: every version goes, and a lock is told."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.object_paths import check_object_path
from platform_assets.adapters.removals import open_removal
from platform_assets.errors import InvalidName, RemovalDenied, UnknownOutcome
from platform_assets.pipeline import Platform, finish, next_run, verify_run
from platform_assets.pipeline.teardown import teardown
from platform_assets.pipeline.teardown_records import standing_teardown
from platform_assets_tests.object_stores import PREFIX, keep_in_s3
from platform_assets_tests.servers.http_faults import LOST_ANSWER, LOST_REQUEST, HttpFaults
from platform_assets_tests.servers.s3 import new_bucket, s3_client
from platform_assets_tests.shop import make_shop
from platform_assets_tests.teardown.torn import FIRST, keep, problems

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets_tests.servers.s3 import S3Server

pytestmark = pytest.mark.usefixtures("s3_credentials")


@pytest.fixture
def home(tmp_path: Path, s3_server: S3Server, s3_bucket: str) -> Path:
    return closed_in(tmp_path / "home", s3_server, s3_bucket)


@pytest.fixture
def faults(s3_server: S3Server) -> Iterator[HttpFaults]:
    with HttpFaults(s3_server.endpoint) as faults:
        yield faults


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
    assert len(parts(before)) == 10
    assert torn(home) == "DONE"
    after = keys(s3_server, s3_bucket)
    assert parts(after) == []
    kept = {key for key in before if not key.endswith(".parquet")}
    added = {f"{PREFIX}/teardowns/{FIRST}/0001{end}.json" for end in ("", ".done")}
    assert set(after) == kept | added
    assert problems(verify_run(Platform.open(home), FIRST)) == []


def test_every_version_goes_from_a_bucket_that_keeps_them(
    tmp_path: Path, s3_server: S3Server
) -> None:
    bucket = new_bucket(s3_server)
    client = s3_client(s3_server)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    home = closed_in(tmp_path / "home", s3_server, bucket)
    (hidden, *_) = parts(keys(s3_server, bucket))
    client.put_object(Bucket=bucket, Key=f"{hidden}2", Body=b"its name begins alike")
    assert torn(home) == "DONE"
    assert parts(keys(s3_server, bucket, versions=True)) == []
    assert f"{hidden}2" in keys(s3_server, bucket)


def test_a_locked_part_is_told_and_the_next_call_after_its_lock_goes_on(
    tmp_path: Path, s3_server: S3Server
) -> None:
    bucket = new_bucket(s3_server, object_lock=True)
    home = closed_in(tmp_path / "home", s3_server, bucket)
    client = s3_client(s3_server)
    locked = parts(keys(s3_server, bucket))[-1]
    client.put_object_legal_hold(Bucket=bucket, Key=locked, LegalHold={"Status": "ON"})
    client.put_object_retention(
        Bucket=bucket,
        Key=parts(keys(s3_server, bucket))[0],
        Retention={
            "Mode": "GOVERNANCE",
            "RetainUntilDate": datetime.now(UTC) + timedelta(days=1),
        },
    )
    with pytest.raises(RemovalDenied, match="403") as denied:
        torn(home)
    assert "lock or hold" in denied.value.remedy
    platform = Platform.open(home)
    assert (standing_teardown(platform, FIRST) or {})["state"] == "BEGUN"
    assert problems(verify_run(platform, FIRST)) == []
    client.put_object_legal_hold(Bucket=bucket, Key=locked, LegalHold={"Status": "OFF"})
    versions = client.list_object_versions(Bucket=bucket, Prefix=parts(keys(s3_server, bucket))[0])
    for version in versions["Versions"]:
        client.put_object_retention(
            Bucket=bucket,
            Key=version["Key"],
            VersionId=version["VersionId"],
            Retention={},
            BypassGovernanceRetention=True,
        )
    assert torn(home) == "DONE"
    assert parts(keys(s3_server, bucket, versions=True)) == []


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
    assert len(parts(keys(s3_server, s3_bucket))) == 10
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
