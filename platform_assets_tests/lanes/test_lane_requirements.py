"""What a lane has to fulfil besides its thresholds, and what is computed and not sampled."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import digest_bytes, rfc3339
from platform_assets.flow.signing import CLOSURE, EVIDENCE, Statement, Subject, sign_statement
from platform_assets.lanes.derived import expected
from platform_assets.lanes.evidence_files import MadeRun, StruckFault, key_path, write_runs
from platform_assets.lanes.ledger import Stretch
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.recorded import read_measured
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.windows import Window, write_windows
from platform_assets_tests.lanes.measurements import (
    threshold,
    with_series,
)
from platform_assets_tests.lanes.small_lane import (
    PINNED_AT,
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
    assert (judged.verdict, unmet(judged)) == ("FAIL", ["EveryRunClosed", "EventsAccounted"])


def _probe(lane: SmallLane, name: str) -> SmallLane:
    """Return a probe whose windows are twenty orders and forty; the runs are of twenty each."""
    sizes = {"memory_limit": 1, "spill_limit": 1, "window_seconds": 1}
    workload = lane.plan.record()["workload"]
    workload |= {"processes": 1, "phases": [{"name": "windows", "seconds": 1, "rate": 60}]}
    plan = plan_of_shop(
        {"largest": threshold("largest_window", "max", at_least=20)},
        lane="probe",
        doubling={"first": 20, "at_most": 40, **sizes},
        workload=workload,
    )
    probe = small_lane(lane.homes, lane.folder.parent / name, plan)
    probe.ledgers = [
        ledger_of(0, probe.pin.prefix, processes=1, events=60, sent=60, acknowledged=60)
    ]
    return probe


def _windows(probe: SmallLane, *certified: bool) -> None:
    write_windows(
        probe.folder,
        [
            Window(20 << turn, 1, run.run_id, passed, passed, (), {}, "" if passed else "killed")
            for turn, (run, passed) in enumerate(zip(probe.runs, certified, strict=True))
        ],
    )


def test_the_last_window_of_a_probe_may_be_open(lane: SmallLane) -> None:
    for which in (0, 1):
        probe = _probe(lane, f"open-{which}")
        probe.runs[which] = MadeRun(probe.runs[which].run_id, 1)
        _windows(probe.write(), True, False)
        shutil.rmtree(probe.folder / "runs" / probe.runs[which].run_id)
        assert ("EveryRunClosed" in unmet(probe.judge())) == (which == 0)


@pytest.mark.parametrize(
    ("certified", "largest"), [((True, False), 20), ((False, False), 0), ((True, True), 20)]
)
def test_the_largest_window_of_a_probe_is_one_whose_run_holds_its_events(
    certified: tuple[bool, bool], largest: int, lane: SmallLane
) -> None:
    """The second run holds twenty of the forty events of its window, whatever is said of it."""
    probe = _probe(lane, "windows")
    _windows(probe.write(), *certified)
    judged = sealed_and_verified(probe)
    assert judged.judgement.thresholds[0].value == largest


def test_a_probe_that_does_not_say_what_became_of_its_windows_fails(lane: SmallLane) -> None:
    judged = _probe(lane, "silent").write().judge()
    assert "FilesWellFormed" in unmet(judged)
    assert judged.judgement.thresholds[0].verdict == "FAIL"


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
    """The lane's own key signs another bundle of the run, which is listed; the seal names the first."""
    path = lane.write().folder / "runs" / "shop-00000001" / "bundle.json"
    said = payload(path.read_bytes())["predicate"] | {"closed_at": rfc3339(PINNED_AT)}
    manifest = Subject("manifest", "sha256:" + "0" * 64)
    signed = sign_statement(lane.homes.lane.signer, Statement(EVIDENCE, (manifest,), said))
    path.write_bytes(signed)
    lane.runs[0] = replace(lane.runs[0], bundle_digest=digest_bytes(signed))
    (lane.folder / "runs.json").unlink()
    write_runs(lane.folder, lane.runs)
    assert "EveryRunClosed" in unmet(lane.judge())


def test_one_closed_run_is_not_two(lane: SmallLane) -> None:
    """The closure of the first run stands in the place of the second one's, and is listed so."""
    lane.runs[1] = replace(lane.runs[1], bundle_digest=lane.runs[0].bundle_digest)
    runs = lane.write().folder / "runs"
    for name in _CLOSURE:
        shutil.copy(runs / "shop-00000001" / name, runs / "shop-00000002" / name)
    assert "EveryRunClosed" in unmet(lane.judge())


