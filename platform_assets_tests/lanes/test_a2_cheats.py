"""A2 of issue 6: each way to make a lane look better than it was is caught.

Whoever cheats has the home's signing key and does what the lane does, signing what is false: then the
verdict itself is not PASS. Or evidence is changed after it was signed: then it does not verify.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.flow.signing import Statement, Subject, sign_statement
from platform_assets.lanes.pin import JUDGING, make_pin, open_pin
from platform_assets.lanes.verdict import MOST_SLIP
from platform_assets.pipeline import Platform
from platform_assets_tests.lanes.measurements import (
    intervals_of,
    threshold,
    with_histograms,
    with_series,
)
from platform_assets_tests.lanes.small_lane import (
    LANE_RUN,
    PINNED_AT,
    Homes,
    SmallLane,
    all_findings,
    ledger_of,
    plan_of_shop,
    sealed_and_verified,
    small_lane,
    unmet,
    verdicts,
)
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from pathlib import Path


LOOSER = {"lag": threshold("lag", "max", at_most=10**9)}


def test_a_lane_that_went_well_passes(lane: SmallLane) -> None:
    judged = lane.write().judge()
    assert (judged.verdict, unmet(judged)) == ("PASS", [])
    assert lane.seal(judged).verify().ok


# --- the plan is edited after it was pinned ------------------------------------------------------


def test_a_plan_that_is_edited_in_the_pin_does_not_verify(lane: SmallLane) -> None:
    path = lane.write().seal().folder / "pin.json"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    found = all_findings(lane.verify())
    assert "pin.json: CertificateInvalid" in found or "pin.json: SignatureInvalid" in found


def test_a_plan_that_is_pinned_again_has_other_events(lane: SmallLane) -> None:
    """The signed pin is exchanged for one with looser thresholds; the events were made before."""
    lane.write()
    homes, looser = lane.homes, plan_of_shop(LOOSER)
    lane.pin = make_pin(looser, LANE_RUN, homes.in_use, homes.lane, PINNED_AT)
    (lane.folder / "pin.json").chmod(0o644)
    (lane.folder / "pin.json").write_bytes(lane.pin.bytes)
    judged = sealed_and_verified(lane)
    assert judged.verdict == "FAIL"
    assert {"FilesWellFormed", "PinnedBeforeFirstEvent", "LedgersComplete"} <= set(unmet(judged))


def test_a_verdict_on_another_plan_than_the_pinned_one_does_not_verify(lane: SmallLane) -> None:
    """The lane is judged by looser thresholds than those in its pin."""
    lane.measured = with_series(
        lane.measured, "lag", [s._replace(value=10**6) for s in lane.measured.series["lag"]]
    )
    lane.write()
    pinned = lane.pin
    lane.pin = replace(pinned, plan=plan_of_shop(LOOSER))
    judged = lane.judge()
    assert judged.verdict == "PASS"
    lane.seal(judged)
    found = all_findings(lane.verify())
    assert "lane.json thresholds lag: says" in found
    assert "the verdict is PASS, it follows FAIL" in found


def test_the_pin_of_another_lane_run_does_not_verify(lane: SmallLane, tmp_path: Path) -> None:
    other = small_lane(lane.homes, tmp_path / "other")
    lane.write().seal()
    (lane.folder / "pin.json").unlink()
    shutil.copy(other.folder / "pin.json", lane.folder / "pin.json")
    assert "lane.json: is about the pin" in all_findings(lane.verify())


# --- samples are left out ------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0, 1, 8])
def test_a_series_that_is_cut_before_judging_gives_no_data(left: int, lane: SmallLane) -> None:
    lane.measured = with_series(lane.measured, "lag", lane.measured.series["lag"][:left])
    judged = sealed_and_verified(lane.write())
    assert (judged.verdict, verdicts(judged)["lag"]) == ("NO_DATA", "NO_DATA")


def test_a_series_that_is_cut_after_signing_does_not_verify(lane: SmallLane) -> None:
    path = lane.write().seal().folder / "samples.ndjson"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-20]))
    found = all_findings(lane.verify())
    assert "samples.ndjson: expected" in found
    assert "the verdict is PASS, it follows" in found


@pytest.mark.parametrize("metric", ["latency", "slip", "acknowledgement"])
def test_histograms_that_are_left_out_give_no_data(metric: str, lane: SmallLane) -> None:
    lane.plan = plan_of_shop({"it": threshold(metric, "p50", at_most=100)})
    lane = small_lane(lane.homes, lane.folder.parent / "planned", lane.plan)
    intervals = lane.measured.histograms[metric]
    lane.measured = with_histograms(lane.measured, metric, intervals[:-1])
    judged = sealed_and_verified(lane.write())
    assert (judged.verdict, verdicts(judged)) == ("NO_DATA", {"it": "NO_DATA"})


def test_a_file_of_histograms_that_is_removed_gives_no_data(lane: SmallLane) -> None:
    (lane.write().folder / "histograms" / "latency.ndjson").unlink()
    assert verdicts(sealed_and_verified(lane))["latency"] == "NO_DATA"


@pytest.mark.parametrize("metric", ["step_duration", "step_memory", "spilled"])
def test_what_is_told_of_each_run_is_told_of_every_closed_run(
    metric: str, lane: SmallLane, tmp_path: Path
) -> None:
    plan = plan_of_shop({"it": threshold(metric, "max", at_most=100)})
    for left, verdict in ((2, "PASS"), (1, "NO_DATA")):
        each = small_lane(lane.homes, tmp_path / str(left), plan)
        each.measured = with_series(each.measured, metric, each.measured.series[metric][:left])
        assert each.write().judge().verdict == verdict


@pytest.mark.parametrize("name", ["samples.ndjson", "histograms/acknowledgement.ndjson"])
def test_a_malformed_line_fails_the_lane_and_is_a_finding(name: str, lane: SmallLane) -> None:
    lane.write()
    path = lane.folder / name
    lines = path.read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b":", b": ", 1)
    path.write_bytes(b"".join(lines))
    judged = lane.judge()
    assert (judged.verdict, unmet(judged)) == ("FAIL", ["FilesWellFormed"])
    assert f"{name}:8" in all_findings(lane.seal(judged).verify())


# --- a generator that slows down with the system -------------------------------------------------


def test_a_generator_that_slows_down_leaves_no_data(lane: SmallLane) -> None:
    slow = intervals_of(lane.plan, MOST_SLIP * 2)
    lane.measured = with_histograms(lane.measured, "slip", slow)
    judged = sealed_and_verified(lane.write())
    assert judged.verdict == "NO_DATA"
    assert {name for name, verdict in verdicts(judged).items() if verdict == "NO_DATA"} == {
        "slip",
        "lag",
        "latency",
        "durations",
    }


def test_a_generator_that_sent_less_than_planned_leaves_no_data(lane: SmallLane) -> None:
    """What it did not send is in its own ledger, and nothing is told of its slip."""
    lane.ledgers[1] = ledger_of(1, lane.pin.prefix, sent=15, acknowledged=15)
    shorter = with_histograms(lane.measured, "slip", lane.measured.histograms["slip"][:-2])
    lane.measured = shorter
    judged = sealed_and_verified(lane.write())
    assert verdicts(judged)["latency"] == "NO_DATA"
    assert unmet(judged) == ["EventsAccounted"], "the runs hold more than it says it sent"


# --- a metric that was never sampled -------------------------------------------------------------


def test_a_threshold_on_what_was_never_sampled_gives_no_data(lane: SmallLane) -> None:
    plan = plan_of_shop({"it": threshold("largest_window", "max", at_most=100)})
    never = small_lane(lane.homes, lane.folder.parent / "never", plan)
    series = {m: s for m, s in never.measured.series.items() if m != "largest_window"}
    never.measured = replace(never.measured, series=series)
    assert sealed_and_verified(never.write()).verdict == "NO_DATA"


# --- a check is removed for the lane -------------------------------------------------------------


def test_a_check_that_is_removed_for_the_lane_is_seen(homes: Homes, tmp_path: Path) -> None:
    """The home in use declares one check more than the lane's runs were certified with."""
    stricter = shutil.copytree(homes.in_use.home, tmp_path / "stricter")
    redeclare(stricter, _one_check_more)
    in_use = Platform.open(stricter)
    lane = small_lane(replace(homes, in_use=in_use), tmp_path / "evidence")
    judged = sealed_and_verified(lane.write())
    assert (judged.verdict, unmet(judged)) == ("FAIL", ["ChecksAsDeclared"])
    detail = next(r.detail for r in judged.requirements if r.name == "ChecksAsDeclared")
    assert "shop-00000001: orders has the policy" in detail


