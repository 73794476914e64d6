"""A window without records is pinned for what it alone records, and is closed like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import canonical_bytes
from platform_assets.errors import ClosureRefused
from platform_assets.flow.requirements_of_counts import _says_something_new
from platform_assets.flow.run_records import Document
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, is_closed, next_run, pin, verify_run
from platform_assets.pipeline.layout import anchors_path
from platform_assets_tests.resharding.traffic_home import FEED, make_home
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kinesis import KinesisServer


def test_a_feed_that_begins_at_latest_closes_its_first_window_and_goes_on(shop: Path) -> None:
    def begin_at_latest(feed: dict[str, Any]) -> None:
        for stream in feed["streams"].values():
            stream["start"] = "latest"

    redeclare(shop, begin_at_latest)
    platform = Platform.open(shop)
    first = next_run(platform, "shop")
    assert first is not None
    finish(platform, first)
    append(shop, "orders", 0, [order(number) for number in range(200, 203)])
    second = next_run(platform, "shop")
    assert second == RunId("shop", 2)
    finish(platform, second)
    assert is_closed(platform, second)


@pytest.mark.usefixtures("kinesis_credentials")
def test_an_idle_shard_that_was_split_ends_in_a_window_of_its_own(
    kinesalite: KinesisServer, tmp_path: Path
) -> None:
    client, stream = kinesalite.client(), kinesalite.new_stream()
    platform = Platform.open(
        make_home(tmp_path / "home", kinesalite.endpoint, stream, max_records=1000)
    )
    event = b'{"id": "%d", "key": "k", "number": %d}'
    client.put_record(StreamName=stream, Data=event % (1, 1), PartitionKey="k")
    _close_next(platform)
    client.split_shard(
        StreamName=stream,
        ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(2**127),
    )
    kinesalite.wait_until_active(stream)
    client.put_record(StreamName=stream, Data=event % (2, 2), PartitionKey="k")
    _close_next(platform)
    _close_next(platform)
    counts = [
        [part["end"] - part["start"] for part in _partitions(platform, number)]
        for number in (1, 2, 3)
    ]
    assert [sum(count) for count in counts] == [1, 0, 1]
    assert [part.get("ended", False) for part in _partitions(platform, 2)] == [True]
    verify_run(platform, RunId(FEED, 2))


@pytest.mark.usefixtures("kinesis_credentials")
def test_an_idle_shard_renews_its_proof_in_a_window_that_closes(
    own_kinesalite: KinesisServer, tmp_path: Path
) -> None:
    stream = own_kinesalite.new_stream()
    home = make_home(tmp_path / "home", own_kinesalite.endpoint, stream, max_records=1000)
    platform = Platform.open(home)
    event = b'{"id": "1", "key": "k", "number": 1}'
    own_kinesalite.client().put_record(StreamName=stream, Data=event, PartitionKey="k")
    _close_next(platform)
    assert next_run(platform, FEED) is None

    own_kinesalite.move_clock(13 * 3600)
    _close_next(platform)

    assert [(p["end"] - p["start"], p["renews"]) for p in _partitions(platform, 2)] == [(0, True)]
    verify_run(platform, RunId(FEED, 2))
    assert next_run(platform, FEED) is None


def test_an_empty_window_that_records_nothing_new_is_not_closed(shop: Path) -> None:
    platform = Platform.open(shop)
    run = pin(platform, "shop")
    assert run is not None
    anchors = platform.anchors(run)
    for stream in anchors["streams"]:
        for part in stream["partitions"]:
            part["end"] = part["start"]
    path = platform.store.local_path(anchors_path(run))
    path.chmod(0o600)
    path.write_bytes(canonical_bytes(anchors))
    with pytest.raises(ClosureRefused, match="no offset lies between the anchors"):
        finish(Platform.open(shop), run)


def test_a_partition_that_had_ended_before_says_nothing_new() -> None:
    part = {"partition": "0", "start": 3, "end": 3, "origin": "predecessor", "ended": True}
    anchors = {"streams": [{"stream": "events", "partitions": [part]}]}
    going_on = {"streams": [{"stream": "events", "partitions": [{**part, "ended": False}]}]}
    before = Document("feeds/f/00000001.json", b"", None, anchors, "")
    assert not _says_something_new(anchors, before)
    assert _says_something_new(anchors, replace(before, value=going_on))


def _close_next(platform: Platform) -> None:
    run = next_run(platform, FEED)
    assert run is not None
    finish(platform, run)


def _partitions(platform: Platform, number: int) -> list[dict[str, Any]]:
    partitions: list[dict[str, Any]] = platform.anchors(RunId(FEED, number))["streams"][0][
        "partitions"
    ]
    return partitions
