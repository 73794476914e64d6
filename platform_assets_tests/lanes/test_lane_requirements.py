"""What a lane has to fulfil besides its thresholds, and what is computed and not sampled."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.flow.signing import EVIDENCE, Statement, Subject, sign_statement
from platform_assets.lanes.evidence_files import MadeRun, StruckFault, key_path
from platform_assets.lanes.ledger import Stretch
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.recorded import read_measured
from platform_assets.lanes.schedule import SECOND
from platform_assets_tests.lanes.measurements import (
    threshold,
    with_series,
)
from platform_assets_tests.lanes.small_lane import (
    SmallLane,
    all_findings,
    ledger_of,
    payload,
    plan_of_shop,
    sealed_and_verified,
    small_lane,
    unmet,
    verdicts,
)

if TYPE_CHECKING:
    from pathlib import Path


# --- runs, ledgers, faults -----------------------------------------------------------------------


def test_a_run_that_is_not_closed_fails_the_lane(lane: SmallLane) -> None:
    lane.runs[1] = MadeRun(lane.runs[1].run_id, 1)
    lane.write()
    shutil.rmtree(lane.folder / "runs" / "shop-00000002")
    judged = sealed_and_verified(lane)
    assert judged.verdict == "FAIL"
    assert "EveryRunClosed" in unmet(judged)


def test_the_last_window_of_a_probe_may_be_open(lane: SmallLane) -> None:
    sizes = {"memory_limit": 1, "spill_limit": 1, "window_seconds": 1}
    workload = lane.plan.record()["workload"]
    workload |= {"processes": 1, "phases": [{"name": "windows", "seconds": 1, "rate": 60}]}
    probe = plan_of_shop(
        {"lost": threshold("lost", "sum", at_most=0)},
        lane="probe",
        doubling={"first": 20, "at_most": 40, **sizes},
        workload=workload,
    )
    for last_is_open in (True, False):
        folder = lane.folder.parent / f"probe-{last_is_open}"
        each = small_lane(lane.homes, folder, probe)
        each.ledgers = [
            ledger_of(0, each.pin.prefix, processes=1, events=60, sent=60, acknowledged=60)
        ]
        each.runs[int(last_is_open)] = MadeRun(each.runs[int(last_is_open)].run_id, 1)
        each.write()
        shutil.rmtree(each.folder / "runs" / f"shop-0000000{1 + int(last_is_open)}")
        assert ("EveryRunClosed" in unmet(each.judge())) != last_is_open


def test_a_run_that_is_left_out_fails_the_lane(lane: SmallLane) -> None:
    """The first run is not listed, and no file of it is there."""
    del lane.runs[0]
    judged = sealed_and_verified(lane.write())
    assert unmet(judged) == ["EveryRunClosed", "EventsAccounted"]


def test_a_lane_without_any_run_fails(lane: SmallLane) -> None:
    lane.runs = []
    assert "EveryRunClosed" in unmet(lane.write().judge())


def test_a_closure_of_another_home_closes_nothing(lane: SmallLane, tmp_path: Path) -> None:
    """The runs were closed with another key than the pin names."""
    foreign = replace(lane.homes, lane=lane.homes.in_use)
    other = small_lane(foreign, tmp_path / "other").write()
    judged = sealed_and_verified(other)
    assert "EveryRunClosed" in unmet(judged)
    assert "SignerUntrusted" in all_findings(other.verify())


def test_without_the_key_of_the_lanes_home_no_run_counts(lane: SmallLane) -> None:
    lane.write()
    (lane.folder / key_path(lane.homes.lane.signer.keyid)).unlink()
    assert "EveryRunClosed" in unmet(lane.judge())


@pytest.mark.parametrize(
    "changed",
    [
        {"counts": {"delivered": 21, "admitted": 20, "duplicate": 1, "quarantined": 0, "gaps": 0}},
        {"bundle_digest": "sha256:" + "0" * 64},
        {"bundle_digest": None},
    ],
    ids=["counts", "digest", "no digest"],
)
def test_a_list_of_runs_that_says_otherwise_than_their_evidence_fails(
    changed: dict[str, Any], lane: SmallLane
) -> None:
    lane.runs[0] = replace(lane.runs[0], **changed)
    judged = lane.write().judge()
    assert {"FilesWellFormed", "EveryRunClosed"} <= set(unmet(judged))


@pytest.mark.parametrize("exchanged", ["seal.json", "bundle.json"])
def test_the_closure_of_one_run_is_not_that_of_another(exchanged: str, lane: SmallLane) -> None:
    lane.write()
    runs = lane.folder / "runs"
    shutil.copy(runs / "shop-00000001" / exchanged, runs / "shop-00000002" / exchanged)
    judged = lane.judge()
    assert "EveryRunClosed" in unmet(judged)


def test_evidence_that_was_put_in_place_of_the_sealed_one_counts_for_nothing(
    lane: SmallLane,
) -> None:
    """The lane's own key signs another bundle of the run; its seal names the first one."""
    lane.write()
    path = lane.folder / "runs" / "shop-00000001" / "bundle.json"
    predicate = payload(path.read_bytes())["predicate"]
    predicate["totals"]["delivered"] += 1
    forged = sign_statement(
        lane.homes.lane.signer,
        Statement(EVIDENCE, (Subject("manifest", "sha256:" + "0" * 64),), predicate),
    )
    path.write_bytes(forged)
    assert "EveryRunClosed" in unmet(lane.judge())


