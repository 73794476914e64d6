"""Where a feed starts in a stream: at the end, or at a moment. Against servers that know moments."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.kinesis import looking, pages
from platform_assets.adapters.kinesis.client import KinesisClient
from platform_assets.ports.positions import Position
from platform_assets_tests.adapters.kinesis.feed_log import (
    SHARD,
    FeedLog,
    forget,
    numbers,
    put,
    stream_at,
)

if TYPE_CHECKING:
    from platform_assets_tests.servers.kinesis import KinesisServer

pytestmark = pytest.mark.usefixtures("kinesis_credentials")


@pytest.fixture(params=["kinesis_local", "kinesis_moto"])
def server(request: pytest.FixtureRequest) -> KinesisServer:
    found: KinesisServer = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("page", [2, 10_000])
def test_latest_is_behind_the_last_record_there_is(
    server: KinesisServer, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", page)
    stream = server.new_stream(1)
    *_, last = put(server.client(), stream, numbers(0, 5))
    log = FeedLog(stream_at(server.endpoint, stream), start="latest")

    assert log.window() == 0
    assert log.known[SHARD].position == Position(0, f"after:{last}/0")
    assert log.origins == {SHARD: "latest"}
    put(server.client(), stream, numbers(5, 9))
    forget()
    assert log.window() == 4
    assert log.values() == numbers(5, 9)


def test_latest_of_a_shard_at_rest_is_a_moment_that_loses_nothing(server: KinesisServer) -> None:
    stream = server.new_stream(1)
    log = FeedLog(stream_at(server.endpoint, stream), start="latest")

    assert log.window() == 0
    native = log.known[SHARD].position.native
    assert native.startswith("at:")
    for number in range(3):
        put(server.client(), stream, numbers(number, number + 1))
        forget()
        assert log.window() == 1
    assert log.values() == numbers(0, 3)
    assert log.spans[1].start == Position(0, native)


def test_latest_passes_over_what_is_older_than_it_looks_back(
    server: KinesisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LATEST_REACHES_BACK", timedelta(0))
    stream = server.new_stream(1)
    put(server.client(), stream, numbers(0, 5))
    time.sleep(2.1)  # the service tells its clock in whole seconds
    log = FeedLog(stream_at(server.endpoint, stream), start="latest")

    log.window()
    assert log.known[SHARD].position.native.startswith("at:")
    put(server.client(), stream, numbers(5, 7))
    time.sleep(1.1)
    log.window()
    assert log.values() == numbers(5, 7)


def test_a_list_of_shards_is_read_to_its_last_page(
    kinesis_local: KinesisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other server refuses its own token where the stream's name is left out, as it has to be."""
    ask = KinesisClient.ask

    def ask_for_two(self: KinesisClient, action: str, **parameters: object) -> dict[str, Any]:
        few = {"MaxResults": 2} if action == "ListShards" else {}
        return ask(self, action, **parameters, **few)

    monkeypatch.setattr(KinesisClient, "ask", ask_for_two)
    log = FeedLog(stream_at(kinesis_local.endpoint, kinesis_local.new_stream(5)))

    assert len(log.look()) == 5


def test_a_moment_is_kept_to_the_millisecond(server: KinesisServer) -> None:
    stream = server.new_stream(1)
    for number in range(8):
        put(server.client(), stream, numbers(number, number + 1))
        time.sleep(0.03)
    time.sleep(1.1)  # the service tells its clock in whole seconds, and a moment to come waits
    everything = FeedLog(stream_at(server.endpoint, stream))
    everything.window()
    arrivals = [row["timestamp"] for row in everything.landed]

    for first in (0, 3, 7):
        log = FeedLog(stream_at(server.endpoint, stream), start=arrivals[first])
        assert log.window(most=2) == min(2, 8 - first)
        forget()
        log.window()
        assert log.values() == numbers(first, 8)
        assert log.origins == {SHARD: "timestamp"}


def test_a_moment_holds_for_records_that_come_after_the_window(server: KinesisServer) -> None:
    stream = server.new_stream(1)
    put(server.client(), stream, numbers(0, 3))
    time.sleep(1.1)
    moment = datetime.now(UTC) - timedelta(seconds=1)
    log = FeedLog(stream_at(server.endpoint, stream), start=moment)
    log.window()
    put(server.client(), stream, numbers(3, 5))
    forget()
    log.window()

    assert log.values()[-2:] == numbers(3, 5)
    assert log.known[SHARD].position.offset == len(log.values())


def test_a_moment_to_come_waits(server: KinesisServer) -> None:
    stream = server.new_stream(1)
    put(server.client(), stream, numbers(0, 3))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    log = FeedLog(stream_at(server.endpoint, stream), start=tomorrow)

    for _ in range(2):
        assert log.window() == 0
        assert log.known[SHARD].position.native.startswith("at:")
        assert not log.known[SHARD].facts


def test_latest_passes_over_closed_shards_and_follows_the_open_ones(
    kinesis_local: KinesisServer,
) -> None:
    stream = kinesis_local.new_stream(1)
    client = kinesis_local.client()
    put(client, stream, numbers(0, 3))
    client.split_shard(StreamName=stream, ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
    kinesis_local.wait_until_active(stream)
    log = FeedLog(stream_at(kinesis_local.endpoint, stream), start="latest")

    log.window()
    assert {name: known.ended for name, known in log.known.items()} == {
        SHARD: True,
        "shardId-000000000001": False,
        "shardId-000000000002": False,
    }
    put(client, stream, numbers(3, 6))
    client.merge_shards(
        StreamName=stream,
        ShardToMerge="shardId-000000000001",
        AdjacentShardToMerge="shardId-000000000002",
    )
    kinesis_local.wait_until_active(stream)
    put(client, stream, numbers(6, 9))
    while len(log.known) < 4 or log.window():
        log.window()
    assert log.values() == numbers(3, 9)
    assert log.origins["shardId-000000000003"] == "parent"


def test_i02_splits_of_another_server_lose_nothing_either(kinesis_local: KinesisServer) -> None:
    """Its closed shards end with their last records, and not with an empty page behind them."""
    stream = kinesis_local.new_stream(1)
    client = kinesis_local.client()
    log = FeedLog(stream_at(kinesis_local.endpoint, stream))
    put(client, stream, numbers(0, 5))
    log.window(most=2)
    client.update_shard_count(StreamName=stream, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    kinesis_local.wait_until_active(stream)
    put(client, stream, numbers(5, 9))
    forget()
    while len(log.known) < 3 or log.window():
        log.window(most=2)

    assert log.values() == numbers(0, 9)
