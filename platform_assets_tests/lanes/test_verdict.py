"""The verdict of a lane, and that what is not measured never passes."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_assets.lanes.measured import Sample
from platform_assets.lanes.metrics import METRICS
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.verdict import MOST_SLIP, Judged, Verdict, judge
from platform_assets_tests.lanes.measurements import (
    interval,
    intervals_of,
    measured_well,
    plan_with,
    threshold,
    with_histograms,
    with_series,
)

if TYPE_CHECKING:
    from platform_assets.lanes.measured import Measured
    from platform_assets.lanes.plan import LanePlan

PLAN = plan_with({"lag": threshold("lag", "max", at_most=100)})
WELL = measured_well(PLAN)
ALL_TIME = range(PLAN.workload.seconds + 4)


def judged(measured: Measured, **of: Any) -> Judged:
    """Judge one threshold, in microseconds, bytes and so on."""
    metric, statistic = of.pop("metric", "lag"), of.pop("statistic", "max")
    limit = {} if "at_least" in of else {"at_most": 100}
    plan = plan_with({"it": threshold(metric, statistic, **{**limit, **of})})
    return judge(plan, measured).thresholds[0]


def gauge(values: dict[int, int], usual: int = 100, label: str = "") -> list[Sample]:
    return [Sample(at * SECOND, label, values.get(at, usual)) for at in ALL_TIME]


@pytest.mark.parametrize("metric", METRICS)
def test_what_keeps_to_its_limit_passes_and_what_does_not_fails(metric: str) -> None:
    assert judged(WELL, metric=metric).verdict == "PASS"
    assert judged(WELL, metric=metric, at_most=99).verdict == "FAIL"
    assert judged(WELL, metric=metric, at_least=100).verdict == "PASS"
    assert judged(WELL, metric=metric, at_least=101).verdict == "FAIL"


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_that_was_never_sampled_gives_no_data(metric: str) -> None:
    bare = replace(
        WELL,
        series={m: s for m, s in WELL.series.items() if m != metric},
        histograms={m: i for m, i in WELL.histograms.items() if m != metric},
    )
    found = judged(bare, metric=metric)
    assert (found.verdict, found.value) == ("NO_DATA", None)
    if metric != "slip":
        assert found.reason == "it was never sampled"


def test_a_label_that_was_never_sampled_gives_no_data() -> None:
    assert judged(WELL, metric="recovery", label="thing 3").verdict == "PASS"
    assert judged(WELL, metric="recovery", label="kill_broker").verdict == "NO_DATA"


# --- truncated, thinned out, incomplete ----------------------------------------------------------


@pytest.mark.parametrize("left", [0, 1, 20, len(ALL_TIME) - 6])
def test_a_series_that_was_cut_off_gives_no_data(left: int) -> None:
    cut = with_series(WELL, "lag", WELL.series["lag"][:left])
    assert judged(cut).verdict == "NO_DATA"
    beheaded = with_series(WELL, "lag", WELL.series["lag"][len(ALL_TIME) - left :])
    assert judged(beheaded).verdict == "NO_DATA"


@pytest.mark.parametrize("first", [0, 50, 194])
def test_a_hole_of_more_than_five_seconds_gives_no_data(first: int) -> None:
    long = replace(WELL, phases={"baseline": (0, 200 * SECOND)})
    whole = [Sample(at * SECOND, "", 1) for at in range(200)]
    for missing, verdict in ((4, "PASS"), (6, "NO_DATA")):
        hole = range(first, first + missing)
        holed = [sample for sample in whole if sample.at // SECOND not in hole]
        assert judged(with_series(long, "lag", holed)).verdict == verdict, missing


def test_a_short_phase_without_a_sample_gives_no_data() -> None:
    drain = WELL.phases["drain"][0]
    without = with_series(WELL, "lag", [s for s in WELL.series["lag"] if s.at < drain])
    assert judged(without, phases=["drain"]).verdict == "NO_DATA"


def test_a_series_that_was_thinned_out_gives_no_data() -> None:
    every_second_one = with_series(WELL, "lag", WELL.series["lag"][::2])
    found = judged(every_second_one)
    assert found.verdict == "NO_DATA"
    assert "% of the time" in found.reason


def test_a_sampler_that_is_late_by_some_milliseconds_covers_the_time() -> None:
    late = [Sample(at * SECOND + 300_000 * (at % 2), "", 1) for at in ALL_TIME]
    assert judged(with_series(WELL, "lag", late)).verdict == "PASS"


def test_only_the_phases_that_are_asked_about_have_to_be_covered() -> None:
    baseline = WELL.phases["baseline"]
    within = [s for s in WELL.series["lag"] if baseline[0] <= s.at < baseline[1]]
    part = with_series(WELL, "lag", within)
    assert judged(part, phases=["baseline"]).verdict == "PASS"
    assert judged(part, phases=["spike"]).verdict == "NO_DATA"
    assert judged(part).verdict == "NO_DATA"


def test_a_phase_that_was_over_at_once_gives_no_data() -> None:
    end = WELL.phases["drain"][0]
    at_once = replace(WELL, phases={**WELL.phases, "drain": (end, end)})
    assert judged(at_once, phases=["drain"]).verdict == "NO_DATA"
    assert judged(at_once, phases=["return", "drain"]).verdict == "PASS"
    assert judged(at_once, metric="latency", phases=["drain"]).verdict == "NO_DATA"


@pytest.mark.parametrize("metric", ["run_duration", "latency"])
def test_fewer_samples_than_there_have_to_be_give_no_data(metric: str) -> None:
    there = 10 if metric == "run_duration" else PLAN.workload.events
    assert judged(replace(WELL, expected={metric: there}), metric=metric).verdict == "PASS"
    found = judged(replace(WELL, expected={metric: there + 1}), metric=metric)
    assert (found.verdict, found.reason) == ("NO_DATA", f"{there} of {there + 1} samples")


def test_fewer_samples_of_a_label_than_there_have_to_be_give_no_data() -> None:
    asked = {"metric": "recovery", "label": "thing 1"}
    assert judged(replace(WELL, expected={"recovery/thing 1": 1}), **asked).verdict == "PASS"
    assert judged(replace(WELL, expected={"recovery/thing 1": 2}), **asked).verdict == "NO_DATA"


def test_too_few_points_give_no_slope() -> None:
    few = with_series(WELL, "run_duration", WELL.series["run_duration"][-4:])
    found = judged(few, metric="run_duration", statistic="slope")
    assert (found.verdict, found.reason) == ("NO_DATA", "4 points; a slope needs 5")


def test_histograms_that_were_cut_off_give_no_data() -> None:
    expected = replace(WELL, expected={"latency": PLAN.workload.events})
    cut = with_histograms(expected, "latency", WELL.histograms["latency"][:-1])
    assert judged(cut, metric="latency", phases=["spike"]).verdict == "NO_DATA"
    assert judged(expected, metric="latency", phases=["spike"]).verdict == "PASS"


# --- a generator that slows down with the system -------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_a_generator_that_did_not_send_every_event_leaves_no_data(metric: str) -> None:
    slowed = with_histograms(WELL, "slip", WELL.histograms["slip"][:-1])
    unaffected = METRICS[metric].dimension not in {"time", "rate"}
    assert judged(slowed, metric=metric).verdict == ("PASS" if unaffected else "NO_DATA")


@pytest.mark.parametrize("metric", ["latency", "acknowledged", "lag", "drain", "slip"])
def test_a_generator_that_sent_late_leaves_no_data(metric: str) -> None:
    on_time = with_histograms(WELL, "slip", intervals_of(PLAN, MOST_SLIP * 99 // 100))
    assert judged(on_time, metric=metric, at_most=10**9).verdict == "PASS"
    late = with_histograms(WELL, "slip", intervals_of(PLAN, MOST_SLIP * 101 // 100))
    found = judged(late, metric=metric, at_most=10**9)
    assert (found.verdict, found.value) == ("NO_DATA", None)
    assert found.reason.startswith("the load was not as planned")


def test_one_in_a_thousand_that_was_sent_late_is_enough() -> None:
    slip = intervals_of(PLAN, 100)
    within = [interval(slip[0].begin, [100] * 999 + [MOST_SLIP * 2])]
    beyond = [interval(slip[0].begin, [100] * 998 + [MOST_SLIP * 2] * 2)]
    for intervals, verdict in ((within, "PASS"), (beyond, "NO_DATA")):
        workload = PLAN.record()["workload"]
        workload["phases"] = [{"name": "spike", "seconds": 1, "rate": 1000}]
        plan = plan_with({"it": threshold("drain", "max", at_most=100)}, workload=workload)
        assert judge(plan, with_histograms(WELL, "slip", intervals)).verdict == verdict


def test_windows_of_a_probe_have_no_schedule() -> None:
    windows = {"processes": 1, "phases": [{"name": "spike", "seconds": 1, "rate": 3}]}
    plan = plan_with(
        {"it": threshold("run_duration", "max", at_most=100)},
        lane="probe",
        workload=PLAN.record()["workload"] | windows,
        doubling={
            "first": 1,
            "at_most": 2,
            "window_seconds": 1,
            "memory_limit": 1,
            "spill_limit": 1,
        },
    )
    assert judge(plan, replace(WELL, histograms={})).verdict == "PASS"


# --- what is computed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("min", 1),
        ("max", 1000),
        ("mean", 501),  # 500.5
        ("sum", 500_500),
        ("last", 1),
        ("p50", 500),
        ("p95", 950),
        ("p99", 990),
        ("p99_9", 999),
    ],
)
def test_statistics_of_a_thousand_values(statistic: str, value: int) -> None:
    samples = [Sample(at, "", 1000 - at) for at in range(1000)]
    of = with_series(WELL, "run_events", samples)
    assert judged(of, metric="run_events", statistic=statistic).value == value


def test_a_mean_is_rounded_against_whoever_wants_to_pass() -> None:
    samples = with_series(WELL, "errors", [Sample(at, "", at // 9) for at in range(10)])
    assert judged(samples, metric="errors", statistic="mean", at_most=0).verdict == "FAIL"
    assert judged(samples, metric="errors", statistic="mean", at_least=1).verdict == "FAIL"


def test_a_gauge_of_several_labels_is_their_sum_and_of_times_the_largest() -> None:
    for metric, value in (("memory", 150), ("lag", 100)):
        both = [*gauge({}, 100, "worker"), *gauge({}, 50, "daemon")]
        of = with_series(WELL, metric, both)
        assert judged(of, metric=metric).value == value
        assert judged(of, metric=metric, label="daemon").value == 50


def test_a_gauge_one_label_of_which_was_cut_off_gives_no_data() -> None:
    both = [*gauge({}, 100, "worker"), *gauge({}, 50, "daemon")[:20]]
    assert judged(with_series(WELL, "memory", both), metric="memory").verdict == "NO_DATA"


def test_a_slope_is_per_hour_and_leaves_out_the_warm_up_and_the_drain() -> None:
    steady = [at for at in ALL_TIME if 5 <= at < PLAN.workload.seconds]
    rising = gauge({at: 1000 + 3 * at for at in steady}, usual=0)
    of = with_series(WELL, "memory", rising)
    found = judged(of, metric="memory", statistic="slope", at_most=3 * 3600)
    assert (found.value, found.verdict) == (10_800, "PASS")
    assert found.samples == len(steady)
    assert judged(of, metric="memory", statistic="slope", at_most=10_799).verdict == "FAIL"


def test_a_slope_of_latencies_is_that_of_their_medians() -> None:
    rising = [interval(at * SECOND, [at * 1000, at * 1000, 10**9]) for at in range(38)]
    found = judged(
        with_histograms(WELL, "latency", rising), metric="latency", statistic="slope", at_most=1
    )
    assert found.verdict == "FAIL"
    assert found.value == pytest.approx(1000 * 3600, rel=0.01)


def test_a_limit_is_converted_exactly() -> None:
    found = judged(WELL, metric="quarantined", unit="%", at_most="0.01")
    assert (found.verdict, found.threshold.limit) == ("PASS", Decimal(100))
    assert judged(WELL, metric="quarantined", unit="%", at_most="0.0099").verdict == "FAIL"


# --- the whole -----------------------------------------------------------------------------------

PASSES = threshold("lag", "max", at_most=100)
FAILS = threshold("memory", "max", at_most=99)
NO_DATA = threshold("recovery", "max", at_most=100, label="never")


@pytest.mark.parametrize(
    ("thresholds", "verdict"),
    [
        ([PASSES], Verdict.PASS),
        ([PASSES, NO_DATA], Verdict.NO_DATA),
        ([NO_DATA, FAILS, PASSES], Verdict.FAIL),
    ],
)
def test_a_lane_is_as_bad_as_its_worst_threshold(thresholds: list[Any], verdict: Verdict) -> None:
    found = judge(plan_with({f"t{n}": t for n, t in enumerate(thresholds)}), WELL)
    assert found.verdict == verdict


def test_every_threshold_that_does_not_pass_is_reported() -> None:
    found = judge(plan_with({"a": FAILS, "b": PASSES, "c": NO_DATA, "d": FAILS}), WELL)
    assert [each.name for each in found.failing] == ["a", "c", "d"]


def test_a_judgement_holds_no_float_and_says_what_was_asked() -> None:
    plan = plan_with({"a": {**FAILS, "unit": "KiB", "at_most": "0.05", "phases": ["spike"]}})
    said = judge(plan, WELL).thresholds[0].as_json()
    assert json.loads(json.dumps(said), parse_float=pytest.fail) == {
        "name": "a",
        "metric": "memory",
        "statistic": "max",
        "unit": "KiB",
        "phases": ["spike"],
        "label": None,
        "at_most": True,
        "limit": "51.2",
        "value": 100,
        "samples": 8,
        "verdict": "FAIL",
        "reason": "",
    }


# --- properties ----------------------------------------------------------------------------------

#: What a test may take depends on who else uses the machine.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
VALUES = st.lists(st.integers(0, 1000), min_size=len(ALL_TIME), max_size=len(ALL_TIME))
STATISTICS = ["max", "min", "mean", "p50", "p95", "p99", "p99_9"]


def _plans(metric: str) -> list[LanePlan]:
    limits = [{"at_most": 500}, {"at_least": 500}]
    return [
        plan_with({f"s{n}": threshold(metric, s, **limit) for n, s in enumerate(STATISTICS)})
        for limit in limits
    ]


@PATIENT
@given(values=VALUES, seed=st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(values: list[int], seed: Any) -> None:
    samples = [Sample(at * SECOND, label, v) for at, v in enumerate(values) for label in "ab"]
    shuffled = list(samples)
    seed.shuffle(shuffled)
    for plan in (*_plans("memory"), plan_with({"s": threshold("memory", "slope", at_most=1)})):
        before, after = (with_series(WELL, "memory", s) for s in (samples, shuffled))
        assert judge(plan, before) == judge(plan, after)


@pytest.mark.parametrize("metric", ["memory", "run_events"])
@PATIENT
@given(values=VALUES, more=st.integers(0, len(ALL_TIME) * SECOND - 1))
def test_a_worse_sample_never_makes_a_failure_pass(
    metric: str, values: list[int], more: int
) -> None:
    samples = [Sample(at * SECOND, "", v) for at, v in enumerate(values)]
    for plan, worst in zip(_plans(metric), (max(values), min(values)), strict=True):
        before = judge(plan, with_series(WELL, metric, samples))
        worse = [*(s for s in samples if s.at != more), Sample(more, "", worst)]
        after = judge(plan, with_series(WELL, metric, worse))
        for one, other in zip(before.thresholds, after.thresholds, strict=True):
            assert not (one.verdict == "FAIL" and other.verdict == "PASS"), (one, other)


@PATIENT
@given(left=st.sets(st.integers(0, len(ALL_TIME) - 1)))
def test_leaving_samples_out_never_makes_a_failure_pass_where_all_were_as_bad(
    left: set[int],
) -> None:
    samples = [sample for at, sample in enumerate(gauge({}, usual=600)) if at in left]
    for judged_one in judge(_plans("memory")[0], with_series(WELL, "memory", samples)).thresholds:
        assert judged_one.verdict in {"FAIL", "NO_DATA"}