def test_a_file_of_a_run_that_is_not_listed_is_a_problem(lane: SmallLane) -> None:
    lane.write()
    extra = lane.folder / "runs" / "shop-00000003"
    shutil.copytree(lane.folder / "runs" / "shop-00000001", extra)
    assert unmet(lane.judge()) == ["FilesWellFormed"]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_ledger_that_is_missing_fails_the_lane(lost: int, lane: SmallLane) -> None:
    del lane.ledgers[lost]
    assert "LedgersComplete" in unmet(lane.write().judge())


def test_ledgers_that_do_not_fit_the_plan_fail_the_lane(lane: SmallLane) -> None:
    lane.ledgers[0] = ledger_of(0, lane.pin.prefix, events=21)
    assert {"FilesWellFormed", "LedgersComplete"} <= set(unmet(lane.write().judge()))


def test_a_ledger_in_the_place_of_another_process_fails_the_lane(lane: SmallLane) -> None:
    lane.write()
    shutil.copy(lane.folder / "ledger" / "0.json", lane.folder / "ledger" / "1.json")
    assert {"FilesWellFormed", "LedgersComplete"} <= set(unmet(lane.judge()))


def test_a_ledger_of_no_process_is_a_problem(lane: SmallLane) -> None:
    lane.write()
    shutil.copy(lane.folder / "ledger" / "0.json", lane.folder / "ledger" / "2.json")
    assert unmet(lane.judge()) == ["FilesWellFormed"]


@pytest.mark.parametrize(
    ("ledger", "satisfied"),
    [
        ({"acknowledged": 19, "ambiguous": (Stretch(0, 0, "no answer"),)}, True),
        ({"acknowledged": 19, "refused": (Stretch(0, 0, "too large"),)}, False),
        ({"acknowledged": 19, "sent": 19}, False),
    ],
    ids=["ambiguous", "refused", "never sent"],
)
def test_runs_hold_what_the_ledgers_say_and_nothing_else(
    ledger: dict[str, Any], satisfied: bool, lane: SmallLane
) -> None:
    lane.ledgers[0] = ledger_of(0, lane.pin.prefix, **ledger)
    assert ("EventsAccounted" in unmet(lane.write().judge())) != satisfied


def test_acknowledged_events_that_no_run_holds_fail_the_lane(lane: SmallLane) -> None:
    lane.runs[1] = MadeRun(lane.runs[1].run_id, 1)
    lane.write()
    shutil.rmtree(lane.folder / "runs" / "shop-00000002")
    detail = {r.name: r.detail for r in lane.judge().requirements}
    assert detail["EventsAccounted"] == "20 events in closed runs, 40 to 40 by the ledgers"


