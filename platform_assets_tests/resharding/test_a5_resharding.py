"""A5: shards are split and merged while producing; every acknowledged record comes once, in order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.kinesis.sink import KinesisSink
from platform_assets.adapters.kinesis.source import KinesisStream
from platform_assets.declarations.sources import KinesisSource
from platform_assets_tests.resharding.history import READER_FAULTS, History
from platform_assets_tests.resharding.judge import evidence, judge
from platform_assets_tests.resharding.traffic import PlainProducer, SinkProducer, Traffic
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
