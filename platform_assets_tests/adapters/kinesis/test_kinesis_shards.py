"""Splits and merges, against kinesalite: parents before children, and each record once."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.kinesis import pages
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


def split(server: KinesisServer, stream: str, shard: str) -> None:
    client = server.client()
    (found,) = [s for s in listed(client, stream) if s["ShardId"] == shard]
    low, high = (int(found["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))
    middle = str((low + high + 1) // 2)
    client.split_shard(StreamName=stream, ShardToSplit=shard, NewStartingHashKey=middle)
    server.wait_until_active(stream)


def merge(server: KinesisServer, stream: str, shard: str, adjacent: str) -> None:
    server.client().merge_shards(
        StreamName=stream, ShardToMerge=shard, AdjacentShardToMerge=adjacent
    )
    server.wait_until_active(stream)


def listed(client: Any, stream: str) -> list[dict[str, Any]]:
    shards: list[dict[str, Any]] = client.list_shards(StreamName=stream)["Shards"]
    return shards


def name(number: int) -> str:
    return f"shardId-{number:012d}"


def test_children_enter_once_their_parent_was_read_to_its_end(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream(1)
    log = FeedLog(stream_at(kinesalite.endpoint, stream))
    put(kinesalite.client(), stream, numbers(0, 9))
    split(kinesalite, stream, SHARD)
    put(kinesalite.client(), stream, numbers(9, 12))

    assert [extent.partition for extent in log.look()] == [SHARD]
    log.window(most=4)
    assert not log.known[SHARD].ended
    assert [extent.partition for extent in log.look()] == [SHARD]
    log.window()
    assert log.known[SHARD].ended

    extents = log.look()
    assert [extent.partition for extent in extents] == [SHARD, name(1), name(2)]
    assert [extent.parents for extent in extents] == [(), (SHARD,), (SHARD,)]
    assert extents[0].start == extents[0].end == 9
    log.window()
    assert log.values() == numbers(0, 12)
    assert log.origins == {SHARD: "earliest", name(1): "parent", name(2): "parent"}
    assert log.window() == 0


def test_a_merged_shard_waits_for_both_of_its_parents(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream(2)
    client = kinesalite.client()
    log = FeedLog(stream_at(kinesalite.endpoint, stream))
    for value in numbers(0, 8):
        client.put_record(StreamName=stream, Data=value, PartitionKey=f"k{int(value)}")
    merge(kinesalite, stream, name(0), name(1))
    put(client, stream, numbers(8, 10))

    log.window(most=1)
    while not (log.known[name(0)].ended and log.known[name(1)].ended):
        assert name(2) not in [extent.partition for extent in log.look()]
        log.window(most=1)
    (child,) = [extent for extent in log.look() if extent.partition == name(2)]
    assert child.parents == (name(0), name(1))
    log.window()

    assert sorted(log.values(), key=int) == numbers(0, 10)
    assert log.values()[-2:] == numbers(8, 10)


def test_i02_a_closed_shard_that_was_counted_in_part_has_not_ended(
    kinesalite: KinesisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 5)
    stream = kinesalite.new_stream(1)
    log = FeedLog(stream_at(kinesalite.endpoint, stream))
    put(kinesalite.client(), stream, numbers(0, 9))
    split(kinesalite, stream, SHARD)

    assert log.window(max_records=1) == 5
    assert not log.known[SHARD].ended
    assert log.window() == 4
    assert log.known[SHARD].ended
    assert log.values() == numbers(0, 9)


def test_an_empty_shard_ends_as_well(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream(1)
    log = FeedLog(stream_at(kinesalite.endpoint, stream))
    log.window()
    split(kinesalite, stream, SHARD)

    (extent,) = log.look()
    assert (extent.end, extent.ended) == (0, True)
    log.window()
    assert [extent.partition for extent in log.look()] == [SHARD, name(1), name(2)]


def test_an_ended_shard_is_ended_for_a_process_that_starts_anew(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream(1)
    log = FeedLog(stream_at(kinesalite.endpoint, stream))
    put(kinesalite.client(), stream, numbers(0, 3))
    log.window()
    split(kinesalite, stream, SHARD)
    forget()

    (extent,) = log.look()
    assert (extent.start, extent.end, extent.ended) == (3, 3, True)


@pytest.mark.parametrize("seed", range(6))
def test_i02_each_record_once_and_in_order_of_its_key_through_splits_and_merges(
    kinesalite: KinesisServer, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a history
    stream = kinesalite.new_stream(2)
    client = kinesalite.client()
    log = FeedLog(stream_at(kinesalite.endpoint, stream))
    sent: dict[str, list[int]] = defaultdict(list)
    number = 0
    for _ in range(25):
        act = chance.choice(("put", "put", "put", "split", "merge", "window", "window", "restart"))
        if act == "put":
            for _ in range(chance.randrange(1, 12)):
                key = f"k{chance.randrange(5)}"
                client.put_record(StreamName=stream, Data=b"%d" % number, PartitionKey=key)
                sent[key].append(number)
                number += 1
        elif act in ("split", "merge"):
            _reshard(kinesalite, stream, act, chance)
        elif act == "window":
            log.window(most=chance.choice((1, 3, 2**62)))
        else:
            forget()
    for _ in range(200):
        log.window(most=chance.choice((2, 5, 2**62)))
        entered = all(shard["ShardId"] in log.known for shard in listed(client, stream))
        if entered and not log.window():
            break

    landed = defaultdict(list)
    for row in log.landed:
        landed[row["key"].decode()].append(int(row["value"]))
    assert landed == sent


def _reshard(server: KinesisServer, stream: str, act: str, chance: random.Random) -> None:
    client = server.client()
    shards = listed(client, stream)
    live = [s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
    live.sort(key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
    if act == "split":
        split(server, stream, chance.choice(live)["ShardId"])
    elif len(live) > 1:
        at = chance.randrange(len(live) - 1)
        merge(server, stream, live[at]["ShardId"], live[at + 1]["ShardId"])
