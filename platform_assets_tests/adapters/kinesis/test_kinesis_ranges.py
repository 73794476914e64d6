"""Ranges of a Kinesis stream against kinesalite: what was counted is delivered, exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.kinesis import looking, pages
from platform_assets.adapters.kinesis.client import KinesisClient
from platform_assets.errors import GapUnproven, OffsetTruncated, SourceChanged
from platform_assets.ports.positions import Look, Position, Span
from platform_assets_tests.adapters.kinesis.feed_log import (
    SHARD,
    FeedLog,
    WrittenLog,
    forget,
    log_behind_faults,
    log_of,
    numbers,
    put,
    rows_of,
    stream_at,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets_tests.servers.kinesis import KinesisServer

pytestmark = pytest.mark.usefixtures("kinesis_credentials")


@pytest.fixture
def log(kinesalite: KinesisServer) -> WrittenLog:
    return log_of(kinesalite)


def test_rows_carry_the_bytes_the_key_the_arrival_and_the_sequence_number(log: WrittenLog) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    sequences = put(log.client, log.stream, [b"\xff\x00", b"", b"x" * 1_000_000], "Zürich")

    assert log.window() == 3

    assert [row["native"] for row in log.landed] == [f"{number}/0" for number in sequences]
    assert log.values() == [b"\xff\x00", b"", b"x" * 1_000_000]
    assert {row["key"] for row in log.landed} == {"Zürich".encode()}
    assert all(before <= row["timestamp"] <= datetime.now(UTC) for row in log.landed)
    assert {row["headers"] for row in log.landed} == {None}


def test_i02_windows_of_any_size_deliver_each_record_once_and_in_order(
    kinesalite: KinesisServer,
) -> None:
    log = log_of(kinesalite, shards=2)
    sent: dict[str, list[bytes]] = {}
    for number in range(60):
        data = b"%d" % number
        answer = log.client.put_record(StreamName=log.stream, Data=data, PartitionKey=f"k{number}")
        sent.setdefault(answer["ShardId"], []).append(data)
        if number % 7 == 0:
            log.window(most=3)
        if number % 20 == 0:
            forget()
    while log.window(most=5):
        pass

    assert {shard: log.values(shard) for shard in sent} == sent
    for shard in sent:
        spans = [span for span in log.spans if span.partition == shard]
        for one, following in pairwise(spans):
            assert following.start == one.end


def test_a_window_names_places_that_were_seen(log: WrittenLog) -> None:
    first, *_, last = log.write(0, 5)

    (span,) = log.pin()

    assert span.start == Position(0, f"from:{first}/0")
    assert span.end == Position(5, f"after:{last}/0")
    assert log.origins == {SHARD: "earliest"}


def test_an_empty_shard_enters_before_whatever_comes_first(log: WrittenLog) -> None:
    assert log.window() == 0
    assert log.known[SHARD].position == Position(0, "trim_horizon")

    log.write(0, 3)
    forget()

    assert log.window() == 3
    assert log.values() == numbers(0, 3)


def test_pages_are_followed_to_the_last(log: WrittenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 10)
    log.write(0, 95)

    assert log.window() == 95
    assert log.values() == numbers(0, 95)


def test_a_look_counts_no_further_than_a_window_reaches(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 10)
    log.write(0, 95)

    (by_records,) = log.look(max_records=25)
    forget()
    (by_bytes,) = log.look(max_bytes=20)

    assert by_records.end == 30
    assert by_bytes.end == 10
    assert not by_records.facts  # more stood there, so nothing is shown by it


def test_a_full_shard_does_not_hide_another(
    kinesalite: KinesisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 10)
    log = log_of(kinesalite, shards=2)

    def fill() -> None:
        for number, where in ((30, "0"), (3, str(2**127))):
            for value in numbers(0, number):
                log.client.put_record(
                    StreamName=log.stream, Data=value, PartitionKey="k", ExplicitHashKey=where
                )

    fill()
    assert [extent.end for extent in log.look(max_records=5)] == [10, 3]
    log.window()
    fill()
    forget()
    waiting = [extent.end - extent.start for extent in log.look(max_records=5)]
    assert waiting == [9, 3]  # the first page begins with the last record before it


def test_a_look_ends_in_time_and_the_next_one_goes_on(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 10)
    monkeypatch.setattr(looking, "LOOK_SECONDS", 0)
    log.write(0, 35)

    log.window()
    assert [extent.end for _ in range(4) for extent in log.look()] == [20, 30, 35, 35]
    assert log.window() == 25
    assert log.values() == numbers(0, 35)


def test_a_look_at_a_shard_that_never_stands_still_has_an_end(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 1)
    monkeypatch.setattr(looking, "LOOK_SECONDS", 10**9)
    log.write(0, 1)
    change_pages(monkeypatch, lambda _: put(log.client, log.stream, [b"another"]))

    (extent,) = log.look()
    assert extent.end > 1
    assert not extent.facts  # something always stood behind what was counted


def test_the_next_look_reads_only_what_is_new(kinesalite: KinesisServer) -> None:
    with log_behind_faults(kinesalite) as (log, proxy):
        log.write(0, 50)
        log.window(most=20)
        log.look()
        before = proxy.calls["GetRecords"], proxy.calls["GetShardIterator"]
        log.write(50, 60)

        (extent,) = log.look()

        after = proxy.calls["GetRecords"], proxy.calls["GetShardIterator"]
        assert (extent.start, extent.end) == (20, 60)
        assert (after[0] - before[0], after[1] - before[1]) == (1, 0)
        assert log.window() == 40
        assert log.values() == numbers(0, 60)


def test_bytes_are_limited_by_data_and_key(log: WrittenLog) -> None:
    sizes = [3, 90, 1, 1, 20, 5, 5, 80, 2, 2, 2]
    put(log.client, log.stream, [b"x" * size for size in sizes], "key")
    (extent,) = log.look()
    assert extent.entry is not None
    first = extent.entry.position
    costs = [size + 3 for size in sizes]

    for fresh in (False, True):
        for start in range(len(sizes)):
            place = Position(start, log.source.native(SHARD, start)) if start else first
            span = Span(SHARD, place, Position(11, log.source.native(SHARD, 11)))
            source = stream_at(log.server.endpoint, log.stream) if fresh else log.source
            for limit in range(0, 240, 7):
                if fresh:
                    forget()
                fitting = [stop for stop in range(start, 12) if sum(costs[start:stop]) <= limit]
                assert source.limit_bytes(span, limit) == max(*fitting, start, start + 1)


def test_bytes_that_the_last_look_did_not_count_are_counted_for_the_limit(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 10)
    log.write(0, 30)
    (span,) = log.pin()
    costs = [len(value) + 3 for value in numbers(0, 30)]
    forget()
    log.source.extents(Look(max_records=5))  # that is ten of them
    assert log.source.limit_bytes(span, sum(costs[:20])) == 20
    forget()
    assert log.look()[0].start == 30  # and that is what stands behind them
    assert log.source.limit_bytes(span, sum(costs[:20])) == 20
    rest = Span(SHARD, span.end, span.end)
    assert log.source.limit_bytes(rest, 0) == 30


def test_a_position_that_is_declared_is_the_first_record_read(kinesalite: KinesisServer) -> None:
    log = log_of(kinesalite)
    log.start = {SHARD: log.write(0, 9)[4]}

    assert log.window() == 5
    assert log.values() == numbers(4, 9)
    assert log.origins == {SHARD: "position"}


def test_a_record_that_is_not_there_is_a_gap_without_proof(log: WrittenLog) -> None:
    sequences = log.write(0, 9)
    place = f"from:{sequences[0]}/0"

    for count in (7, 9):  # eight records were pinned as so many
        span = Span(SHARD, Position(0, place), Position(count, f"after:{sequences[7]}/0"))
        with pytest.raises(GapUnproven, match=f"{count} records"):
            rows_of(log.source, span)


def test_an_end_that_the_shard_does_not_reach_is_refused(log: WrittenLog) -> None:
    sequences = log.write(0, 3)
    span = Span(
        SHARD,
        Position(0, f"from:{sequences[0]}/0"),
        Position(5, f"after:{int(sequences[2]) + 2**70}/0"),
    )

    with pytest.raises(OffsetTruncated, match="3 of them, and nothing behind"):
        rows_of(log.source, span)
    with pytest.raises(OffsetTruncated):
        stream_at(log.server.endpoint, log.stream).limit_bytes(span, 2**40)


def test_a_stream_or_a_shard_that_is_not_there_is_refused(log: WrittenLog) -> None:
    log.write(0, 3)
    (span,) = log.pin()

    with pytest.raises(SourceChanged):
        rows_of(log.source, Span("shardId-000000000007", span.start, span.end))
    with pytest.raises(SourceChanged):
        stream_at(log.server.endpoint, "no-such-stream").extents()


# --- what no server does, done to its answers ----------------------------------------------------


def test_records_out_of_their_order_are_refused(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write(0, 4)
    (span,) = log.pin()
    change_pages(monkeypatch, lambda page: page["Records"].insert(1, page["Records"].pop()))

    with pytest.raises(SourceChanged, match="in their order"):
        FeedLog(log.source).look()
    with pytest.raises(SourceChanged, match="in their order"):
        rows_of(log.source, span)


def test_a_shard_that_is_open_does_not_end_by_an_answer_alone(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write(0, 4)
    change_pages(monkeypatch, lambda page: page.pop("NextShardIterator"))

    (extent,) = log.look()
    assert (extent.end, extent.ended) == (4, False)
    assert log.window() == 4


def change_pages(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], object]) -> None:
    read = KinesisClient.read

    def changed(self: KinesisClient, shard: str, iterator: str, limit: int) -> dict[str, Any]:
        page = read(self, shard, iterator, limit)
        change(page)
        return page

    monkeypatch.setattr(KinesisClient, "read", changed)
