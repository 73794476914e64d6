"""A strict feed in an object store: what the bucket holds, and what is cached of it, shows no row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, caught_up, open_product
from platform_assets.pipeline.run import Silence
from platform_assets_tests.object_stores import keep_in_s3
from platform_assets_tests.servers.s3 import S3Server, s3_client
from platform_assets_tests.strict.planted_shop import make_planted, planted
from platform_assets_tests.strict.raw_search import found_in

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


@pytest.mark.usefixtures("s3_credentials")
def test_neither_the_bucket_nor_the_cache_shows_a_row(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path
) -> None:
    home = make_planted(tmp_path / "home", strict=True)
    keep_in_s3(home, s3_server, s3_bucket)
    assert len(list(caught_up(Platform.open(home), "shop", Silence()))) == 1
    copy = tmp_path / "bucket"
    copy.mkdir()
    client = s3_client(s3_server)
    listed = client.list_objects_v2(Bucket=s3_bucket)["Contents"]
    assert len([entry for entry in listed if entry["Key"].endswith(".parquet")]) >= 12
    for number, entry in enumerate(listed):
        body = client.get_object(Bucket=s3_bucket, Key=entry["Key"])["Body"]
        (copy / str(number)).write_bytes(body.read())
    assert found_in(copy, planted()) == {}
    product = open_product(Platform.open(home), RUN, "orders")
    assert product.scan().collect().height == 60
    with product:
        pass
    assert found_in(home / "scratch", planted()) == {}
