"""The report of a lane says what its evidence says, with the verdict that was reached."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platform_assets.canonical import canonical_bytes
from platform_assets.lanes.evidence import seal_lane
from platform_assets.lanes.evidence_files import NOTES_FILE, MadeRun, StruckFault
from platform_assets.lanes.outcomes import notes_of, probe_of
from platform_assets.lanes.reporting import report_view
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.windows import Tried, Window, write_windows
from platform_assets.reports.lane_report import render_lane_report
from platform_assets_tests.lanes.measurements import threshold, with_series
from platform_assets_tests.lanes.probe_plans import probe
from platform_assets_tests.lanes.small_lane import (
    ENDED_AT,
    all_findings,
    plan_of_shop,
    small_lane,
)

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.reports.lane_model import LaneReport
    from platform_assets_tests.lanes.small_lane import Homes, SmallLane


def view_of(lane: SmallLane) -> LaneReport:
    keys = {
        lane.homes.in_use.signer.keyid: lane.homes.in_use.signer.development,
        lane.homes.lane.signer.keyid: True,
    }
    return report_view(lane.judge(), lane.files, ended_at=ENDED_AT, keys=keys)


def test_a_lane_that_went_well_is_reported_as_it_was_judged(lane: SmallLane) -> None:
    judged = lane.write().judge()
    view = view_of(lane)
    assert view.verdict == judged.verdict.value == "PASS"
    assert [(each.name, each.value, each.verdict) for each in view.thresholds] == [
        (each.name, each.value, each.verdict.value) for each in judged.judgement.thresholds
    ]
    assert [each.name for each in view.requirements] == [each.name for each in judged.requirements]
    assert (view.truth.planned, view.truth.acknowledged, view.truth.certified) == (40, 40, 40)
    assert (view.truth.lost, view.truth.doubled) == (0, 0)
    assert [(p.name, p.begin, p.rate) for p in view.phases] == [
        ("baseline", 0, 5),
        ("spike", 2 * SECOND, 3),
        ("drain", 12 * SECOND, None),
    ]
    assert view.begun_at == "2026-01-06T12:00:02.000000Z"
    assert view.pin.digest == lane.pin.digest
    assert view.sustained == pytest.approx(40 / 15)


def test_the_page_of_a_lane_can_be_sealed_with_its_evidence(lane: SmallLane) -> None:
    page = render_lane_report(view_of(lane.write()))
    assert render_lane_report(view_of(lane)) == page
    (lane.folder / "report.html").write_bytes(page)
    seal_lane(lane.folder, lane.judge(), lane.homes.in_use.signer, ended_at=ENDED_AT)
    assert all_findings(lane.verify()) == ""
    assert b"All 7 limits were kept" in page


def test_a_slope_without_phases_is_drawn_over_those_that_were_judged(lane: SmallLane) -> None:
    view = view_of(lane.write())
    phases = {each.name: each.phases for each in view.thresholds}
    assert phases["memory"] == ("spike",)
    assert phases["lag"] == ()


def test_a_run_whose_closure_does_not_verify_is_not_closed(lane: SmallLane) -> None:
    lane.runs[1] = replace(lane.runs[1], bundle_digest="sha256:" + "0" * 64)
    lane.runs.append(MadeRun("shop-00000003", 20 * SECOND))
    view = view_of(lane.write())
    assert [run.closed is not None for run in view.runs] == [True, False, False]
    assert view.verdict == "FAIL"
    assert {each.name for each in view.unmet} >= {"EveryRunClosed"}
    assert view.truth.closed == 20


def test_what_was_not_counted_is_unknown_and_not_zero(lane: SmallLane) -> None:
    lane.measured = with_series(lane.measured, "lost", [])
    view = view_of(lane.write())
    assert view.truth.lost is None
    assert view.truth.doubled == 0
    assert [each.name for each in view.judged("NO_DATA")] == ["lost"]


def test_samples_of_each_run_are_one_series_and_those_of_each_step_their_own(
    lane: SmallLane,
) -> None:
    view = view_of(lane.write())
    assert [series.label for series in view.samples("run_duration")] == [""]
    assert [value for _, value in view.samples("run_duration")[0].points] == [
        4 * SECOND,
        5 * SECOND,
    ]
    assert len(view.samples("step_duration")) == 10
    at = [moment for series in view.series for moment, _ in series.points]
    assert at
    assert all(list(s.points) == sorted(s.points) for s in view.series)


def test_only_the_key_of_the_home_in_use_can_be_a_development_key(lane: SmallLane) -> None:
    view = view_of(lane.write())
    development = lane.homes.in_use.signer.development
    assert [(key.signed, key.development) for key in view.keys] == [
        ("pin and verdict", development),
        ("runs of the lane", False),
    ]


def test_faults_have_the_limit_of_their_kind(homes: Homes, tmp_path: Path) -> None:
    schedule = {
        "phase": "spike",
        "pause_seconds": 1,
        "give_up_seconds": 9,
        "faults": [
            {"kind": "kill_worker", "times": 1, "recover_within_seconds": 3},
            {"kind": "full_disk", "times": 1, "seconds": 1, "recover_within_seconds": 7},
        ],
    }
    slow = threshold("recovery", "max", at_most=3 * SECOND)
    plan = plan_of_shop({"recovery": slow}, lane="recovery", schedule=schedule)
    lane = small_lane(homes, tmp_path / "evidence", plan)
    lane.faults += [
        StruckFault("kill_worker", 3 * SECOND, 3 * SECOND, 5 * SECOND, "pid 7"),
        StruckFault("full_disk", 6 * SECOND, 7 * SECOND, None, "filled"),
    ]
    first, second = view_of(lane.write()).faults
    assert (first.number, first.limit, first.recovery, first.within) == (
        1,
        3 * SECOND,
        2 * SECOND,
        True,
    )
    assert (second.number, second.limit, second.recovery, second.within) == (
        2,
        7 * SECOND,
        None,
        False,
    )


def test_notes_are_told_line_by_line(lane: SmallLane) -> None:
    notes = {
        "ends": [{"name": "worker", "pid": 7, "at_us": 61 * SECOND, "how": "signal 9"}],
        "not_measured": ["store_size: the store is a bucket"],
        "observer": {"late": 2, "missed": 0},
        "store_did_not_answer": 0,
        "runs_refused": {"shop-00000002": "its certificate is missing"},
    }
    (lane.folder / NOTES_FILE).write_bytes(canonical_bytes(notes))
    assert sorted(notes_of(lane.files, "lane-burst-00000001")) == [
        ("ends", "1:01: how signal 9, name worker, pid 7"),
        ("not measured", "store_size: the store is a bucket"),
        ("observer: late", "2"),
        ("runs refused: shop-00000002", "its certificate is missing"),
    ]


def test_a_path_in_the_notes_is_told_from_the_folder_of_the_lane_on(lane: SmallLane) -> None:
    said = (
        "scratch space /srv/homes/a/lanes/lane-burst-00000001/work/scratch is full",
        "lane-burst-00000001-ab12/runs in s3://lanes/lane-burst-00000001-ab12 at http://host:9/",
        "/srv/lane-burst-00000002/work",
    )
    (lane.folder / NOTES_FILE).write_bytes(canonical_bytes({"not_measured": list(said)}))
    assert [text for _, text in notes_of(lane.files, "lane-burst-00000001")] == [
        "scratch space lane-burst-00000001/work/scratch is full",
        *said[1:],
    ]


def test_a_lane_without_notes_has_none(lane: SmallLane) -> None:
    assert list(notes_of(lane.files, "lane-burst-00000001")) == []


def tried(**changed: object) -> Tried:
    given = {
        "limited": True,
        "how": "closed",
        "exit_code": 0,
        "by": "",
        "error": "",
        "said": "",
        "duration_us": 3 * SECOND,
        "held_bytes": 700,
        "spilled_bytes": 0,
        "limit": "group",
    }
    return Tried(**(given | changed))


def test_each_window_of_a_probe_tells_how_it_ended(lane: SmallLane) -> None:
    killed = tried(how="killed", exit_code=137, by="the kernel", spilled_bytes=None)
    after = tried(limited=False, duration_us=9 * SECOND)
    full = "SpillExhausted: 9 GiB in /srv/lanes/lane-probe-00000001/work/spill"
    refused = tried(how="spill_exhausted", exit_code=1, by="itself", error=full)
    write_windows(
        lane.folder,
        [
            Window(1_000, 9, "load-00000001", True, True, (tried(),), {}, ""),
            Window(2_000, 9, "load-00000002", False, True, (killed, after), {}, "memory"),
            Window(4_000, 9, None, False, False, (refused,), {}, ""),
        ],
    )
    found = probe_of(probe(), lane.files, "lane-probe-00000001")
    assert found is not None
    assert [window.ending for window in found.windows] == [
        "closed",
        "killed by the kernel, exit 137; then without limits: closed; memory",
        f"spill exhausted by itself, exit 1 ({full.replace('/srv/lanes/', '')})",
    ]
    assert found.largest is found.windows[0]
    assert (found.windows[1].duration, found.windows[1].spilled) == (3 * SECOND, None)
    assert found.time_limit == 120 * SECOND


def test_a_lane_that_is_no_probe_has_no_windows(lane: SmallLane) -> None:
    assert probe_of(lane.plan, lane.files, "lane-burst-00000001") is None
