"""What the schedule promises of every load, and what it says of one that is written down."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from platform_assets.contracts.reasons import ReasonCode
from platform_assets.lanes.draws import mixed
from platform_assets.lanes.event_ids import IdForm, event_id, numbers_of
from platform_assets.lanes.schedule import REASONS, SECOND, Kind, Schedule
from platform_assets_tests.lanes.workloads import PREFIX, workload

PHASES = st.lists(st.tuples(st.integers(1, 20), st.integers(1, 700)), min_size=1, max_size=4).map(
    lambda drawn: [
        {"name": f"phase_{n}", "seconds": seconds, "rate": rate}
        for n, (seconds, rate) in enumerate(drawn)
    ]
)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    processes = draw(st.integers(1, 4))
    return Schedule(
        workload(
            seed=draw(st.integers(0, 2**53 - 1)),
            phases=draw(PHASES),
            processes=processes,
            partitions=processes * draw(st.integers(1, 3)),
            keys={
                "count": draw(st.integers(1, 50)),
                "skew": draw(st.sampled_from(["0", "0.7", "2"])),
            },
            duplicates=f"{draw(st.integers(0, 50))}%",
            duplicate_distance=draw(st.integers(processes, 300)),
            late=f"{draw(st.integers(0, 20))}%",
            invalid=f"{draw(st.integers(0, 20))}%",
        )
    )


def every(schedule: Schedule) -> Any:
    return np.arange(schedule.events, dtype=np.int64)


@given(PHASES)
def test_events_are_due_exactly_where_their_phase_and_rate_say(
    phases: list[dict[str, Any]],
) -> None:
    schedule = Schedule(workload(phases=phases))
    expected, begin = [], 0
    for phase in phases:
        assert schedule.phases()[phase["name"]] == (begin, begin + phase["seconds"] * SECOND)
        count = phase["seconds"] * phase["rate"]
        expected += [begin + int(Fraction(i * SECOND, phase["rate"])) for i in range(count)]
        begin += phase["seconds"] * SECOND
    assert schedule.intended(every(schedule)).tolist() == expected
    assert expected == sorted(expected)


@given(PHASES, st.integers(-1, 81 * SECOND))
def test_how_many_are_due_before_a_moment_is_how_many_are(
    phases: list[dict[str, Any]], moment: int
) -> None:
    schedule = Schedule(workload(phases=phases))
    due = schedule.intended(every(schedule))
    borders = [at for begin, end in schedule.phases().values() for at in (begin, end)]
    for at in (moment, *borders, *(int(due[n]) + more for n in (0, -1) for more in (0, 1))):
        assert schedule.due_before(at) == np.count_nonzero(due < at)


@given(schedules())
def test_each_event_has_one_process_and_one_partition_of_its_own(schedule: Schedule) -> None:
    numbers = every(schedule)
    dealt = [schedule.numbers_of(process) for process in range(schedule.processes)]
    assert sorted(number for own in dealt for number in own) == numbers.tolist()
    processes = schedule.process_of(numbers)
    for process, own in enumerate(dealt):
        assert (processes[list(own)] == process).all()
    partitions = schedule.partition_of(numbers)
    assert (partitions % schedule.processes == processes).all()
    assert (partitions >= 0).all()
    assert (partitions < schedule.partitions).all()


@given(schedules())
def test_a_duplicate_repeats_a_good_event_that_came_before_it_in_its_partition(
    schedule: Schedule,
) -> None:
    events = schedule.of(every(schedule))
    twice = events.kinds == Kind.DUPLICATE
    assert (events.origins[~twice] == events.numbers[~twice]).all()
    origins, numbers = events.origins[twice], events.numbers[twice]
    assert (origins < numbers).all()
    assert (numbers - origins <= schedule._workload.duplicate_distance).all()
    assert (events.kinds[origins] == Kind.GOOD).all()
    assert (events.partitions[origins] == events.partitions[twice]).all()
    assert (events.keys[origins] == events.keys[twice]).all()


@given(schedules(), st.data())
def test_what_an_event_is_depends_on_no_other_that_is_asked_for(
    schedule: Schedule, data: st.DataObject
) -> None:
    whole = schedule.of(every(schedule))
    some = np.array(
        data.draw(st.lists(st.integers(0, schedule.events - 1), min_size=1, max_size=30)), np.int64
    )
    alone = schedule.of(some)
    for name in ("kinds", "origins", "keys", "partitions", "intended"):
        assert getattr(alone, name).tolist() == getattr(whole, name)[some].tolist()
    assert schedule.kinds(some).tolist() == alone.kinds.tolist()
    assert schedule.origin(some).tolist() == alone.origins.tolist()


def test_shares_come_out_as_planned() -> None:
    schedule = Schedule(
        workload(
            phases=[{"name": "steady", "seconds": 100, "rate": 10_000}],
            duplicates="2%",
            late="0.5%",
            invalid="0.3%",
        )
    )
    kinds = schedule.kinds(every(schedule))
    share = {kind: np.count_nonzero(kinds == kind) / schedule.events for kind in Kind}
    assert share[Kind.DUPLICATE] == pytest.approx(0.02, rel=0.05)
    assert share[Kind.LATE] == pytest.approx(0.005, rel=0.05)
    for kind in REASONS:
        assert share[kind] == pytest.approx(0.001, rel=0.15)


def test_keys_occur_as_zipf_says() -> None:
    phases = [{"name": "steady", "seconds": 100, "rate": 10_000}]
    shared = {"phases": phases, "duplicates": "0%"}
    keys = (
        Schedule(workload(keys={"count": 100, "skew": "1"}, **shared)).of(np.arange(1_000_000)).keys
    )
    found = np.bincount(keys, minlength=100) / len(keys)
    harmonic = sum(1 / rank for rank in range(1, 101))
    for rank in (1, 2, 10, 100):
        assert found[rank - 1] == pytest.approx(1 / rank / harmonic, rel=0.05)
    even = Schedule(workload(keys={"count": 100, "skew": "0"}, **shared)).of(np.arange(1_000_000))
    assert np.bincount(even.keys, minlength=100) == pytest.approx(10_000, rel=0.06)


def test_the_schedule_of_a_release_is_that_of_the_next() -> None:
    """Evidence is verified by later releases: what they say of an event must not change."""
    schedule = Schedule(workload(duplicates="20%", late="10%", invalid="10%"))
    events = schedule.of(np.arange(1_000, 1_012))
    assert events.kinds.tolist() == [2, 0, 0, 2, 1, 0, 1, 0, 5, 0, 0, 2]
    assert (events.origins - events.numbers).tolist() == [0, 0, 0, 0, -70, 0, -140, 0, 0, 0, 0, 0]
    assert events.keys.tolist() == [1, 37, 270, 1, 2, 0, 97, 317, 387, 951, 7, 3]
    assert events.partitions.tolist() == [2, 3, 0, 3, 0, 1, 2, 3, 2, 3, 2, 3]


def test_bits_are_mixed_as_splitmix_does() -> None:
    """What SplittableRandom of Java gives first for seed 0."""
    gamma = 0x9E3779B97F4A7C15
    counted = np.array([gamma, 2 * gamma % 2**64], np.uint64)
    assert mixed(counted).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_another_seed_gives_other_events() -> None:
    numbers = np.arange(2_000)
    one, other = (Schedule(workload(seed=seed)).of(numbers) for seed in (1, 2))
    assert Counter(one.keys.tolist()) != Counter(other.keys.tolist())
    assert one.kinds.tolist() != other.kinds.tolist()
    assert one.intended.tolist() == other.intended.tolist()


def test_every_invalid_kind_has_its_reason() -> None:
    assert set(REASONS) == set(Kind) - {Kind.GOOD, Kind.DUPLICATE, Kind.LATE}
    assert set(REASONS.values()) <= set(ReasonCode)


@pytest.mark.parametrize("form", IdForm)
def test_ids_name_their_number_and_no_others_do(form: IdForm) -> None:
    own = [event_id(PREFIX, number, form) for number in (0, 42, 999_999_999_999)]
    assert {IdForm.like(text) for text in own} == {form}
    others = [
        event_id("ba9876543210", 42, form),
        own[0] + "0",
        own[0][1:],
        " " + own[0],
        own[1][:-1] + "x",
        own[0][:-12] + "+00000000001",
        "",
        None,
    ]
    found = numbers_of(pl.Series([*own, *others], dtype=pl.String), PREFIX)
    assert found.to_list() == [0, 42, 999_999_999_999, *[None] * len(others)]


def test_a_prefix_that_is_no_digest_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(RuntimeError, match="12 hexadecimal digits"):
        event_id("0123456789AB", 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"duplicates": "50%", "late": "30%", "invalid": "20%"}, "leave none that are good"),
        ({"duplicate_distance": 1}, "at least 2, the number of processes"),
        ({"keys": {"count": 5, "skew": "-1"}}, "skew"),
        ({"sizes": {"field": "note", "at_least": 9, "at_most": 8}}, "at_least 9 above at_most 8"),
        ({"partitions": 3}, "cannot be dealt evenly"),
    ],
)
def test_a_workload_that_has_no_schedule_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        workload(**changed)
