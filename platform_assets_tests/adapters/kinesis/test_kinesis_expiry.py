"""Records that expire: what was lost unread is refused, what was not is never refused without need.

The server's clock is moved; it drops records after 24 hours and says nothing about it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.kinesis import pages
from platform_assets.adapters.kinesis.pages import ShardReader
from platform_assets.adapters.kinesis.places import TRIM_HORIZON
from platform_assets.adapters.kinesis.records import Cursor
from platform_assets.errors import OffsetExpired
from platform_assets.ports.positions import Entry, Position
from platform_assets_tests.adapters.kinesis.feed_log import (
    SHARD,
    WrittenLog,
    forget,
    log_behind_faults,
    log_of,
    numbers,
)

if TYPE_CHECKING:
    from platform_assets.adapters.kinesis.client import KinesisClient
    from platform_assets_tests.servers.kinesis import KinesisServer

pytestmark = pytest.mark.usefixtures("kinesis_credentials")
HOUR = 3600


@pytest.fixture
def log(own_kinesalite: KinesisServer) -> WrittenLog:
    return log_of(own_kinesalite)


def test_i02_records_that_expired_before_a_window_took_them_are_refused(log: WrittenLog) -> None:
    log.write(0, 3)
    log.window()
    log.write(3, 5)
    log.server.move_clock(25 * HOUR)
    log.write(5, 6)
    forget()

    with pytest.raises(OffsetExpired, match="goes on with record"):
        log.look()


def test_i02_a_feed_that_lags_is_not_deceived_by_windows_pinned_lately(log: WrittenLog) -> None:
    log.write(0, 9)
    log.server.move_clock(23 * HOUR)
    log.window(most=3)  # six more stand there, and expire within the hour
    log.server.move_clock(2 * HOUR)
    log.write(9, 10)

    for fresh in (False, True):
        if fresh:
            forget()
        with pytest.raises(OffsetExpired):
            log.window()


def test_i02_what_is_remembered_of_records_that_may_have_expired_is_not_believed(
    log: WrittenLog,
) -> None:
    log.write(0, 3)
    log.window(most=1)
    log.server.move_clock(12 * HOUR)
    log.write(3, 6)
    assert log.look()[0].end == 6
    log.server.move_clock(12 * HOUR + 60)  # the first three are gone

    with pytest.raises(OffsetExpired, match="goes on with record"):
        log.look()


def test_i02_records_that_expired_before_they_were_landed_are_refused(log: WrittenLog) -> None:
    log.write(0, 3)
    log.server.move_clock(12 * HOUR)
    log.write(3, 6)
    (span,) = log.pin()

    log.server.move_clock(13 * HOUR)  # the first half is gone
    with pytest.raises(OffsetExpired, match="6 records"):
        log.land(span)
    log.write(6, 9)
    with pytest.raises(OffsetExpired, match="6 records"):
        log.land(span)
    log.server.move_clock(12 * HOUR)  # all of it is
    with pytest.raises(OffsetExpired, match="0 of them"):
        log.land(span)


def test_a_last_record_may_expire_where_the_shard_was_seen_to_hold_no_more(log: WrittenLog) -> None:
    log.write(0, 3)
    log.window()
    log.server.move_clock(20 * HOUR)
    assert log.window() == 0  # pinned, and with it that nothing more was there

    log.server.move_clock(5 * HOUR)
    log.write(3, 6)
    forget()
    assert log.window() == 3
    assert log.values() == numbers(0, 6)


def test_i02_an_idle_shard_that_nobody_watched_for_too_long_is_refused(log: WrittenLog) -> None:
    log.write(0, 3)
    log.window()
    log.server.move_clock(25 * HOUR)
    forget()

    with pytest.raises(OffsetExpired, match="holds nothing now"):
        log.look()


def test_an_idle_shard_that_is_watched_goes_on(log: WrittenLog) -> None:
    log.write(0, 3)
    log.window()
    for _ in range(5):
        log.server.move_clock(12 * HOUR)
        assert log.look()[0].end == 3
    log.write(3, 6)

    assert log.window() == 3
    assert log.values() == numbers(0, 6)


def test_i02_an_empty_shard_is_no_exception(log: WrittenLog) -> None:
    log.window()
    assert log.known[SHARD].position == Position(0, "trim_horizon")
    log.server.move_clock(20 * HOUR)
    log.write(0, 2)
    forget()
    assert log.look()[0].end == 2

    log.server.move_clock(25 * HOUR)
    log.write(2, 3)
    forget()
    with pytest.raises(OffsetExpired):
        log.look()


def test_a_feed_may_begin_with_a_stream_whose_first_records_expired(log: WrittenLog) -> None:
    log.write(0, 3)
    log.server.move_clock(25 * HOUR)
    log.write(3, 6)

    assert log.window() == 3
    assert log.values() == numbers(3, 6)


def test_i02_records_that_expire_between_two_pages_are_refused(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 5)
    log.write(0, 20)
    log.server.move_clock(24 * HOUR - 60)
    client: KinesisClient = log.source._client
    reader = ShardReader(client, SHARD, Cursor(TRIM_HORIZON, entering=True), timedelta(days=1))

    assert len(reader.page().records) == 5
    assert len(reader.page().records) == 4  # and the last one once more, which proves the page
    log.server.move_clock(120)
    log.write(20, 21)
    with pytest.raises(OffsetExpired, match="behind record"):
        reader.page()


def test_a_shard_that_was_read_to_its_end_may_expire(log: WrittenLog) -> None:
    log.write(0, 3)
    log.client.split_shard(
        StreamName=log.stream, ShardToSplit=SHARD, NewStartingHashKey=str(2**127)
    )
    log.server.wait_until_active(log.stream)
    while len(log.known) < 3:
        log.window()
    log.server.move_clock(20 * HOUR)
    log.window()  # its children are at rest, and are seen to be so
    log.server.move_clock(5 * HOUR)
    forget()

    assert [extent.ended for extent in log.look()] == [True, False, False]


def test_an_iterator_that_expired_is_made_anew(log: WrittenLog) -> None:
    log.write(0, 3)
    log.window()
    log.look()
    log.server.move_clock(301)
    log.write(3, 6)

    assert log.window() == 3
    assert log.values() == numbers(0, 6)


def test_i02_a_shard_enters_only_where_it_can_be_proven_later(
    kinesalite: KinesisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 10)
    first, second = SHARD, "shardId-000000000001"
    with log_behind_faults(kinesalite, shards=2) as (log, proxy):
        log.write(0, 30, "to the first shard")
        # The first shard fills a window; the second one hesitates to say that it holds nothing.
        proxy.order("GetRecords", "none", "empty_page", "empty_page")
        extents = {extent.partition: extent for extent in log.look(max_records=1)}
        assert extents[first].end == 10
        assert extents[second].entry == Entry(
            position=Position(0, "trim_horizon"), origin="earliest"
        )
        assert extents[second].facts["caught_up_offset"] == 0

        log.window(most=1)
        proven = log.known[second].facts
        forget()
        proxy.order("GetRecords", "none", "empty_page")
        extents = {extent.partition: extent for extent in log.look(max_records=1)}
        assert extents[second].facts == proven  # nothing new was shown, and the old stays true


def test_an_idle_shard_asks_for_a_window_that_renews_the_proof_and_lives_on_it(
    log: WrittenLog,
) -> None:
    log.write(0, 3)
    log.window()
    assert [extent.renews for extent in log.look()] == [False]

    for _ in range(3):  # 39 hours without a record, each time in a process that starts anew
        log.server.move_clock(13 * HOUR)
        forget()
        assert [extent.renews for extent in log.look()] == [True]
        assert log.window() == 0
        assert [extent.renews for extent in log.look()] == [False]

    log.write(3, 5)
    forget()
    assert [extent.renews for extent in log.look()] == [False]
    assert log.window() == 2
    assert log.values() == list(numbers(0, 5))