def _one_check_more(feed: dict[str, Any]) -> None:
    feed["products"]["orders"]["checks"].append({"check": "not_null", "columns": ["customer"]})


def test_another_configuration_than_the_pinned_one_is_seen(lane: SmallLane) -> None:
    record = {**lane.pin.record, "config_digest": "sha256:" + "0" * 64}
    statement = Statement(
        "urn:platform-assets:lane-pin:v1", (Subject("plan", lane.plan.digest),), record
    )
    lane.pin = open_pin(
        sign_statement(lane.homes.in_use.signer, statement), lane.homes.in_use.trust
    )
    lane.ledgers = [ledger_of(process, lane.pin.prefix) for process in range(2)]
    assert unmet(lane.write().judge()) == ["ChecksAsDeclared"]


# --- pinned too late, or judged by other code ----------------------------------------------------


@pytest.mark.parametrize("late", [timedelta(microseconds=100), timedelta(hours=1)])
def test_a_plan_that_is_pinned_after_its_first_event_is_void(
    late: timedelta, lane: SmallLane
) -> None:
    """The first process sent its first event 100 microseconds after the load began."""
    lane.begun_at = PINNED_AT - late
    judged = sealed_and_verified(lane.write())
    assert (judged.verdict, unmet(judged)) == ("FAIL", ["PinnedBeforeFirstEvent"])
    detail = next(r.detail for r in judged.requirements if not r.satisfied)
    assert detail.startswith("void: pinned at 2026-01-06T12:00:00.000000Z, first event at ")