def _closed_again_by(signer: Any, lane: SmallLane) -> None:
    """Let another key sign the closure of the first run, and list that."""
    folder = lane.folder / "runs" / "shop-00000001"
    bundle, seal = (payload((folder / n).read_bytes())["predicate"] for n in _CLOSURE)
    manifest = Subject("manifest", "sha256:" + "0" * 64)
    (folder / "bundle.json").write_bytes(
        sign_statement(signer, Statement(EVIDENCE, (manifest,), bundle))
    )
    digest = digest_bytes((folder / "bundle.json").read_bytes())
    sealed = Statement(CLOSURE, (Subject("bundle.json", digest),), seal | {"bundle_digest": digest})
    (folder / "seal.json").write_bytes(sign_statement(signer, sealed))
    lane.runs[0] = replace(lane.runs[0], bundle_digest=digest)
    (lane.folder / "runs.json").unlink()
    write_runs(lane.folder, lane.runs)


_CLOSURE = ("bundle.json", "seal.json")


def test_a_key_in_place_of_the_one_that_the_pin_names_closes_nothing(lane: SmallLane) -> None:
    """A closure is signed by another key, which stands under the name of the lane's."""
    own, other = lane.homes.lane.signer, lane.homes.in_use.signer
    _closed_again_by(own, lane.write())
    assert unmet(lane.judge()) == [], "by the lane's own key it would count"
    _closed_again_by(other, lane)
    (lane.folder / key_path(own.keyid)).chmod(0o644)
    (lane.folder / key_path(own.keyid)).write_bytes(other.public_key_pem)
    assert "EveryRunClosed" in unmet(lane.judge())


def test_a_seal_that_holds_another_record_closes_nothing(lane: SmallLane) -> None:
    lane.write()
    folder = lane.folder / "runs" / "shop-00000001"
    said = payload((folder / "bundle.json").read_bytes())["predicate"]
    subject = Subject("bundle.json", digest_bytes((folder / "bundle.json").read_bytes()))
    statement = Statement(CLOSURE, (subject,), said)
    (folder / "seal.json").write_bytes(sign_statement(lane.homes.lane.signer, statement))
    assert "EveryRunClosed" in unmet(lane.judge())


@pytest.mark.parametrize("name", ["samples.ndjson", "runs.json", "faults.json"])
def test_a_file_that_is_missing_fails_the_lane(name: str, lane: SmallLane) -> None:
    (lane.write().folder / name).unlink()
    judged = lane.judge()
    assert "FilesWellFormed" in unmet(judged)
    assert (name, "absent") in judged.recorded.problems


def test_a_list_in_place_of_another_fails_the_lane(lane: SmallLane) -> None:
    lane.write()
    shutil.copy(lane.folder / "faults.json", lane.folder / "runs.json")
    assert "FilesWellFormed" in unmet(lane.judge())


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


def test_of_two_spikes_both_have_to_be_drained(lane: SmallLane) -> None:
    rates = {"spike": (2, 8), "return": (7, 1), "again": (1, 10), "after": (7, 1)}
    workload = lane.plan.record()["workload"]
    workload["phases"] = [
        {"name": name, "seconds": seconds, "rate": rate} for name, (seconds, rate) in rates.items()
    ]
    plan = plan_of_shop({"it": threshold("drain", "max", at_most=10 * SECOND)}, workload=workload)
    for high_from, found in ((99, "PASS"), (9, "NO_DATA")):
        each = small_lane(lane.homes, lane.folder.parent / f"twice-{high_from}", plan)
        lag = [s._replace(value=9 * SECOND * (s.at >= high_from * SECOND)) for s in _gauge(each)]
        each.measured = with_series(each.measured, "lag", lag)
        assert sealed_and_verified(each.write()).verdict == found


def test_least_memory_is_known_between_all_closures(lane: SmallLane) -> None:
    recorded = lane.write().judge().recorded
    closed = [(run, recorded.bundles[run.run_id]) for run in recorded.runs]
    assert expected(lane.plan, recorded.ledgers, closed * 3)["memory_floor"] == 5


def _gauge(lane: SmallLane) -> list[Sample]:
    return list(lane.measured.series["lag"])
