"""Where partitions start, and what of a source may not have changed since the last window."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import (
    ClusterChanged,
    DeclarationInvalid,
    OffsetExpired,
    OffsetTruncated,
    SourceChanged,
    StreamRecreated,
)
from platform_assets.flow.anchors import Range, StreamSeen
from platform_assets.flow.positions import is_worth_pinning, known_of, waiting_ranges
from platform_assets.ports.streams import Entry, Extent, Identity, Known, Position

if TYPE_CHECKING:
    from collections.abc import Mapping

KNOWN: dict[str, Any] = {
    "run_id": "shop-00000001",
    "streams": [
        {
            "stream": "events",
            "kind": "kafka",
            "partitions": [
                {
                    "partition": "0",
                    "start": 3,
                    "end": 10,
                    "origin": "earliest",
                    "incarnation": "one",
                }
            ],
        }
    ],
}


def look(
    *extents: Extent,
    start: str | Mapping[str, int] = "earliest",
    known: dict[str, Any] | None = None,
    stream: str = "events",
    kind: str = "kafka",
) -> list[Range]:
    seen = [StreamSeen(stream=stream, kind=kind, start=start, extents=extents)]
    return waiting_ranges("shop", seen, known)


@pytest.mark.parametrize(
    ("start", "expected"),
    [("earliest", (40, "earliest")), ("latest", (90, "latest")), ({"0": 55}, (55, "position"))],
)
def test_i01_a_new_partition_starts_where_the_policy_says_and_records_which(
    start: str | dict[str, int], expected: tuple[int, str]
) -> None:
    (found,) = look(Extent("0", 40, 90), start=start)

    assert (found.start, found.origin) == expected
    assert found.end == 90


def test_i01_a_known_partition_goes_on_whatever_the_policy_says() -> None:
    for start in ("earliest", "latest", {"0": 4}):
        (found,) = look(Extent("0", 0, 15, Identity(incarnation="one")), start=start, known=KNOWN)
        assert (found.start, found.end, found.origin) == (10, 15, "predecessor")


def test_i01_a_new_partition_without_an_explicit_position_is_a_mistake() -> None:
    with pytest.raises(DeclarationInvalid, match="partition 1, which is new"):
        look(Extent("0", 0, 5), Extent("1", 0, 5), start={"0": 2})


@pytest.mark.parametrize(("position", "refusal"), [(39, OffsetExpired), (91, OffsetTruncated)])
def test_i01_an_explicit_position_outside_the_source_is_refused(
    position: int, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal, match="correct `start`"):
        look(Extent("0", 40, 90), start={"0": position})


def test_i02_a_source_that_lost_pinned_records_is_refused() -> None:
    with pytest.raises(OffsetTruncated, match="ends at 9"):
        look(Extent("0", 0, 9, Identity(incarnation="one")), known=KNOWN)


def test_i02_records_that_expired_before_they_were_pinned_are_refused() -> None:
    with pytest.raises(OffsetExpired, match="begins at 11"):
        look(Extent("0", 11, 20, Identity(incarnation="one")), known=KNOWN)


def test_i02_a_recreated_partition_is_refused() -> None:
    with pytest.raises(StreamRecreated, match="the id two"):
        look(Extent("0", 0, 20, Identity(incarnation="two")), known=KNOWN)


def test_i02_a_vanished_partition_is_refused() -> None:
    with pytest.raises(SourceChanged, match="partition 0 of shop/events"):
        look(Extent("1", 0, 20, Identity(incarnation="one")), known=KNOWN)
    with pytest.raises(SourceChanged):
        look(known=KNOWN)


def test_i01_a_stream_that_is_declared_no_more_is_refused() -> None:
    with pytest.raises(SourceChanged, match="no such stream"):
        look(Extent("0", 0, 20, Identity(incarnation="one")), known=KNOWN, stream="other")


def test_i01_another_kind_of_source_is_refused() -> None:
    with pytest.raises(SourceChanged, match="kind kafka"):
        look(Extent("0", 0, 20, Identity(incarnation="one")), known=KNOWN, kind="file_log")


def test_a_partition_with_nothing_new_still_stands_in_the_window() -> None:
    found = look(Extent("0", 0, 10, Identity(incarnation="one")), Extent("1", 0, 0), known=KNOWN)

    assert [(r.partition, r.start, r.end) for r in found] == [("0", 10, 10), ("1", 0, 0)]
    assert not is_worth_pinning(found)


def test_i01_a_position_at_latest_is_pinned_although_there_is_nothing_to_read() -> None:
    first = look(Extent("0", 0, 90), start="latest")
    later = look(Extent("0", 0, 10, Identity(incarnation="one")), start="latest", known=KNOWN)

    assert is_worth_pinning(first)
    assert not is_worth_pinning(later)
    assert not is_worth_pinning(look(Extent("0", 90, 90), start="earliest"))


def test_i02_another_cluster_at_the_same_address_is_refused() -> None:
    elsewhere = Identity("beta", "one")

    with pytest.raises(ClusterChanged, match="cluster beta, which answers"):
        look(Extent("0", 0, 20, elsewhere), known=KNOWN)


def test_a_partition_that_ended_for_good_may_vanish_and_no_other() -> None:
    ended = copy.deepcopy(KNOWN)
    ended["streams"][0]["partitions"][0]["ended"] = True

    assert [part.partition for part in look(Extent("1", 0, 2), known=ended)] == ["1"]
    with pytest.raises(SourceChanged):
        look(Extent("1", 0, 2), known=KNOWN)


def test_that_a_partition_ended_is_worth_pinning_once() -> None:
    identity = Identity(incarnation="one")
    ended = copy.deepcopy(KNOWN)
    ended["streams"][0]["partitions"][0]["ended"] = True

    assert is_worth_pinning(look(Extent("0", 0, 10, identity, ended=True), known=KNOWN))
    assert not is_worth_pinning(look(Extent("0", 0, 10, identity, ended=True), known=ended))


def test_a_source_may_say_itself_where_a_partition_starts() -> None:
    entry = Entry(position=Position(0, "trim_horizon"), origin="parent")

    (found,) = look(Extent("0", 0, 20, entry=entry), start="latest")

    assert (found.start, found.native_start, found.origin) == (0, "trim_horizon", "parent")


def test_what_is_known_of_a_stream_is_where_its_last_window_ended() -> None:
    anchors = {**copy.deepcopy(KNOWN), "pinned_at": "2026-01-02T03:04:05.000006Z"}
    anchors["streams"][0]["partitions"][0] |= {"native_start": "a", "native_end": "b"}

    assert known_of(anchors, "events") == {
        "0": Known(Position(10, "b"), datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    }
    assert known_of(anchors, "other") == known_of(None, "events") == {}


def test_a_proof_that_takes_the_place_of_an_old_one_is_worth_pinning() -> None:
    identity = Identity(incarnation="one")

    (part,) = look(Extent("0", 0, 10, identity, renews=True), known=KNOWN)

    assert is_worth_pinning([part])
    assert part.as_json()["renews"]
    assert not is_worth_pinning(look(Extent("0", 0, 10, identity), known=KNOWN))
