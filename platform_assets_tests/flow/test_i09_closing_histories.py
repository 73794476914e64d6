"""I9 and A1: many histories of closers under every trouble, and bugs that the checker has to catch.

``PLATFORM_TESTS_HISTORIES=100000`` runs so many; by default a few thousand, always the same.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from platform_assets_tests.simulators.closing_coverage import HAPPENS, what_happened
from platform_assets_tests.simulators.closing_histories import explore, finish, history, remembered
from platform_assets_tests.simulators.closing_world import Trouble
from platform_assets_tests.simulators.planted_bugs import BUGS

if TYPE_CHECKING:
    import random

HISTORIES = int(os.environ.get("PLATFORM_TESTS_HISTORIES", "4000"))
SHARES = 4
CAUGHT_WITHIN = 300
SHORT = 80  # acts that a person reads

#: Bug -> what the checker says of it, in at least one history.
SAID_OF = {
    "skip_the_void": "2 seals of",
    "trust_the_ttl_alone": "2 seals of",
    "look_and_then_seal": "2 seals of",
    "seal_without_reading_back": "said CLOSED before there was a seal",
    "claim_without_reading_back": "with a bundle that the seal does not name",
    "overwrite_what_is_taken": "0001.seal was overwritten by",
    "append_before_the_seal": "before it was sealed",
    "take_any_seal_for_void": "2 seals of",
    "trust_the_evidence_unseen": "which is not there",
    "one_evidence_for_all_epochs": "the last closer, undisturbed, ended with WriteFailed",
    "append_without_searching": "repeats payments-",
    "copy_before_the_entry": "is not in the log",
    "release_before_looking": "sealed the run and ended with Lost",
}


@pytest.mark.parametrize("share", range(SHARES))
def test_i09_histories_of_closers_leave_one_seal_and_nothing_that_refers_past_a_fence(
    share: int, record_property: pytest.RecordProperty
) -> None:
    seen: Counter[str] = Counter()
    for seed, world, found in explore(range(share, HISTORIES, SHARES)):
        assert found == [], f"seed {seed}: {found}: {world.trace}"
        seen.update(what_happened(world))
    record_property("histories", sum(seen[name] for name in ("one run", "two runs")))
    record_property("happened", dict(sorted(seen.items())))
    assert set(seen) == HAPPENS, "the histories meet what they are made for"


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(
    bug: str, monkeypatch: pytest.MonkeyPatch, record_property: pytest.RecordProperty
) -> None:
    BUGS[bug](monkeypatch)
    first = None
    for seed, _, found in explore(range(CAUGHT_WITHIN)):
        first = seed + 1 if found and first is None else first
        if any(SAID_OF[bug] in problem for problem in found):
            record_property("histories until caught", first)
            return
    raise AssertionError(f"{bug} was not caught as such; the first trouble came in history {first}")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(choose=st.randoms(use_true_random=False))
def test_i09_histories_that_hypothesis_chooses(choose: random.Random) -> None:
    world = history(choose)
    assert finish(world, choose) == [], world.trace


def test_a_history_that_fails_is_shrunk_to_one_that_a_person_can_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    BUGS["skip_the_void"](monkeypatch)

    traces = []

    def two_seals(choose: random.Random) -> bool:
        world = history(choose)
        failed = any("2 seals" in problem for problem in finish(world, choose))
        if failed:
            traces.append(world.trace)
        return failed

    search = settings(
        max_examples=1000,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
    )
    with remembered():
        find(st.randoms(use_true_random=False), two_seals, settings=search)
    least = min(traces, key=len)
    assert len(least) <= SHORT
    assert {trouble for _, _, trouble in least} == {Trouble.NONE}, "it takes a pause and no more"
