"""The same records to a file log, to Kafka and to Kinesis: the same partitions, the same digest."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.record_files import file_supply, log_supply
from platform_assets.errors import SourceChanged, UnknownOutcome
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.pipeline import Platform, produce
from platform_assets.pipeline.produce import create_streams
from platform_assets.pipeline.sent_values import digest_of_values
from platform_assets.ports.streams import Gap, Look, Position, Span
from platform_assets_tests.servers.kinesis_faults import fault_proxy
from platform_assets_tests.shop import make_shop, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.examples.payments.plant import Plant
    from platform_assets_tests.servers.kinesis import KinesisServer

#: A stream of the shop -> what of the payments is sent there, and to how many partitions.
SENT = {"orders": ("authorisations", 4), "changes": ("reversals", 2)}
RECORDS = 2_000


def declare(home: Path, source: dict[str, Any]) -> Platform:
    """Declare streams of that kind, under topics that nobody else has."""

    def change(attributes: dict[str, Any]) -> None:
        attributes["source"] = source
        for name in attributes["streams"]:
            attributes["streams"][name]["topic"] = f"{name}-{uuid.uuid4().hex[:8]}"

    redeclare(home, change)
    return Platform.open(home)


@pytest.fixture(params=["file_log", "kafka", "kinesis"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Platform:
    home = make_shop(tmp_path / "home", orders=2)
    if request.param == "kafka":
        bootstrap = request.getfixturevalue("kafka").bootstrap
        return declare(home, {"kind": "kafka", "bootstrap": list(bootstrap)})
    if request.param == "kinesis":
        request.getfixturevalue("kinesis_credentials")
        endpoint = request.getfixturevalue("kinesalite").endpoint
        return declare(home, {"kind": "kinesis", "region": "us-east-1", "endpoint": endpoint})
    return declare(home, {"kind": "file_log", "path": "live"})


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return write_log(tmp_path / "log", Recipe(records=RECORDS))


def landed(platform: Platform, stream: str) -> list[list[bytes | None]]:
    """Return the values of each partition, as a run would land them."""
    source = platform.source(platform.feed("shop"), stream)
    found = []
    try:
        for extent in source.extents(Look(max_records=10 * RECORDS)):
            start = extent.entry.position if extent.entry else Position(extent.start)
            end = Position(extent.end, source.native(extent.partition, extent.end))
            values: list[bytes | None] = []
            for item in source.read(Span(extent.partition, start, end, extent.facts)):
                assert not isinstance(item, Gap)
                values += item.column("value").to_pylist()
            found.append(values)
    finally:
        source.close()
    return found


def test_the_same_recipe_gives_the_same_records_in_the_same_partitions(
    platform: Platform, plant: Plant, tmp_path: Path
) -> None:
    create_streams(platform, "shop", {stream: count for stream, (_, count) in SENT.items()})
    supplies = {s: log_supply(tmp_path / "log", name) for s, (name, _) in SENT.items()}
    ledger = produce(platform, "shop", supplies)
    assert ledger.failure() is None
    for stream, (name, _) in SENT.items():
        tallies = plant.streams[name].partitions
        sent = ledger.streams[stream]
        assert list(sent.report.acknowledged.values()) == [t.delivered for t in tallies.values()]
        found = landed(platform, stream)
        original = [
            [record.value for chunk in file_chunks for record in chunk.records]
            for file_chunks in by_partition(tmp_path / "log", name)
        ]
        assert found == original
        assert sent.digest == digest_of_values(value for values in found for value in values)


def by_partition(log: Path, name: str) -> list[list[Any]]:
    chunks: dict[str, list[Any]] = {}
    for chunk in log_supply(log, name).chunks:
        chunks.setdefault(chunk.place, []).append(chunk)
    return [chunks[place] for place in sorted(chunks)]


def test_a_stream_that_is_there_already_stays_as_it_is(platform: Platform, tmp_path: Path) -> None:
    create_streams(platform, "shop", {"orders": 2})
    (tmp_path / "e.ndjson").write_bytes(b"x\n")
    supply = {"orders": file_supply(tmp_path / "e.ndjson", partition="1")}
    assert produce(platform, "shop", supply).failure() is None
    create_streams(platform, "shop", {"orders": 2})
    assert landed(platform, "orders") == [[], [b"x"]]


def test_too_few_partitions_are_refused_on_every_kind(
    platform: Platform, plant: Plant, tmp_path: Path
) -> None:
    create_streams(platform, "shop", {"orders": 3})
    ledger = produce(platform, "shop", {"orders": log_supply(tmp_path / "log", "authorisations")})
    assert isinstance(ledger.failure(), SourceChanged)
    assert ledger.as_json()["totals"]["sent"] == 0
    assert landed(platform, "orders") == [[], [], []]


@pytest.mark.usefixtures("kinesis_credentials")
def test_a_lost_answer_of_kinesis_is_in_the_ledger_as_ambiguous(
    kinesalite: KinesisServer, tmp_path: Path
) -> None:
    with fault_proxy(kinesalite.endpoint, {}) as proxy:
        source = {"kind": "kinesis", "region": "us-east-1", "endpoint": proxy.endpoint}
        platform = declare(make_shop(tmp_path / "home", orders=2), source)
        create_streams(platform, "shop", {"orders": 1})
        proxy.order("PutRecords", "reset_after")
        lines = [b"%d" % n for n in range(20)]
        (tmp_path / "e.ndjson").write_bytes(b"\n".join(lines))
        ledger = produce(platform, "shop", {"orders": file_supply(tmp_path / "e.ndjson")})
        failure = ledger.failure()
        assert isinstance(failure, UnknownOutcome)
        assert "e.ndjson line 1" in failure.found
        totals = ledger.as_json()["totals"]
        assert totals["ambiguous"] > 0
        assert totals["acknowledged"] == 0
        [found] = landed(platform, "orders")
        assert set(found) <= set(lines)
        assert len(found) == totals["ambiguous"], "the answer was lost, the records stand there"
