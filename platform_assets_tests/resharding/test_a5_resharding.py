"""A5: shards are split and merged while producing; every acknowledged record comes once, in order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.kinesis.sink import KinesisSink
from platform_assets.adapters.kinesis.source import KinesisStream
from platform_assets.declarations.sources import KinesisSource
from platform_assets.pipeline import Platform, finish, next_run
from platform_assets.ports.sinks import Outgoing
from platform_assets_tests.resharding.history import READER_FAULTS, History
from platform_assets_tests.resharding.judge import evidence, judge
from platform_assets_tests.resharding.traffic import (
    Ledger,
    PlainProducer,
    Sent,
    SinkProducer,
    Traffic,
)
from platform_assets_tests.resharding.traffic_home import FEED, make_home
from platform_assets_tests.servers.kinesis import REGION
from platform_assets_tests.servers.kinesis_faults import FAULTS, fault_proxy

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kinesis import KinesisServer

pytestmark = [
    pytest.mark.usefixtures("kinesis_credentials", "_no_quota"),
    pytest.mark.xdist_group("resharding"),  # long; beside the other tests of Kinesis
]
HISTORIES = int(os.environ.get("PLATFORM_TESTS_HISTORIES", "4"))


@pytest.fixture
def _no_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as fast as the server gives: five reads a second are a quota that kinesalite has not."""
    defaults = KinesisStream.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "reads_per_second", 1000.0)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_a5_every_acknowledged_record_once_and_in_order_within_its_key(
    kinesalite: KinesisServer, tmp_path: Path, seed: int
) -> None:
    stream = kinesalite.new_stream(1 + seed % 3)
    producer = PlainProducer(kinesalite.client(), stream)
    traffic = Traffic(producer, seed=seed, keys=15, pause_seconds=0.08)
    history = History(kinesalite, stream, tmp_path / "home", seed)
    found = evidence(history.run(traffic, {}))
    assert judge(found, traffic.ledger, history.parents()) == []
    assert len(found.rows) == len(traffic.ledger.acknowledged) > 0
    assert sum(history.told.resharded.values()) >= 2


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_a5_the_same_with_faults_on_both_sides_of_the_stream(
    kinesalite: KinesisServer, tmp_path: Path, seed: int
) -> None:
    stream = kinesalite.new_stream(1 + seed % 3)
    rates = dict.fromkeys(FAULTS["PutRecords"], 0.02)
    with fault_proxy(kinesalite.endpoint, rates, seed=seed, stall_seconds=0.3) as proxy:
        source = KinesisSource(kind="kinesis", region=REGION, endpoint=proxy.endpoint)
        producer = SinkProducer(KinesisSink(source, stream))
        traffic = Traffic(producer, seed=seed, keys=15, pause_seconds=0.08)
        history = History(kinesalite, stream, tmp_path / "home", seed)
        found = evidence(history.run(traffic, READER_FAULTS))
    assert judge(found, traffic.ledger, history.parents()) == []
    assert history.told.faults > 0
    assert len(found.rows) >= len(traffic.ledger.acknowledged) > 0


def test_a5_holds_where_children_are_named_and_shards_end_with_their_last_records(
    kinesis_local: KinesisServer, tmp_path: Path
) -> None:
    stream = kinesis_local.new_stream(2)
    producer = PlainProducer(kinesis_local.client(), stream)
    traffic = Traffic(producer, seed=1, keys=15, pause_seconds=0.08)
    history = History(kinesis_local, stream, tmp_path / "home", 1)
    found = evidence(history.run(traffic, {}))
    assert judge(found, traffic.ledger, history.parents()) == []
    assert len(found.rows) == len(traffic.ledger.acknowledged) > 0


def test_an_empty_page_of_a_closed_shard_is_not_taken_for_its_end(
    kinesalite: KinesisServer, tmp_path: Path
) -> None:
    client, stream = kinesalite.client(), kinesalite.new_stream(2)
    ledger, shards = Ledger(), ("shardId-000000000000", "shardId-000000000001")
    source = KinesisSource(kind="kinesis", region=REGION, endpoint=kinesalite.endpoint)

    def send(shard: str, key: str, numbers: range) -> None:
        sent = [Sent(key, number) for number in numbers]
        records = [Outgoing(one.value(), key.encode(), shard) for one in sent]
        assert KinesisSink(source, stream).send(records).total == len(sent)
        ledger.acknowledged |= dict.fromkeys(sent)

    send(shards[0], "a", range(1))
    send(shards[1], "b", range(1))
    history = History(kinesalite, stream, tmp_path / "home", 0)
    with fault_proxy(kinesalite.endpoint) as proxy:
        platform = Platform.open(
            make_home(tmp_path / "home", proxy.endpoint, stream, max_records=30)
        )
        _close_next(platform)
        send(shards[0], "a", range(1, 6))
        send(shards[1], "b", range(1, 41))
        middle = str(2**126)
        client.split_shard(StreamName=stream, ShardToSplit=shards[0], NewStartingHashKey=middle)
        kinesalite.wait_until_active(stream)
        proxy.order("GetRecords", "empty_page")  # of the first shard; the other fills the window
        while _close_next(platform):
            pass
    found = evidence(platform)
    assert judge(found, ledger, history.parents()) == []
    second = [(part["start"], part["end"]) for part in list(found.windows.values())[1]]
    assert second == [(1, 1), (1, 31)], "the empty page was the last that the look saw of the shard"


def _close_next(platform: Platform) -> bool:
    run = next_run(platform, FEED)
    if run is not None:
        finish(platform, run)
    return run is not None