@pytest.mark.parametrize(
    "metric", ["lost", "doubled", "unexpected", "quarantine_error", "failed_runs"]
)
def test_truth_that_is_not_intact_fails_the_lane_whatever_its_plan_says(
    metric: str, lane: SmallLane
) -> None:
    plan = plan_of_shop({"lag": threshold("lag", "max", at_most=100)})
    for samples in ([Sample(1, "a", 0), Sample(2, "b", 1)], []):
        each = small_lane(lane.homes, lane.folder.parent / f"{metric}-{len(samples)}", plan)
        each.measured = with_series(each.measured, metric, samples)
        judged = each.write().judge()
        assert (judged.verdict, unmet(judged)) == ("FAIL", ["TruthIntact"])


def test_an_audit_of_less_than_every_closed_run_fails_the_lane(lane: SmallLane) -> None:
    doubled = lane.measured.series["doubled"]
    lane.measured = with_series(lane.measured, "doubled", doubled[:1])
    assert unmet(lane.write().judge()) == ["TruthIntact"]


# --- what follows is computed, whatever samples say ----------------------------------------------


def test_what_follows_from_other_files_is_not_taken_from_samples(lane: SmallLane) -> None:
    lane.ledgers[0] = ledger_of(
        0, lane.pin.prefix, acknowledged=19, ambiguous=(Stretch(0, 0, "no answer"),)
    )
    zero = [Sample(1, "", 0)] * 1
    for metric in ("ambiguous", "run_duration", "run_events", "quarantined"):
        lane.measured = with_series(lane.measured, metric, zero)
    lane.write()
    series = read_measured(lane.files).series
    assert [s.value for s in series["ambiguous"]] == [1, 0]
    assert [s.value for s in series["run_duration"]] == [4 * SECOND, 5 * SECOND]
    assert [s.value for s in series["run_events"]] == [20, 20]
    assert verdicts(lane.judge())["ambiguous"] == "FAIL"


RECOVERY = {
    "schedule": {
        "phase": "spike",
        "pause_seconds": 1,
        "give_up_seconds": 60,
        "faults": [{"kind": "kill_worker", "times": 2, "recover_within_seconds": 9}],
    },
    "lane": "recovery",
}


@pytest.mark.parametrize(
    ("steady", "verdict"),
    [
        ([3, 4], "PASS"),
        ([3, 40], "FAIL"),
        ([3, None], "FAIL"),
        ([3], "NO_DATA"),
        ([], "NO_DATA"),
    ],
    ids=str,
)
def test_each_planned_fault_is_recovered_from_within_its_limit(
    steady: list[int | None], verdict: str, lane: SmallLane
) -> None:
    limit = {"at_most": 9, "unit": "s", "label": "kill_worker"}
    plan = plan_of_shop({"it": threshold("recovery", "max", **limit)}, **RECOVERY)
    each = small_lane(lane.homes, lane.folder.parent / "recovery", plan)
    each.faults = [
        StruckFault("kill_worker", SECOND, SECOND, end and SECOND * (1 + end), "killed")
        for end in steady
    ]
    judged = sealed_and_verified(each.write())
    assert verdicts(judged) == {"it": verdict}


def test_the_drain_of_a_spike_follows_from_the_lag(lane: SmallLane) -> None:
    workload = lane.plan.record()["workload"]
    workload["phases"] = [
        {"name": "spike", "seconds": 2, "rate": 15},
        {"name": "return", "seconds": 10, "rate": 1},
    ]
    plan = plan_of_shop({"it": threshold("drain", "max", at_most=10 * SECOND)}, workload=workload)
    for late, value in ((3, 3 * SECOND), (20, None)):
        each = small_lane(lane.homes, lane.folder.parent / f"drain-{late}", plan)
        lag = [s._replace(value=9 * SECOND * (s.at < late * SECOND)) for s in _gauge(each)]
        each.measured = with_series(each.measured, "lag", lag)
        each.measured = with_series(each.measured, "drain", [Sample(1, "return", 1)])
        found = each.write().judge().judgement.thresholds[0]
        assert found.value == (value and pytest.approx(SECOND, abs=SECOND // 10))
    holed = small_lane(lane.homes, lane.folder.parent / "holed", plan)
    holed.measured = with_series(holed.measured, "lag", _gauge(holed)[8:])
    assert holed.write().judge().verdict == "NO_DATA", "a lag that is not known was not low"


def _gauge(lane: SmallLane) -> list[Sample]:
    return list(lane.measured.series["lag"])
