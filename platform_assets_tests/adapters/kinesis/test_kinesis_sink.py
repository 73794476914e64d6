"""The Kinesis sink against kinesalite, and behind the fault proxy."""

from __future__ import annotations

import time
import uuid
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.kinesis.outbox import RECORD_BYTES
from platform_assets.adapters.kinesis.sink import KinesisSink
from platform_assets.declarations.sources import KinesisSource
from platform_assets.errors import SourceChanged, SourceUnreachable
from platform_assets.ports.sinks import Outgoing
from platform_assets_tests.servers.kinesis import REGION, kinesalite_server
from platform_assets_tests.servers.kinesis_faults import FAULTS, fault_proxy
from platform_assets_tests.servers.leashed import ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets_tests.servers.kinesis import KinesisServer

pytestmark = pytest.mark.usefixtures("kinesis_credentials")
SHARD = "shardId-000000000000"
LOST = [name for name in FAULTS["PutRecords"] if name not in ("throttle", "partial")]
EFFECT = {"cut", "error_after", "garbled", "reset_after", "stall_after"}


def sink_of(
    endpoint: str, stream: str, *, timeout: int = 20, allow_duplicates: bool = False
) -> KinesisSink:
    source = KinesisSource(
        kind="kinesis", region=REGION, endpoint=endpoint, timeout_seconds=timeout
    )
    return KinesisSink(source, stream, allow_duplicates=allow_duplicates)


def numbered(count: int, keys: int) -> list[Outgoing]:
    return [Outgoing(b"%d" % number, b"key-%d" % (number % keys)) for number in range(count)]


def stored(server: KinesisServer, stream: str) -> dict[str, list[tuple[str, int]]]:
    """Return key and number of every record, by shard; parents come before their children."""
    client, found = server.client(), {}
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        records: list[tuple[str, int]] = []
        position = {"StreamName": stream, "ShardId": shard["ShardId"]}
        iterator = client.get_shard_iterator(**position, ShardIteratorType="TRIM_HORIZON")
        iterator = iterator["ShardIterator"]
        while iterator:
            page = client.get_records(ShardIterator=iterator)
            records += [(r["PartitionKey"], int(r["Data"][:20])) for r in page["Records"]]
            iterator = page.get("NextShardIterator") if page["Records"] else None
        found[shard["ShardId"]] = records
    return found


def by_key(found: dict[str, list[tuple[str, int]]]) -> dict[str, list[int]]:
    order = defaultdict(list)
    for records in found.values():
        for key, number in records:
            order[key].append(number)
    return order


