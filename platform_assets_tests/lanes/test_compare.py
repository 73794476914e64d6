"""Two runs of a lane side by side: what is slower is found, and what is the same is not."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platform_assets.errors import LanesDiffer, UnknownThing
from platform_assets.lanes.compare import (
    LEAST_PAIRS,
    Change,
    Compared,
    _judged,
    compare,
    require_comparable,
)
from platform_assets.lanes.measured import Measured, Sample
from platform_assets.lanes.paired import Estimate, chance_beyond, estimate, hodges_lehmann, holm
from platform_assets.lanes.sequences import (
    Subject,
    busy_seconds,
    paired,
    self_difference,
    sequences,
)
from platform_assets_tests.lanes.plans import burst
from platform_assets_tests.lanes.wandering_lanes import SECOND, steady_lane, wandering

if TYPE_CHECKING:
    from collections.abc import Sequence

ADMIT = Subject("step_duration", "admit orders", "each")


def changed(figures: Sequence[Compared]) -> dict[Subject, Change]:
    still = (Change.NO_CHANGE, Change.NO_DATA)
    return {each.subject: each.change for each in figures if each.change not in still}


def each(values: Sequence[int], label: str = "", metric: str = "run_duration") -> Measured:
    samples = [Sample(turn * SECOND, label, value) for turn, value in enumerate(values)]
    return Measured({"steady": (0, len(values) * SECOND)}, {metric: samples}, {})


# --- regressions ---------------------------------------------------------------------------------


def test_a_step_that_is_a_fifth_slower_is_found_and_nothing_else() -> None:
    before, after = steady_lane(1), steady_lane(2, slower={"admit orders": 1.2})

    figures = compare(before, after)

    assert changed(figures) == {ADMIT: Change.REGRESSION}
    found = next(figure for figure in figures if figure.subject == ADMIT)
    assert found.as_json()["low"] > 1.05
    assert found.as_json()["ratio"] == pytest.approx(1.2, abs=0.06)


def test_the_same_the_other_way_round_is_an_improvement() -> None:
    before, after = steady_lane(1, slower={"admit orders": 1.2}), steady_lane(2)

    assert changed(compare(before, after)) == {ADMIT: Change.IMPROVEMENT}


def test_of_what_shall_be_high_less_is_the_regression() -> None:
    wander = wandering(np.random.default_rng(1), 240, alike=0.5, spread=0.05)
    fast, slow = (
        each([int(rate * value) for value in wander], metric="certified")
        for rate in (20_000, 17_000)
    )

    assert list(changed(compare(fast, slow)).values()) == [Change.REGRESSION]
    assert list(changed(compare(slow, fast)).values()) == [Change.IMPROVEMENT]


def test_a_change_within_the_tolerance_is_none_however_sure_it_is() -> None:
    random = np.random.default_rng(1)
    before = each([1_000_000 + int(value) for value in random.integers(0, 9, 60)])
    after = each([1_040_000 + int(value) for value in random.integers(0, 9, 60)])

    assert not changed(compare(before, after))
    assert changed(compare(before, after, tolerance=Decimal("0.03")))


def test_an_interval_that_reaches_into_the_noise_is_no_regression_however_small_its_chance() -> (
    None
):
    sure, reaching = Estimate(0.2, 0.11, 0.3, 1.0), Estimate(0.2, 0.09, 0.3, 1.0)
    judged = [
        _judged(Compared(ADMIT, Change.NO_CHANGE, 40, found, noise=0.1), 0.0001, 0.05).change
        for found in (sure, reaching)
    ]

    assert judged == [Change.REGRESSION, Change.NO_CHANGE]


def test_runs_of_the_same_thing_are_rarely_told_apart() -> None:
    pairs = [(steady_lane(2 * k), steady_lane(2 * k + 1)) for k in range(15)]
    metrics = ["step_duration", "memory", "lag", "descriptors", "open_runs"]

    flagged = [found for pair in pairs if (found := changed(compare(*pair, metrics=metrics)))]

    assert len(flagged) <= 1


# --- the noise -----------------------------------------------------------------------------------


def test_what_two_runs_of_the_same_thing_differ_is_noise() -> None:
    before, after = steady_lane(1), steady_lane(2, slower={"admit orders": 1.2})
    noise = (steady_lane(3), steady_lane(4, slower={"admit orders": 1.25}))

    assert ADMIT in changed(compare(before, after))
    assert ADMIT not in changed(compare(before, after, noise=noise))


def test_noise_without_enough_pairs_gives_no_data() -> None:
    before, after = steady_lane(1), steady_lane(2, slower={"admit orders": 1.2})

    figures = compare(before, after, noise=(steady_lane(3), steady_lane(4, seconds=30)))

    assert {figure.change for figure in figures} == {Change.NO_DATA}
    assert "to measure the noise of" in figures[0].why


def test_a_steady_rise_is_no_difference_of_a_run_from_itself_and_a_step_up_is() -> None:
    rising = {"steady": {turn: 1_000.0 + turn for turn in range(64)}}
    levels = np.tile(np.repeat([1_000.0, 2_000.0, 2_000.0, 1_000.0], 4), 4).tolist()
    jumping = {"steady": dict(enumerate(levels))}

    assert self_difference(rising) < 0.002
    assert self_difference(jumping) > 0.2


# --- too little ----------------------------------------------------------------------------------


def test_too_few_pairs_are_no_data_and_say_how_many_are_needed() -> None:
    few = each([1_000_000] * (LEAST_PAIRS - 1))

    (figure,) = compare(few, each([2_000_000] * 30), metrics=["run_duration"])

    assert figure.change is Change.NO_DATA
    assert (
        figure.why == f"{LEAST_PAIRS - 1} pairs of {LEAST_PAIRS - 1} and 30 values; 12 are needed"
    )


def test_a_metric_that_neither_run_has_is_said_to_have_no_data() -> None:
    figures = compare(steady_lane(1), steady_lane(2), metrics=["spilled", "lag"])

    assert {f.subject.metric: f.change for f in figures}["spilled"] is Change.NO_DATA


def test_a_metric_that_has_no_bad_direction_cannot_be_asked_for() -> None:
    with pytest.raises(UnknownThing, match="offered"):
        compare(steady_lane(1), steady_lane(2), metrics=["offered"])


# --- pairing -------------------------------------------------------------------------------------


def test_runs_are_paired_by_their_turn_within_a_phase_whatever_their_names() -> None:
    phases = {"calm": (0, 10 * SECOND), "spike": (10 * SECOND, 20 * SECOND)}
    samples = [Sample(1, "load-00000001", 5), Sample(2, "load-00000002", 7)]
    measured = Measured(
        phases, {"run_duration": [*samples, Sample(11 * SECOND, "load-00000003", 9)]}, {}
    )

    found = sequences(measured, ["run_duration"])[Subject("run_duration", "", "each")]

    assert found == {"calm": {1: 5, 2: 7}, "spike": {1: 9}}


def test_slices_that_are_not_whole_and_the_drain_are_left_out() -> None:
    phases = {"calm": (0, 25 * SECOND), "drain": (25 * SECOND, 60 * SECOND)}
    samples = [Sample(turn * SECOND, "", turn) for turn in range(60)]

    found = sequences(Measured(phases, {"memory": samples}, {}), ["memory"])

    assert found[Subject("memory", "", "mean")] == {"calm": {0: 4.5, 1: 14.5}}


def test_percentiles_are_of_all_values_of_a_slice() -> None:
    measured = steady_lane(1, seconds=20)

    found = sequences(measured, ["latency"])

    assert set(found) == {Subject("latency", "", "p50"), Subject("latency", "", "p99")}
    low, high = (found[Subject("latency", "", name)]["steady"] for name in ("p50", "p99"))
    assert [*low] == [*high] == [0, 1]
    assert all(low[turn] < high[turn] for turn in low)


def busy_from(second: int, until: int, *, machine: int = 900_000) -> Measured:
    """Return a lane on a machine that others kept busy for some seconds: 60 seconds, a step each."""
    seconds = range(60)
    others = [machine if second <= turn < until else 20_000 for turn in seconds]
    series = {
        "cpu": [Sample(turn * SECOND, "", 300_000) for turn in seconds],
        "cpu_beside": [
            Sample(turn * SECOND, label, 100_000)
            for turn in seconds
            for label in ("conductor", "observer")
        ],
        "cpu_machine": [Sample(t * SECOND, "", 400_000 + others[t]) for t in seconds],
        "step_duration": [Sample(t * SECOND, "admit", 1 + (others[t] > 20_000)) for t in seconds],
        "memory": [Sample(turn * SECOND, "", turn) for turn in seconds],
    }
    return Measured({"steady": (0, 60 * SECOND)}, series, {})


def test_what_was_measured_while_others_kept_the_machine_busy_is_left_out() -> None:
    measured = busy_from(20, 30)

    found = sequences(measured, ["step_duration", "memory"])

    steps = found[Subject("step_duration", "admit", "each")]["steady"]
    assert sorted(steps) == [*range(1, 21), *range(31, 61)], "the others keep their turns"
    assert set(steps.values()) == {1.0}
    assert sorted(found[Subject("memory", "", "mean")]["steady"]) == [0, 1, 3, 4, 5]
    assert busy_seconds(measured) == 10


def test_the_same_slices_are_paired_whatever_was_left_out_of_each() -> None:
    metrics = ["memory"]
    first, second = (sequences(busy_from(at, at + 10), metrics) for at in (0, 30))
    (subject,) = first

    ratios = paired(first[subject], second[subject])

    assert ratios.tolist() == [0.0] * 4


def test_a_machine_that_is_a_little_busy_is_quiet_enough() -> None:
    assert busy_seconds(busy_from(20, 30, machine=249_000)) == 0
    assert busy_seconds(busy_from(20, 30, machine=251_000)) == 10
    assert busy_seconds(steady_lane(1, seconds=60)) == 0, "what nobody measured leaves nothing out"


# --- statistics ----------------------------------------------------------------------------------


def test_single_outliers_do_not_move_the_estimate() -> None:
    ratios = np.full(40, 0.1)
    ratios[[3, 20]] = 9.0

    assert hodges_lehmann(ratios) == pytest.approx(0.1)


def test_neighbours_that_resemble_each_other_count_less() -> None:
    values = np.random.default_rng(1).normal(0.05, 0.1, 64)
    alone, alike = estimate(values), estimate(np.sort(values))

    assert alike.high - alike.low > alone.high - alone.low
    chances = [chance_beyond(values, found, 0.0) for found in (alone, alike)]
    assert chances[0] < chances[1]


def test_chances_are_corrected_for_how_many_there_are_and_keep_their_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.04, 0.9]) == pytest.approx([0.08, 0.9])
    assert holm([]) == []


def test_the_same_measurements_give_the_same_interval() -> None:
    ratios = np.random.default_rng(1).normal(0.1, 0.2, 50)

    assert estimate(ratios) == estimate(ratios.copy())


def test_no_difference_at_all_is_no_change() -> None:
    found = estimate(np.zeros(20))

    assert found == (0.0, 0.0, 0.0, 1.0)
    assert chance_beyond(np.zeros(20), found, 0.0) == 1.0
    assert chance_beyond(np.zeros(20), found, 0.05) == 1.0


# --- what can be compared ------------------------------------------------------------------------


def test_runs_of_one_plan_at_different_places_can_be_compared() -> None:
    require_comparable(burst(), burst(memory_budget="2GiB", max_open_runs=3))


def test_runs_of_different_workloads_are_refused_with_every_value_that_differs() -> None:
    other = burst(of={"seed": 8, "keys": {"count": 3, "skew": "0"}})

    with pytest.raises(LanesDiffer) as refused:
        require_comparable(burst(), other)

    assert [finding.partition(":")[0] for finding in refused.value.findings] == [
        "workload.keys.count",
        "workload.keys.skew",
        "workload.seed",
    ]


def test_runs_of_different_profiles_are_refused() -> None:
    with pytest.raises(LanesDiffer, match="profile: tiny and large"):
        require_comparable(burst(), burst().model_copy(update={"profile": "large"}))
