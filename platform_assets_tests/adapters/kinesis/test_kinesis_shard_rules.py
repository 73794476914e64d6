"""Which shards may be read, rule by rule, without any server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.kinesis import places
from platform_assets.adapters.kinesis.shards import Beginning, Shard, beginnings
from platform_assets.errors import DeclarationInvalid, OffsetExpired
from platform_assets.ports.positions import Known, Position

if TYPE_CHECKING:
    from platform_assets.ports.positions import Start

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT_NOON = ("timestamp", "at:2026-03-01T12:00:00.000000Z")
#: A was split into B and C; B and C were merged into D; E stands beside them.
A, B, C = Shard("A", closed=True), Shard("B", ("A",), closed=True), Shard("C", ("A",), closed=True)
D, E = Shard("D", ("B", "C")), Shard("E")
ALL = [A, B, C, D, E]
FIRST = places.TRIM_HORIZON


def known(**shards: bool) -> dict[str, Known]:
    return {
        name: Known(Position(0, "trim_horizon"), NOON, ended=ended)
        for name, ended in shards.items()
    }


def begun(
    listed: list[Shard], log: dict[str, Known] | None = None, start: Start = "earliest"
) -> dict[str, tuple[str, str]]:
    found = beginnings("stream", listed, log or {}, start)
    return {
        name: (one.origin, "passed over" if one.passed_over else str(one.place))
        for name, one in found.items()
    }


def test_at_first_only_shards_without_listed_parents_enter() -> None:
    assert begun(ALL) == {"A": ("earliest", "trim_horizon"), "E": ("earliest", "trim_horizon")}
    assert begun([B, C, D, E]) == dict.fromkeys("BCE", ("earliest", "trim_horizon"))
    assert begun([D, E]) == dict.fromkeys("DE", ("earliest", "trim_horizon"))


def test_from_a_moment_shards_enter_in_the_same_order() -> None:
    assert begun(ALL, start=NOON) == dict.fromkeys("AE", AT_NOON)
    assert begun(ALL, known(A=True, E=False), NOON) == dict.fromkeys("BC", AT_NOON)


def test_at_latest_all_enter_at_once_and_closed_ones_are_passed_over() -> None:
    found = beginnings("stream", ALL, {}, "latest")

    assert {name: one.passed_over for name, one in found.items()} == {
        "A": True,
        "B": True,
        "C": True,
        "D": False,
        "E": False,
    }
    assert {one.origin for one in found.values()} == {"latest"}


@pytest.mark.parametrize("start", ["earliest", "latest", {"E": "1"}])
def test_children_enter_once_their_parents_have_ended(start: Start) -> None:
    assert begun(ALL, known(A=False, E=False), start) == {}
    children = dict.fromkeys("BC", ("parent", "trim_horizon"))
    assert begun(ALL, known(A=True, E=False), start) == children
    assert begun(ALL, known(A=True, B=True, C=False, E=False), start) == {}
    assert begun(ALL, known(A=True, B=True, E=False), start) == {"C": children["C"]}
    merged = {"D": ("parent", "trim_horizon")}
    assert begun(ALL, known(A=True, B=True, C=True, E=False), start) == merged
    assert begun([B, C, D, E], known(B=True, C=True, E=False), start) == merged


def test_a_parent_that_left_the_log_and_the_list_holds_nothing_up() -> None:
    assert begun([C, D, E], known(C=True, E=False)) == {"D": ("parent", "trim_horizon")}


def test_i02_a_known_shard_that_expired_before_its_end_was_read_is_refused() -> None:
    with pytest.raises(OffsetExpired, match="B"):
        begun([C, D, E], known(A=True, B=False, C=True, E=False))


def test_i02_a_generation_that_expired_unread_is_refused() -> None:
    with pytest.raises(OffsetExpired, match="D"):
        begun([D, E], known(A=True, E=False))  # B and C came and went
    with pytest.raises(OffsetExpired, match="F"):
        begun([E, Shard("F")], known(E=False))  # a shard that comes from nowhere


def test_i02_a_child_whose_parents_are_listed_no_more_may_have_lost_its_first_records() -> None:
    with pytest.raises(OffsetExpired, match="B"):
        begun([B, C, D, E], known(A=True, E=False))


def test_declared_positions_name_the_first_record() -> None:
    assert begun([A, E], start={"A": "17", "E": 4}) == {
        "A": ("position", "from:17/0"),
        "E": ("position", "from:4/0"),
    }


def test_what_stands_before_a_declared_position_is_passed_over() -> None:
    assert begun(ALL, start={"D": "17", "E": "4"}) == {
        "A": ("position", "passed over"),
        "B": ("position", "passed over"),
        "C": ("position", "passed over"),
        "D": ("position", "from:17/0"),
        "E": ("position", "from:4/0"),
    }


def test_what_follows_a_declared_position_waits_for_it() -> None:
    assert begun(ALL, start={"A": "5", "E": "4"}) == {
        "A": ("position", "from:5/0"),
        "E": ("position", "from:4/0"),
    }
    # B and C lie between two positions: they are read, and D waits for them.
    assert begun(ALL, start={"A": "5", "D": "17", "E": "4"}) == {
        "A": ("position", "from:5/0"),
        "E": ("position", "from:4/0"),
    }
    start = {"B": "5", "C": "6", "D": "17", "E": "4"}
    assert begun(ALL, start=start) == {
        "A": ("position", "passed over"),
        "B": ("position", "from:5/0"),
        "C": ("position", "from:6/0"),
        "E": ("position", "from:4/0"),
    }
    assert begun(ALL, known(A=True, B=True, C=True, E=False), start) == {
        "D": ("position", "from:17/0")
    }


@pytest.mark.parametrize(
    ("start", "missing"),
    [
        ({"D": "1"}, "no position for E"),
        ({"B": "1", "E": "1"}, "no position for C"),
        ({"A": "1", "E": "1", "Z": "1"}, "Z, which the stream does not list"),
    ],
)
def test_a_shard_without_a_position_is_a_mistake(start: Start, missing: str) -> None:
    with pytest.raises(DeclarationInvalid, match=missing):
        begun(ALL, start=start)


@pytest.mark.parametrize(
    "name",
    ["trim_horizon", "at:2026-03-01T12:00:00.123000Z", "from:4968/0", "after:4968/17"],
)
def test_a_place_is_read_as_it_was_written(name: str) -> None:
    assert str(places.parse(name)) == name


@pytest.mark.parametrize(
    "name", ["", "latest", "from:x/0", "after:1", "from:1/-1", "from:1/0/0", "xfrom:1/0", "at:noon"]
)
def test_what_names_no_place_is_not_read(name: str) -> None:
    with pytest.raises((RuntimeError, ValueError)):
        places.parse(name)


def test_an_entry_needs_no_more_than_an_origin() -> None:
    assert Beginning("earliest") == Beginning("earliest", FIRST, passed_over=False)
