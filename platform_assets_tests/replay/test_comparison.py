"""What is told of two landings: counts, gaps, and whether records are gone or are other ones."""

from __future__ import annotations

from typing import Any

import pytest

from platform_assets.flow.replay import Divergence, Replay, Verdict
from platform_assets.flow.replay_comparison import landing_problems, manifest_problems, only_lost
from platform_assets.flow.replay_inputs import _in_order

ROW_GONE = Divergence("land", "s", "recorded s 0:4, rebuilt s 0:5", row=4)
VALUE = Divergence("land", "s", "another value", row=4, column="value")


def landing(*delivered: int, kind: str = "aborted") -> dict[str, Any]:
    gap = {"start": 0, "end": 1, "kind": kind, "proof": "header"}
    return {
        "stream": "s",
        "delivered": sum(delivered),
        "bytes": 10,
        "partitions": [
            {"partition": str(number), "delivered": count, "gaps": [gap]}
            for number, count in enumerate(delivered)
        ],
        "parts": [],
    }


@pytest.mark.parametrize(
    ("now", "divergence", "lost"),
    [
        ((9, 10), ROW_GONE, True),
        ((9, 9), ROW_GONE, True),
        ((9,), ROW_GONE, True),
        ((9, 10), VALUE, False),
        ((9, 11), ROW_GONE, False),
        ((10, 10), ROW_GONE, False),
    ],
)
def test_fewer_records_are_lost_unless_something_else_is_wrong(
    now: tuple[int, ...], divergence: Divergence, lost: bool
) -> None:
    assert only_lost(landing(10, 10), landing(*now), divergence) is lost


def test_of_a_gap_only_its_length_counts() -> None:
    assert landing_problems(landing(10, 10), landing(10, 10, kind="compacted")) == []
    assert landing_problems(landing(10, 10), landing(10, 9)) == ["partition 1 delivered 10, now 9"]


def test_a_profile_is_compared_where_the_older_manifest_names_one() -> None:
    assert manifest_problems({"rows": 1}, {"rows": 1, "profile": "sha256:b"}) == []
    assert manifest_problems({"profile": "sha256:a"}, {"profile": "sha256:b"}) == [
        "profile sha256:a, now sha256:b"
    ]
    assert manifest_problems({"profile": "sha256:a"}, {}) == ["profile sha256:a, now None"]


def test_a_replay_that_compared_nothing_has_reproduced_nothing() -> None:
    nothing = Replay(
        run_id="shop-00000001",
        bundle_digest="",
        start="landing",
        reason="",
        compared=(),
        divergence=None,
        engines={},
        keys="given",
    )
    assert nothing.verdict is Verdict.DIVERGED


def test_outputs_stand_behind_what_they_read_and_a_circle_ends() -> None:
    assert _in_order({"a": {"b"}, "b": {"c"}, "c": set()}) == ["c", "b", "a"]
    assert sorted(_in_order({"a": {"b"}, "b": {"a"}})) == ["a", "b"]
