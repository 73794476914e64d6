"""Lag: records and seconds, and what is not known is not made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from platform_assets.flow.anchors import Range
from platform_assets.pipeline.lag import PartitionLag, lag_of

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def waiting(partition: str, records: int, seconds: float | None = None) -> Range:
    return Range(
        stream="orders",
        partition=partition,
        start=100,
        end=100 + records,
        origin="predecessor",
        oldest_waiting=None if seconds is None else NOW - timedelta(seconds=seconds),
    )


def test_records_are_counted_and_seconds_are_since_the_first_of_them_arrived() -> None:
    lag = lag_of([waiting("0", 3, 7.5), waiting("1", 40, 2)], NOW)
    assert lag.partitions == (
        PartitionLag("orders", "0", 3, 7.5),
        PartitionLag("orders", "1", 40, 2.0),
    )
    assert (lag.records, lag.seconds) == (43, 7.5)


def test_an_age_that_no_source_knows_is_unknown_and_not_zero() -> None:
    lag = lag_of([waiting("0", 3)], NOW)
    assert lag.partitions[0].seconds is None
    assert lag.seconds is None
    assert lag_of([waiting("0", 3), waiting("1", 1, 5)], NOW).seconds == 5


def test_where_nothing_waits_nothing_has_waited() -> None:
    lag = lag_of([waiting("0", 0, 3600)], NOW)
    assert (lag.records, lag.seconds) == (0, None)


def test_a_broker_whose_clock_is_ahead_makes_no_negative_lag() -> None:
    assert lag_of([waiting("0", 1, -30)], NOW).seconds == 0


def test_the_worst_are_those_that_wait_longest_then_those_with_most() -> None:
    lag = lag_of(
        [
            waiting("a", 5),
            waiting("b", 9),
            waiting("c", 1, 60),
            waiting("d", 0),
            waiting("e", 2, 9),
        ],
        NOW,
    )
    assert [part.partition for part in lag.worst(3)] == ["c", "e", "b"]
    assert [part.partition for part in lag.worst(9)] == ["c", "e", "b", "a"]
