from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_assets.errors import DeclarationInvalid, UnknownThing
from platform_assets.lanes.plan import LANES, LanePlan
from platform_assets.lanes.plan_loading import merged, resolve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROFILES = ("smoke", "standard", "full")
PLAN = """\
lane: burst
description: Small.
workload:
  seed: 1
  stream: orders
  sample: records.ndjson
  processes: 1
  partitions: 2
  phases:
    - {name: spike, seconds: 4, rate: 100}
  keys: {count: 5}
  key_field: account_id
  duplicates: 0%
  duplicate_distance: 10
  late: 0%
  late_by_seconds: 60
  invalid: 0%
target:
  feed: load
  source: {kind: file_log, path: data/load}
  runner: follow
  memory_budget: 1GiB
  max_records: 100
  max_age_seconds: 2
  max_open_runs: 3
steady: {lag_seconds: 5}
thresholds:
  lag: {metric: lag, statistic: max, at_most: 5, unit: s}
  drain: {metric: drain, statistic: max, at_most: 9, unit: s}
budgets: {drain_seconds: 10, disk: 1GiB}
profiles:
  slow:
    target: {max_records: 50}
    thresholds:
      lag: {at_most: "2.5"}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(*changes: tuple[str, str], name: str = "plan.yaml") -> Path:
        text = PLAN
        for before, after in changes:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        (tmp_path / "records.ndjson").write_text('{"order_id":"1"}\n')
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return written


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("lane", LANES)
def test_shipped_plans_resolve_in_every_profile(lane: str, profile: str) -> None:
    plan = resolve(lane, profile, plan=None, target=None)
    assert (plan.lane, plan.profile) == (lane, profile)
    assert LanePlan.model_validate(plan.record()).digest == plan.digest


def test_a_smoke_lasts_a_minute_at_most() -> None:
    for lane in ("burst", "soak", "recovery"):
        assert resolve(lane, "smoke", plan=None, target=None).workload.seconds <= 60


def test_profile_and_target_are_merged_over_the_document(write: Any, tmp_path: Path) -> None:
    target = tmp_path / "here.yaml"
    target.write_text(
        "source: {kind: kafka, bootstrap: ['127.0.0.1:9092']}\nstore: elsewhere\n", encoding="utf-8"
    )
    plan = resolve("burst", "slow", plan=write(), target=target)
    assert plan.thresholds["lag"].limit == 2_500_000
    assert (plan.target.max_records, plan.target.max_age_seconds) == (50, 2)
    assert (plan.target.source.kind, plan.target.store) == ("kafka", "elsewhere")
    assert plan.workload.sample == '{"order_id":"1"}\n'


def test_another_sample_is_another_plan(write: Any, tmp_path: Path) -> None:
    path = write()
    before = resolve("burst", "slow", plan=path, target=None)
    (tmp_path / "records.ndjson").write_text('{"order_id":"2"}\n')
    assert resolve("burst", "slow", plan=path, target=None).digest != before.digest


def test_mappings_are_merged_lists_and_other_kinds_replaced() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "s": {"kind": "one", "p": 1}}
    over = {"a": {"y": [3]}, "s": {"kind": "two"}, "b": 5}
    assert merged(base, over) == {"a": {"x": 1, "y": [3]}, "s": {"kind": "two"}, "b": 5}
    assert merged(base, {"s": {"kind": "one", "q": 2}})["s"] == {"kind": "one", "p": 1, "q": 2}


FAULT = "{kind: kill_worker, times: 1, recover_within_seconds: 9}"
FAULTS = f"""
  phase: spike
  pause_seconds: 1
  give_up_seconds: 9
  faults: [{FAULT}]"""
SCHEDULED = ("steady: {", f"schedule: {FAULTS}\nsteady: {{")
RECOVERY = (
    ("lane: burst", "lane: recovery"),
    SCHEDULED,
)

#: What is changed, the line at which it is shown, and what is said.
MISTAKES = {
    "an unknown key": (("seed: 1", "sed: 1"), 4, "did you mean seed?"),
    "a missing key": (("  seed: 1\n", ""), 3, "workload.seed is missing"),
    "a metric that is none": (("metric: drain", "metric: drains"), 29, "'drains' is no metric"),
    "a unit of another dimension": (("9, unit: s}", "9, unit: MiB}"), 29, "is no unit of drain"),
    "a limit too many": (("9, unit: s}", "9, unit: s, at_least: 1}"), 29, "has one limit"),
    "a sum of histograms": (
        ("metric: drain, statistic: max", "metric: latency, statistic: sum"),
        29,
        "which have no sum",
    ),
    "a phase that there is not": (
        ("9, unit: s}", "9, unit: s, phases: [rest]}"),
        1,
        "phases that are",
    ),
    "a rate of none": (("rate: 100", "rate: 0"), 10, "greater than 0"),
    "a mistake of the profile": (("max_records: 50", "max_records: no"), 33, "valid integer"),
    "a key of the profile": (("max_records: 50", "records: 50"), 33, "max_records"),
    "no such sample": (("records.ndjson", "nothing.ndjson"), 6, "No such file"),
    "a plan of another lane": (("lane: burst", "lane: soak"), 1, "soak"),
    "faults in a burst": (SCHEDULED, 1, "a recovery lane has a `schedule`"),
    "a kind of fault twice": (
        ("steady: {", f"schedule: {FAULTS.replace('[', f'[{FAULT}, ')}\nsteady: {{"),
        26,
        "kill_worker stands twice",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_shown_where_it_stands(name: str, write: Any) -> None:
    change, line, words = MISTAKES[name]
    path = write(change)
    with pytest.raises(DeclarationInvalid) as caught:
        resolve("burst", "slow", plan=path, target=None)
    found = caught.value.findings or (f"{caught.value.thing}: {caught.value.found}",)
    assert [each for each in found if each.startswith(f"{path}:{line}: ") and words in each], found


def test_a_mistake_of_the_target_is_shown_in_its_own_file(write: Any, tmp_path: Path) -> None:
    target = tmp_path / "here.yaml"
    target.write_text("store: elsewhere\nrunner: by_hand\n")
    with pytest.raises(DeclarationInvalid) as caught:
        resolve("burst", "slow", plan=write(("rate: 100", "rate: 0")), target=target)
    places = [finding.partition(": ")[0] for finding in caught.value.findings]
    assert places == [f"{tmp_path / 'plan.yaml'}:10", f"{target}:2"]


@pytest.mark.parametrize("profile", ["slo", "none"])
def test_a_profile_that_is_none_is_refused_with_those_that_there_are(
    profile: str, write: Any
) -> None:
    with pytest.raises(DeclarationInvalid) as caught:
        resolve("burst", profile, plan=write(), target=None)
    assert caught.value.expected == "a profile of slow"
    assert ("did you mean slow?" in caught.value.found) == (profile == "slo")


def test_the_limit_of_each_fault_is_a_threshold_of_its_name(write: Any) -> None:
    plan = resolve("recovery", "slow", plan=write(*RECOVERY), target=None)
    assert plan.thresholds.keys() == {"lag", "drain", "kill_worker"}
    limit = plan.thresholds["kill_worker"]
    assert (limit.metric, limit.label, limit.statistic) == ("recovery", "kill_worker", "max")
    assert (limit.limit, limit.at_least) == (9_000_000, None)


def test_a_threshold_beside_the_limit_of_a_fault_is_refused(write: Any) -> None:
    path = write(*RECOVERY, ("  drain: {", "  kill_worker: {"))
    with pytest.raises(DeclarationInvalid, match="a threshold kill_worker besides") as caught:
        resolve("recovery", "slow", plan=path, target=None)
    assert caught.value.thing == f"{path}:34"


@pytest.mark.parametrize("profile", PROFILES)
def test_each_fault_of_the_shipped_recovery_has_its_limit(profile: str) -> None:
    plan = resolve("recovery", profile, plan=None, target=None)
    assert plan.schedule is not None
    for fault in plan.schedule.faults:
        assert plan.thresholds[fault.kind].limit == fault.recover_within_seconds * 1_000_000


def test_a_document_without_profiles_is_refused(write: Any, tmp_path: Path) -> None:
    document = yaml.safe_load(write().read_text())
    del document["profiles"]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(DeclarationInvalid, match="found no profiles"):
        resolve("burst", "slow", plan=tmp_path / "plan.yaml", target=None)


def test_a_lane_that_is_none_is_refused() -> None:
    with pytest.raises(UnknownThing, match="did you mean burst"):
        resolve("brst", "smoke", plan=None, target=None)
