"""What a look records of a shard as proof for later, and when it asks to have that recorded anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from platform_assets.adapters.kinesis.aggregated import UserRecord
from platform_assets.adapters.kinesis.counted import Count
from platform_assets.adapters.kinesis.looking import CAUGHT_UP_AT, CAUGHT_UP_OFFSET, Seen
from platform_assets.adapters.kinesis.places import TRIM_HORIZON
from platform_assets.adapters.kinesis.records import Cursor, Record
from platform_assets.adapters.kinesis.scan import Scan
from platform_assets.adapters.kinesis.shards import Shard
from platform_assets.canonical import rfc3339
from platform_assets.ports.positions import Position

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def seen(
    *,
    proven: int | None = 3,
    hours_ago: int = 13,
    at_tip: bool = True,
    closed: bool = False,
    read_to_end: bool = False,
    origin: str = "",
) -> Seen:
    """Return what a look at noon saw, that counted up to offset 3; ``proven`` is what the log has."""
    record = Record(5, NOON, 1, 0, (UserRecord(b"k", b"d"),) * 3)
    count = Count(Position(0, "trim_horizon")).with_page([record])
    scan = Scan(count, Cursor(TRIM_HORIZON), at_tip=at_tip, ended=read_to_end, read_at=NOON)
    known: dict[str, str | int] = {}
    if proven is not None:
        known[CAUGHT_UP_AT] = rfc3339(NOON - timedelta(hours=hours_ago))
        known[CAUGHT_UP_OFFSET] = proven
    return Seen(Shard("shard", closed=closed), scan, origin, known)


def test_a_proof_is_renewed_after_half_of_the_retention_period() -> None:
    assert not seen(hours_ago=12).proof_grows_old(DAY)
    assert seen(hours_ago=13).proof_grows_old(DAY)
    assert not seen(hours_ago=13).proof_grows_old(2 * DAY)


@pytest.mark.parametrize("proven", [None, 0, 2])
def test_a_proof_of_another_place_is_none(proven: int | None) -> None:
    assert seen(proven=proven, hours_ago=0).proof_grows_old(DAY)


def test_what_proves_nothing_renews_nothing() -> None:
    assert not seen(at_tip=False).proof_grows_old(DAY)
    assert not seen(origin="earliest").proof_grows_old(DAY)
    assert not seen(closed=True, read_to_end=True).proof_grows_old(DAY)


def test_only_the_end_of_a_shard_is_recorded_and_what_was_shown_before_stays() -> None:
    now = {CAUGHT_UP_AT: rfc3339(NOON), CAUGHT_UP_OFFSET: 3}
    assert seen().facts == seen(proven=None).facts == now
    assert seen(proven=2, at_tip=False).facts == seen(proven=2).known
    assert not seen(proven=None, at_tip=False).facts


@pytest.mark.parametrize(("closed", "read_to_end"), [(True, False), (False, True)])
def test_a_shard_has_ended_where_it_is_listed_as_closed_and_was_read_to_its_end(
    *, closed: bool, read_to_end: bool
) -> None:
    assert not seen(closed=closed, read_to_end=read_to_end).ended
    assert seen(closed=True, read_to_end=True).ended
