"""Outages in Dagster: ticks that fail, steps that try again, windows that are asked for again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from platform_assets.errors import (
    CertificateFailed,
    ClaimHeld,
    PlatformError,
    RunFailed,
    SourceChanged,
    SourceUnreachable,
)
from platform_assets.identifiers import RunId
from platform_assets.orchestration import (
    failures,
    patience,
    requests,
    run_feed_in_dagster,
    sensors,
)
from platform_assets.orchestration.failures import errors_fail_the_tick, refusals_fail_the_step
from platform_assets.orchestration.names import FeedNames
from platform_assets.orchestration.requests import Asked, history_of
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform, pin, runs
from platform_assets.pipeline.backpressure import Turn, take_turn
from platform_assets.pipeline.state import is_closed
from platform_assets_tests.orchestration.dagster_steps import execute, refusals
from platform_assets_tests.orchestration.shop_home import append, good_window, order

if TYPE_CHECKING:
    from pathlib import Path

NAMES = FeedNames("shop")
RUN = RunId("shop", 1)
R1 = str(RUN)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "OUTAGE_WAIT_SECONDS", 0)


def tick(home: Path, instance: dg.DagsterInstance) -> dg.SensorResult:
    resources = {"platform": PlatformResource(home=str(home))}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        sensor = sensors.offsets_sensor(NAMES, Platform.open(home).feed("shop"))
        answer = sensor(context)
    assert isinstance(answer, dg.SensorResult)
    return answer


def keys(answer: dg.SensorResult) -> list[str | None]:
    return [request.run_key for request in answer.run_requests or []]


def break_the_log(home: Path) -> None:
    (home / "data").rename(home / "gone")


def mend_the_log(home: Path) -> None:
    (home / "gone").rename(home / "data")


# --- ticks ---------------------------------------------------------------------------------------


def test_an_outage_fails_the_tick_pins_nothing_and_the_next_tick_recovers(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    break_the_log(home)
    with pytest.raises(SourceUnreachable) as raised:
        tick(home, instance)
    assert raised.value.remedy in str(raised.value)
    assert runs(Platform.open(home), "shop") == []
    mend_the_log(home)
    assert keys(tick(home, instance)) == [R1]


def test_a_source_that_is_another_fails_the_tick_and_pins_nothing(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    run_feed_in_dagster(home, "shop")
    (home / "data/events/0").rename(home / "data/events/1")
    with pytest.raises(SourceChanged):
        tick(home, instance)
    assert runs(Platform.open(home), "shop") == [RUN]


def test_an_outage_fails_the_hourly_schedule_too(home: Path, instance: dg.DagsterInstance) -> None:
    break_the_log(home)
    resources = {"platform": PlatformResource(home=str(home))}
    with (
        dg.build_schedule_context(instance=instance, resources=resources) as context,
        pytest.raises(SourceUnreachable),
    ):
        sensors.catch_up_schedule(NAMES)(context)
    assert runs(Platform.open(home), "shop") == []


def test_a_source_that_does_not_answer_fails_the_tick_before_dagster_gives_up(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(home, good_window(1))
    assert patience.patience() < 60  # Dagster's own patience with a tick
    monkeypatch.setattr(patience, "SHARE", 0.01)
    over = threading.Event()

    def silent(platform: Platform, feed: str) -> Turn:
        over.wait(60)
        return take_turn(platform, feed)

    monkeypatch.setattr(sensors, "take_turn", silent)
    with pytest.raises(SourceUnreachable, match=r"an answer within 0\.6 s"):
        tick(home, instance)
    assert runs(Platform.open(home), "shop") == []
    over.set()


def test_an_act_that_times_out_by_itself_is_not_taken_for_a_tick_that_did() -> None:
    def impatient() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        patience.within_the_tick("it", impatient)


def quote_a_secret() -> None:
    with errors_fail_the_tick(frozenset({"tok-8f2a"})):
        try:
            int("tok-8f2a")
        except ValueError as cause:
            raise SourceUnreachable(
                "it", expected="an answer", found=str(cause), remedy="Wait."
            ) from cause


def test_what_fails_a_tick_is_our_error_but_for_secrets() -> None:
    with pytest.raises(
        SourceUnreachable, match=r"found invalid .*'\[withheld\]'\. Wait\."
    ) as raised:
        quote_a_secret()
    # Dagster would keep both as well
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


# --- steps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "retried"), [(CertificateFailed, False), (SourceUnreachable, True), (ClaimHeld, True)]
)
def test_a_refusal_is_a_failure_with_its_fields_that_only_an_outage_may_retry(
    kind: type[PlatformError], retried: bool
) -> None:
    with pytest.raises((dg.Failure, dg.RetryRequested)) as raised:
        fail(kind, frozenset())
    assert isinstance(raised.value, dg.RetryRequested) is retried
    failure: Any = raised.value.__cause__ if retried else raised.value
    assert failure.allow_retries is retried
    assert {key: value.value for key, value in failure.metadata.items()} == {
        "code": kind.__name__,
        "thing": "it",
        "expected": "this",
        "found": "that",
        "remedy": "Do so.",
    }


@pytest.mark.parametrize("kind", [CertificateFailed, SourceUnreachable])
def test_where_there_are_secrets_the_error_itself_is_not_handed_to_dagster(
    kind: type[PlatformError],
) -> None:
    with pytest.raises((dg.Failure, dg.RetryRequested)) as raised:
        fail(kind, frozenset({"that"}))
    error: BaseException | None = raised.value
    while error is not None:
        assert "that" not in str(error)
        assert not isinstance(error, PlatformError)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def fail(kind: type[PlatformError], secrets: frozenset[str]) -> None:
    with refusals_fail_the_step(secrets):
        raise kind("it", expected="this", found="that", remedy="Do so.")


def attempts(result: dg.ExecuteInProcessResult, step: str) -> int:
    started = [e for e in result.all_events if e.is_step_start or e.is_step_restarted]
    return sum(event.step_key == step for event in started)


def test_a_step_tries_again_after_an_outage_and_goes_on_when_it_is_over(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(home, good_window(1))
    pin(Platform.open(home), "shop")
    break_the_log(home)
    begun = []
    begin = failures.refusals_fail_the_step

    def mending(secrets: frozenset[str]) -> Any:
        begun.append(secrets)
        if len(begun) == 3:  # the anchors' step, the landing's, and the landing's again
            mend_the_log(home)
        return begin(secrets)

    from platform_assets.orchestration import assets  # noqa: PLC0415

    monkeypatch.setattr(assets, "refusals_fail_the_step", mending)
    result = execute(home, instance, R1)
    assert result.success
    assert attempts(result, "shop__events_landing") == 2
    assert is_closed(Platform.open(home), RUN)


def test_an_outage_that_lasts_fails_the_step_after_the_declared_number_of_tries(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    pin(Platform.open(home), "shop")
    break_the_log(home)
    result = execute(home, instance, R1)
    assert refusals(result) == {"shop__events_landing": "SourceUnreachable"}
    assert attempts(result, "shop__events_landing") == 1 + failures.OUTAGE_RETRIES


def test_a_refusal_is_not_tried_again(home: Path, instance: dg.DagsterInstance) -> None:
    append(home, good_window(1))
    pin(Platform.open(home), "shop")
    result = execute(home, instance, R1, "totals")
    assert refusals(result) == {"shop__totals": "ProductMissing"}
    assert attempts(result, "shop__totals") == 1


def test_an_outage_in_a_step_is_an_outage_to_who_ran_the_feed(home: Path) -> None:
    append(home, good_window(1))
    pin(Platform.open(home), "shop")
    break_the_log(home)
    with pytest.raises(SourceUnreachable) as raised:
        run_feed_in_dagster(home, "shop")
    assert raised.value.exit_code == 3
    assert raised.value.thing == "file log events"
    mend_the_log(home)
    assert run_feed_in_dagster(home, "shop") == [RUN]


def test_an_outage_beside_a_refusal_is_a_refusal(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(home, [*good_window(1), order(9, cents=0)])
    from platform_assets.orchestration import assets  # noqa: PLC0415

    def unreachable(platform: Platform, run: RunId, product: str) -> Any:
        if product == "visits":
            raise SourceUnreachable("it", expected="this", found="that", remedy="Wait.")
        return build(platform, run, product)

    build = assets.build
    monkeypatch.setattr(assets, "build", unreachable)
    with pytest.raises(RunFailed, match="range_cents"):
        run_feed_in_dagster(home, "shop")


# --- windows that are asked for again ------------------------------------------------------------


def test_a_window_whose_run_met_an_outage_is_asked_for_again_a_few_times(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    assert keys(tick(home, instance)) == [R1]
    for attempt in range(2, requests.TRIES + 1):
        break_the_log(home)
        assert not execute(home, instance, R1).success
        mend_the_log(home)
        assert keys(tick(home, instance)) == [f"{R1} try {attempt}"]
    break_the_log(home)
    assert not execute(home, instance, R1).success
    mend_the_log(home)
    last = tick(home, instance)
    assert keys(last) == []
    assert f"{R1} (interrupted by an outage, {requests.TRIES} times: SourceUnreachable)" in str(
        last.skip_reason
    )


def test_a_window_whose_run_goes_on_after_an_outage_is_closed_once(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    tick(home, instance)
    break_the_log(home)
    execute(home, instance, R1)
    mend_the_log(home)
    tick(home, instance)
    assert execute(home, instance, R1).success
    assert is_closed(Platform.open(home), RUN)
    assert keys(tick(home, instance)) == []


def test_a_window_whose_run_was_refused_waits_for_a_person(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    tick(home, instance)
    (home / "data/events/0").rename(home / "data/events/1")
    assert refusals(execute(home, instance, R1)) == {"shop__events_landing": "SourceChanged"}
    history = history_of(instance, NAMES, RUN)
    assert (history.asked, history.why) == (Asked.ENDED, "SourceChanged")
    (home / "data/events/1").rename(home / "data/events/0")
    waiting = tick(home, instance)
    assert keys(waiting) == []
    assert f"{R1} (failed: SourceChanged)" in str(waiting.skip_reason)


def test_a_window_whose_checks_failed_waits_for_a_person(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, [*good_window(1), order(9, cents=0)])
    tick(home, instance)
    assert not execute(home, instance, R1).success
    assert history_of(instance, NAMES, RUN).asked is Asked.ENDED
    assert keys(tick(home, instance)) == []


def test_a_window_that_is_under_way_is_not_asked_for(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    tick(home, instance)
    started = instance.create_run_for_job(
        dg.job(name="shop_run")(lambda: None), tags={"dagster/partition": R1}
    )
    under_way = tick(home, instance)
    assert keys(under_way) == []
    assert f"{R1} (under way)" in str(under_way.skip_reason)
    instance.report_run_failed(started)  # as the daemon does when the process is gone
    assert history_of(instance, NAMES, RUN).asked is Asked.INTERRUPTED
    assert keys(tick(home, instance)) == [f"{R1} try 2"]


def test_a_window_whose_run_a_person_cancelled_is_not_asked_for_again(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    tick(home, instance)
    started = instance.create_run_for_job(
        dg.job(name="shop_run")(lambda: None), tags={"dagster/partition": R1}
    )
    instance.report_run_canceled(started)
    cancelled = tick(home, instance)
    assert keys(cancelled) == []
    assert f"{R1} (failed: canceled)" in str(cancelled.skip_reason)
