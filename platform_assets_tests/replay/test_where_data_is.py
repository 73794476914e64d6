"""A run whose store is a bucket, and runs of which a teardown deleted some of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.removals import open_removal
from platform_assets.errors import Usage
from platform_assets.flow.replay import Verdict
from platform_assets.pipeline import Platform, export_run
from platform_assets.pipeline.replay import Start, replay_bundle, replay_run
from platform_assets.pipeline.replay_platform import Surroundings
from platform_assets.pipeline.teardown import teardown
from platform_assets_tests.object_stores import keep_in_s3
from platform_assets_tests.replay.conftest import FIRST, SECOND, close_next
from platform_assets_tests.servers.s3 import S3Server, s3_client
from platform_assets_tests.shop import append, make_shop, order
from platform_assets_tests.teardown.torn import keep

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.s3
@pytest.mark.usefixtures("s3_credentials")
def test_i13_a_run_in_a_bucket_is_reproduced_and_nothing_is_put_there(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path
) -> None:
    home = make_shop(tmp_path / "home", orders=20)
    keep_in_s3(home, s3_server, s3_bucket)
    assert close_next(home) == FIRST
    append(home, "orders", 0, [order(n) for n in (1, 50, 51)])
    assert close_next(home) == SECOND
    client = s3_client(s3_server)

    def objects() -> list[tuple[str, str]]:
        listed = client.list_objects_v2(Bucket=s3_bucket)["Contents"]
        return sorted((entry["Key"], str(entry["LastModified"])) for entry in listed)

    before = objects()
    for start in (Start.WHERE_POSSIBLE, Start.LANDING):
        result = replay_run(Platform.open(home), SECOND, start=start)
        assert (result.divergence, result.verdict) == (None, Verdict.REPRODUCED)
    assert objects() == before
    export_run(Platform.open(home), SECOND, tmp_path / "run.tar", with_data=True)
    alone = replay_bundle(tmp_path / "run.tar", Surroundings(home, tmp_path / "scratch"))
    assert alone.verdict is Verdict.REPRODUCED


def test_where_the_landing_was_torn_down_the_streams_may_still_do(shop: Path) -> None:
    keep(shop, landing="0d")
    platform = Platform.open(shop)
    removal = open_removal(platform.settings, platform.home)
    assert teardown(platform, removal, SECOND)["state"] == "DONE"
    result = replay_run(Platform.open(shop), SECOND)
    assert (result.start, result.verdict) == ("anchors", Verdict.REPRODUCED)
    with pytest.raises(Usage, match="--from anchors"):
        replay_run(Platform.open(shop), SECOND, start=Start.LANDING)
    next((shop / "data/shop/orders/0").glob("*.ndjson")).write_bytes(b"")
    with pytest.raises(Usage, match=r"absent.*; and orders"):
        replay_run(Platform.open(shop), SECOND)
