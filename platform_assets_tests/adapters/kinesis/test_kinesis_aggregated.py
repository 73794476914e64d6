"""Aggregates of the Producer Library: taken apart exactly, or landed as what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters.kinesis.aggregated import UserRecord, split
from platform_assets.ports.positions import Known, Position
from platform_assets_tests.adapters.kinesis.aggregates import (
    MAGIC,
    aggregate,
    block,
    number,
    sealed,
)
from platform_assets_tests.adapters.kinesis.feed_log import SHARD, FeedLog, forget, put, stream_at

if TYPE_CHECKING:
    from platform_assets_tests.servers.kinesis import KinesisServer

#: Made by aws-kinesis-agg 1.2.3.
VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "kinesis_aggregates.json").read_text("utf-8")
)
PAIRS = st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.binary(max_size=60)), min_size=1)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_what_another_implementation_aggregated_is_taken_apart(vector: dict[str, object]) -> None:
    records = split(bytes.fromhex(str(vector["aggregate"])))

    assert records is not None
    assert [[record.key.decode(), record.data.hex()] for record in records] == vector["records"]


@given(PAIRS, st.lists(st.binary(min_size=1, max_size=40), max_size=3))
def test_every_record_comes_out_with_its_key_and_in_its_order(
    records: list[tuple[bytes, bytes]], explicit: list[bytes]
) -> None:
    assert split(aggregate(records, explicit=explicit)) == [
        UserRecord(key, data) for key, data in records
    ]


def test_tags_come_out_as_they_are() -> None:
    whole = aggregate([(b"k", b"d")], tags=[(b"name", b"\xff"), (b"bare", None)])

    assert split(whole) == [UserRecord(b"k", b"d", (("name", b"\xff"), ("bare", None)))]


@given(PAIRS, st.data())
def test_a_digest_that_differs_makes_an_ordinary_record(
    records: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    whole = bytearray(aggregate(records))
    at = data.draw(st.integers(len(MAGIC), len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))

    assert split(bytes(whole)) is None


@given(st.binary(max_size=100))
def test_no_payload_with_the_magic_bytes_breaks_the_reader(body: bytes) -> None:
    for payload in (body, MAGIC + body, sealed(body)):
        found = split(payload)
        assert found is None or all(isinstance(record, UserRecord) for record in found)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xff",
        block(1, b"key"),  # no record at all
        block(1, b"key") + block(3, number(1, 1) + block(3, b"data")),  # no second key
        block(1, b"key") + block(3, number(1, 0) + number(2, 0) + block(3, b"data")),  # no hash
        block(1, b"key") + block(3, number(1, 0)),  # no data
        block(1, b"key") + block(3, block(3, b"data")),  # no pointer to a key
        block(1, b"key") + block(3, number(1, 2**63) + block(3, b"data")),
    ],
    ids=["empty", "no message", "no record", "key", "hash", "data", "pointer", "large pointer"],
)
def test_a_message_that_makes_no_sense_is_an_ordinary_record(body: bytes) -> None:
    assert split(sealed(body)) is None


# --- in a stream ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("kinesis_credentials")
def test_i02_windows_cut_aggregates_anywhere_and_deliver_each_record_once(
    kinesalite: KinesisServer,
) -> None:
    stream = kinesalite.new_stream(1)
    pairs = [(b"k%d" % (n % 3), b"%d" % n) for n in range(40)]
    broken = aggregate([(b"k", b"broken")])[:-1] + b"\x00"
    put(
        kinesalite.client(),
        stream,
        [aggregate(pairs[:17]), b"17", broken, aggregate(pairs[18:19]), aggregate(pairs[19:])],
        "outer",
    )
    expected = [pair[1] for pair in pairs]
    expected.insert(18, broken)

    for most in (4, 7, 100):
        log = FeedLog(stream_at(kinesalite.endpoint, stream))
        while log.window(most=most):
            if most == 4:
                forget()
        assert log.values() == expected
        keys = [row["key"] for row in log.landed]
        assert keys[:17] == [key for key, _ in pairs[:17]]
        assert keys[17] == keys[18] == b"outer"
        natives = [row["native"] for row in log.landed]
        assert len(set(natives)) == len(natives)
        assert [native.partition("/")[2] for native in natives[:19]] == [
            *map(str, range(17)),
            "0",
            "0",
        ]


@pytest.mark.usefixtures("kinesis_credentials")
def test_an_aggregate_is_kept_whole_where_bytes_are_limited(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream(1)
    pairs = [(b"k", b"%d" % n) for n in range(5)]
    put(kinesalite.client(), stream, [b"first", aggregate(pairs), b"last"])
    log = FeedLog(stream_at(kinesalite.endpoint, stream))
    (span,) = log.pin()
    size = len(aggregate(pairs)) + 3

    limits = {0: 1, 8: 1, 8 + size - 1: 1, 8 + size: 6, 8 + size + 6: 6, 8 + size + 7: 7}
    assert {limit: log.source.limit_bytes(span, limit) for limit in limits} == limits
    after_two = Position(3, log.source.native(SHARD, 3))
    assert after_two.native.endswith("/1")
    log.known[SHARD] = Known(after_two, log.known[SHARD].seen_at)
    log.look()
    (rest,) = log.pin()
    assert (rest.start, rest.end.offset) == (after_two, 7)
    assert log.source.limit_bytes(rest, 0) == 6


@pytest.mark.usefixtures("kinesis_credentials")
def test_no_record_of_an_aggregate_on_the_wrong_shard_is_dropped(kinesalite: KinesisServer) -> None:
    stream = kinesalite.new_stream(2)
    pairs = [(b"k%d" % n, b"%d" % n) for n in range(20)]  # of both shards, by their keys
    kinesalite.client().put_record(
        StreamName=stream, Data=aggregate(pairs), PartitionKey="a", ExplicitHashKey="0"
    )
    log = FeedLog(stream_at(kinesalite.endpoint, stream))

    assert log.window() == 20
    assert log.values(SHARD) == [data for _, data in pairs]