def test_every_record_stands_once_and_in_order_within_its_key(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream(4)
    records = numbered(3_000, 700)
    report = sink_of(kinesalite.endpoint, stream).send(records)
    found = stored(kinesalite, stream)
    assert (report.total, report.ambiguous, report.refused) == (3_000, (), ())
    assert dict(report.acknowledged) == {shard: len(held) for shard, held in found.items()}
    assert sorted(number for held in found.values() for _, number in held) == list(range(3_000))
    assert all(numbers == sorted(numbers) for numbers in by_key(found).values())


@pytest.mark.parametrize("seed", range(8))
def test_failed_records_are_sent_again_and_no_key_gets_out_of_order(
    kinesalite: KinesisServer, seed: int
) -> None:
    stream = kinesalite.new_stream(3)
    rates = {"throttle": 0.2, "partial": 0.5}
    with fault_proxy(kinesalite.endpoint, rates, seed=seed) as proxy:
        report = sink_of(proxy.endpoint, stream).send(numbered(400, 40))
        assert proxy.injected["partial"] > 2
    order = by_key(stored(kinesalite, stream))
    assert (report.total, report.ambiguous, report.refused) == (400, (), ())
    assert order == {f"key-{key}": list(range(key, 400, 40)) for key in range(40)}


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_ambiguous_and_nothing_is_sent_after_it(
    kinesalite: KinesisServer, fault: str
) -> None:
    stream = kinesalite.new_stream(2)
    with fault_proxy(kinesalite.endpoint, stall_seconds=0.3) as proxy:
        proxy.order("PutRecords", "none", fault)
        told: list[int] = []
        report = sink_of(proxy.endpoint, stream).send(numbered(60, 20), acknowledged=told.append)
        assert proxy.calls["PutRecords"] == 2
    numbers = sorted(n for held in stored(kinesalite, stream).values() for _, n in held)
    assert report.total == 20
    assert sorted(told) == list(range(20))
    assert [trouble.number for trouble in report.ambiguous] == list(range(20, 40))
    assert [trouble.number for trouble in report.refused] == list(range(40, 60))
    assert numbers == list(range(40 if fault in EFFECT else 20))


@pytest.mark.parametrize("seed", range(8))
def test_where_duplicates_are_allowed_nothing_is_lost_and_every_double_is_reported(
    kinesalite: KinesisServer, seed: int
) -> None:
    stream = kinesalite.new_stream(3)
    rates = dict.fromkeys(FAULTS["PutRecords"], 0.06)
    with fault_proxy(kinesalite.endpoint, rates, seed=seed, stall_seconds=0.2) as proxy:
        sink = sink_of(proxy.endpoint, stream, allow_duplicates=True)
        told: list[int] = []
        report = sink.send(numbered(600, 30), acknowledged=told.append)
        assert any(proxy.injected[fault] for fault in LOST)
    order = by_key(stored(kinesalite, stream))
    times = Counter(number for numbers in order.values() for number in numbers)
    ambiguous = {trouble.number for trouble in report.ambiguous}
    assert (report.total + len(ambiguous), report.refused) == (600, ())
    assert sorted([*told, *ambiguous]) == list(range(600))
    assert set(times) == set(range(600))
    assert {number for number, count in times.items() if count > 1} <= ambiguous
    for numbers in order.values():
        first_times = list(dict.fromkeys(numbers))
        assert first_times == sorted(first_times)


def test_the_last_try_of_an_ambiguous_record_does_not_make_it_refused(
    kinesalite: KinesisServer,
) -> None:
    stream = kinesalite.new_stream()
    with fault_proxy(kinesalite.endpoint, {"throttle": 1.0}) as proxy:
        proxy.order("PutRecords", "reset_after")
        sink = sink_of(proxy.endpoint, stream, timeout=1, allow_duplicates=True)
        report = sink.send(numbered(3, 2))
    assert [trouble.number for trouble in report.ambiguous] == [0, 1]
    assert [trouble.number for trouble in report.refused] == [2]
    assert report.total == 0
    assert by_key(stored(kinesalite, stream)) == {"key-0": [0], "key-1": [1]}


def test_what_kinesis_cannot_take_is_refused_and_the_rest_is_sent(
    kinesalite: KinesisServer,
) -> None:
    stream = kinesalite.new_stream()
    largest = b"1".ljust(RECORD_BYTES - 1)
    records = [
        Outgoing(None, b"k"),
        Outgoing(largest, b"k"),
        Outgoing(largest + b" ", b"k"),
        Outgoing(b"3", b"\xff"),
        Outgoing(b"4", b""),
        Outgoing(b"5", b"k" * 257),
        Outgoing(b"6", None),
        Outgoing(b"7", b"k"),
    ]
    report = sink_of(kinesalite.endpoint, stream).send(records)
    reasons = dict(report.refused)
    assert sorted(reasons) == [0, 2, 3, 4, 5]
    assert "tombstone" in reasons[0]
    assert "1048577 bytes" in reasons[2]
    assert "UTF-8" in reasons[3]
    assert "257 characters" in reasons[5]
    [held] = stored(kinesalite, stream).values()
    assert sorted(number for _, number in held) == [1, 6, 7]
    assert [number for key, number in held if key == "k"] == [1, 7]


def test_requests_stay_below_five_mebibytes(kinesis_moto: KinesisServer) -> None:
    stream = kinesis_moto.new_stream()
    records = [Outgoing(b"%d".ljust(700_000) % n, b"key-%d" % n) for n in range(20)]
    assert sink_of(kinesis_moto.endpoint, stream).send(records).total == 20


def test_a_record_for_a_shard_goes_there_whatever_its_key(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream(3)
    shards = [f"shardId-00000000000{index}" for index in range(3)]
    records = [Outgoing(b"%d" % n, b"same key", shards[n % 3]) for n in range(30)]
    report = sink_of(kinesalite.endpoint, stream).send(records)
    assert dict(report.acknowledged) == dict.fromkeys(shards, 10)
    for index, held in enumerate(stored(kinesalite, stream).values()):
        assert held == [("same key", number) for number in range(index, 30, 3)]


def test_a_record_for_a_closed_shard_stops_the_sending_after_what_came_before(
    kinesalite: KinesisServer,
) -> None:
    stream = kinesalite.new_stream()
    split = {"StreamName": stream, "ShardToSplit": SHARD, "NewStartingHashKey": str(2**127)}
    kinesalite.client().split_shard(**split)
    kinesalite.wait_until_active(stream)
    sink = sink_of(kinesalite.endpoint, stream)
    with pytest.raises(SourceChanged, match=f"an open shard {SHARD}"):
        sink.send([Outgoing(b"0", b"k", SHARD)])
    taken = iter([Outgoing(b"0", b"k"), Outgoing(b"1", b"k", SHARD), Outgoing(b"2", b"k")])
    report = sink.send(taken)
    assert report.total == 1
    assert [trouble.number for trouble in report.refused] == [1]
    assert next(taken).value == b"2", "no more records are taken"


def test_a_split_on_the_way_keeps_the_order(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream()
    client = kinesalite.client()

    def records() -> Iterator[Outgoing]:
        for number, record in enumerate(numbered(2_000, 600)):
            if number == 700:
                split = {"ShardToSplit": SHARD, "NewStartingHashKey": str(2**127)}
                client.split_shard(StreamName=stream, **split)
            yield record
            if number == 1_400:
                kinesalite.wait_until_active(stream)

    report = sink_of(kinesalite.endpoint, stream).send(records())
    found = stored(kinesalite, stream)
    assert dict(report.acknowledged) == {shard: len(held) for shard, held in found.items()}
    assert all(found.values()), "parent and children took records"
    assert by_key(found) == {f"key-{key}": list(range(key, 2_000, 600)) for key in range(600)}


def test_records_that_come_slowly_do_not_wait_for_others(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream()
    seen = []

    def slowly() -> Iterator[Outgoing]:
        for record in numbered(3, 3):
            seen.append(by_key(stored(kinesalite, stream)))
            time.sleep(0.3)
            yield record

    assert sink_of(kinesalite.endpoint, stream).send(slowly()).total == 3
    assert seen == [{}, {"key-0": [0]}, {"key-0": [0], "key-1": [1]}]


def test_no_more_is_held_than_is_allowed_while_a_stream_takes_nothing(
    kinesalite: KinesisServer,
) -> None:
    stream = kinesalite.new_stream()
    taken = 0

    def endless() -> Iterator[Outgoing]:
        nonlocal taken
        while True:
            taken += 1
            yield Outgoing(b"value", b"one key")

    with fault_proxy(kinesalite.endpoint, {"throttle": 1.0}) as proxy:
        sink = sink_of(proxy.endpoint, stream, timeout=1)
        with pytest.raises(SourceUnreachable, match="ProvisionedThroughputExceeded"):
            sink.send(endless())
    assert 0 < taken <= 20_000


def test_nobody_listens(kinesalite: KinesisServer) -> None:
    with fault_proxy(kinesalite.endpoint) as proxy:
        gone = proxy.endpoint
    with pytest.raises(SourceUnreachable, match="PutRecords"):
        sink_of(gone, "stream", timeout=1).send(numbered(3, 3))


def test_a_server_that_comes_back_gets_everything_once(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream()
    with fault_proxy(kinesalite.endpoint) as proxy:
        proxy.order("PutRecords", "none", *["throttle"] * 3)
        assert sink_of(proxy.endpoint, stream).send(numbered(10, 2)).total == 10
    assert by_key(stored(kinesalite, stream)) == {
        "key-0": list(range(0, 10, 2)),
        "key-1": list(range(1, 10, 2)),
    }


def test_there_is_no_such_stream(kinesalite: KinesisServer) -> None:
    with pytest.raises(SourceChanged, match="nowhere"):
        sink_of(kinesalite.endpoint, "nowhere").send(numbered(3, 3))


def test_a_stream_is_created_once_and_lists_its_open_shards(kinesalite: KinesisServer) -> None:
    stream = f"made-{uuid.uuid4().hex[:12]}"
    sink = sink_of(kinesalite.endpoint, stream)
    with pytest.raises(SourceChanged, match=stream):
        sink.partitions()
    sink.create(2)
    sink.send(numbered(4, 4))
    sink.create(3)
    assert sink.partitions() == [SHARD, "shardId-000000000001"]
    split = {"StreamName": stream, "ShardToSplit": SHARD, "NewStartingHashKey": str(2**126)}
    kinesalite.client().split_shard(**split)
    kinesalite.wait_until_active(stream)
    assert sink.partitions() == [f"shardId-00000000000{number}" for number in (1, 2, 3)]
    assert len(by_key(stored(kinesalite, stream))) == 4


def test_a_stream_that_cannot_be_created_is_told(kinesalite: KinesisServer) -> None:
    stream = f"made-{uuid.uuid4().hex[:12]}"
    with fault_proxy(kinesalite.endpoint) as proxy:
        proxy.order("CreateStream", "throttle")
        sink = sink_of(proxy.endpoint, stream)
        with pytest.raises(SourceUnreachable, match="CreateStream"):
            sink.create(1)
        sink.create(1)
    assert sink_of(kinesalite.endpoint, stream).partitions() == [SHARD]


@pytest.mark.kinesis
def test_a_stream_that_does_not_become_active_is_told_within_the_bound() -> None:
    try:
        with kinesalite_server(create_ms=60_000) as slow:
            sink = sink_of(slow.endpoint, "slow", timeout=1)
            with pytest.raises(SourceUnreachable, match="one that is CREATING"):
                sink.create(1)
    except ServerUnavailableError as error:
        pytest.skip(str(error))


def test_nothing_to_send_is_nothing_sent(kinesalite: KinesisServer) -> None:
    report = sink_of(kinesalite.endpoint, "nowhere").send([])
    assert (report.total, report.ambiguous, report.refused) == (0, (), ())