def test_a_plan_that_is_pinned_just_before_its_first_event_counts(lane: SmallLane) -> None:
    lane.begun_at = PINNED_AT - timedelta(microseconds=99)
    assert unmet(lane.write().judge()) == []


def test_a_lane_that_says_nowhere_when_it_sent_is_void(lane: SmallLane) -> None:
    lane.ledgers = [
        ledger_of(n, lane.pin.prefix, first_sent_us=None, last_sent_us=None) for n in range(2)
    ]
    assert unmet(lane.write().judge()) == ["PinnedBeforeFirstEvent"]


def test_a_lane_that_is_judged_by_other_code_is_void(lane: SmallLane) -> None:
    judged = lane.write().judge(revision="another")
    assert (judged.verdict, unmet(judged)) == ("FAIL", ["JudgedByPinnedCode"])
    result = lane.seal(judged).verify()
    assert (result.facts["verdict"], all_findings(result)) == ("FAIL", "")


def test_a_lane_that_is_judged_by_edited_sources_is_void(
    lane: SmallLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sources on disk are others than those that the pin names."""
    lane.write()
    edited = "sha256:" + "1" * 64
    monkeypatch.setattr("platform_assets.lanes.judging.judge_digest", lambda: edited)
    judged = lane.judge()
    assert (judged.verdict, unmet(judged)) == ("FAIL", ["JudgedByPinnedCode"])


def test_the_sources_that_the_pin_names_are_those_that_judge() -> None:
    program = (
        "import json, sys, platform_assets.lanes.judging; print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    package = "platform_assets.lanes."
    loaded = {m.removeprefix(package) for m in json.loads(done.stdout) if m.startswith(package)}
    assert loaded - {"feed"} == set(JUDGING)
