"""Two runs of a lane compared on the command line: from their evidence, which verifies."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platform_assets.adapters.archive import export_bundle
from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.lanes.lane_folders import new_lane_folder
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.schedule import SECOND
from platform_assets_tests.cli.calls import call, too_wide
from platform_assets_tests.lanes.measurements import threshold
from platform_assets_tests.lanes.small_lane import plan_of_shop, small_lane

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.lanes.plan import LanePlan
    from platform_assets_tests.lanes.small_lane import Homes

ADMIT = "step_duration admit orders each"


def evidence_of(
    homes: Homes,
    folder: Path,
    *,
    slower: float = 1.0,
    seed: int = 1,
    plan: LanePlan | None = None,
    machine: int = 0,
) -> Path:
    """Seal a lane of which forty steps were measured, on a machine as busy as that."""
    lane = small_lane(homes, folder, plan)
    random = np.random.default_rng(seed)
    steps = [
        Sample(turn * SECOND // 4, "admit orders", int(SECOND * slower * value))
        for turn, value in enumerate(random.normal(1.0, 0.03, 40))
    ]
    busy = [Sample(turn * SECOND, "", machine) for turn in range(10)]
    series = {**lane.measured.series, "step_duration": steps, "cpu_machine": busy}
    lane.measured = replace(lane.measured, series=series)
    return lane.write().seal().folder


@pytest.fixture(scope="module")
def lanes(homes: Homes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("lanes")
    return {
        "first": evidence_of(homes, folder / "first"),
        "again": evidence_of(homes, folder / "again", seed=2),
        "slower": evidence_of(homes, folder / "slower", slower=1.2, seed=3),
        "slowest": evidence_of(homes, folder / "slowest", slower=1.4, seed=4),
    }


def figure_of(document: Any, metric: str = "step_duration") -> dict[str, Any]:
    (found,) = [each for each in document["figures"] if each["metric"] == metric]
    return dict(found)


def test_a_slower_step_is_a_regression_and_exits_1(lanes: dict[str, Path]) -> None:
    done = call("lane", "compare", lanes["first"], lanes["slower"], "--json")

    assert done.code == 1, done.err
    found = figure_of(done.document)
    assert (found["change"], found["label"], found["pairs"]) == ("REGRESSION", "admit orders", 40)
    assert 1.15 < found["low"] < found["ratio"] < found["high"] < 1.25
    assert done.document["regressions"] == 1
    assert done.document["second"]["keys"] == "self-asserted"


def test_the_same_thing_again_is_none_and_exits_0(lanes: dict[str, Path]) -> None:
    done = call("lane", "compare", lanes["first"], lanes["again"])

    assert done.code == 0, done.err
    assert "no regression" in done.out
    assert "noise measured within each run, not between runs (--noise)" in done.out
    assert "no data on lag mean: 1 pairs of 1 and 1 values; 12 are needed" in done.out


def test_the_table_says_what_was_slower_and_by_how_much(lanes: dict[str, Path]) -> None:
    done = call("lane", "compare", lanes["first"], lanes["slower"])

    assert "1 regression" in done.out
    line = next(line for line in done.out.splitlines() if "admit" in line)
    assert "regression" in line
    assert "1.20" in line
    assert "1 s" in line
    assert not too_wide(done.out)


def test_what_two_runs_of_the_same_thing_differ_is_given_as_noise(lanes: dict[str, Path]) -> None:
    noise = ("--noise", lanes["first"], lanes["slowest"])
    done = call("lane", "compare", lanes["first"], lanes["slower"], *noise, "--json")

    assert done.code == 0, done.err
    assert figure_of(done.document)["change"] == "NO_CHANGE"
    assert figure_of(done.document)["noise"] > 1.3


def test_what_others_disturbed_is_left_out_and_said(
    homes: Homes, lanes: dict[str, Path], tmp_path: Path
) -> None:
    disturbed = evidence_of(homes, tmp_path / "disturbed", slower=1.2, machine=2_000_000)

    done = call("lane", "compare", lanes["first"], disturbed)

    assert done.code == 0, done.err
    assert "others kept the machine busy for " in done.out
    assert f"no data on {ADMIT}: 0 pairs of 40 and 0 values; 12 are needed" in done.out


def test_what_may_be_worse_is_given_as_tolerance(lanes: dict[str, Path]) -> None:
    for tolerance, code in (("25%", 0), ("10%", 1)):
        pair = (lanes["first"], lanes["slower"])
        assert call("lane", "compare", *pair, "--tolerance", tolerance).code == code
    for wrong in ("5", "-1%", "100%", "much%", "nan%"):
        done = call("lane", "compare", *pair, f"--tolerance={wrong}")
        assert (done.code, "Usage: --tolerance" in done.err) == (2, True)


def test_only_the_metrics_that_were_asked_for_are_compared(lanes: dict[str, Path]) -> None:
    pair = (lanes["first"], lanes["slower"])
    done = call("lane", "compare", *pair, "--metric", "lag", "--metric", "memory", "--json")

    assert done.code == 0, done.err
    assert {each["metric"] for each in done.document["figures"]} == {"lag", "memory"}
    assert call("lane", "compare", *pair, "--metric", "offered").code == 2


def test_runs_are_named_in_their_home_or_by_their_archives(
    homes: Homes, lanes: dict[str, Path], tmp_path: Path
) -> None:
    home = shutil.copytree(homes.in_use.home, tmp_path / "home")
    folder = new_lane_folder(home, "burst")
    shutil.copytree(lanes["first"], folder.evidence, dirs_exist_ok=True)
    slower = DirectoryBundle(lanes["slower"])
    export_bundle(slower, slower.paths(), tmp_path / "slower.tar")

    done = call("lane", "compare", folder.run, tmp_path / "slower.tar", "--home", home, "--json")

    assert done.code == 1, done.err
    assert done.document["first"]["keys"] == "given"


def test_runs_of_another_plan_are_refused(
    homes: Homes, lanes: dict[str, Path], tmp_path: Path
) -> None:
    plan = plan_of_shop().record()
    plan["workload"]["seed"] = 9
    other = evidence_of(homes, tmp_path / "other", plan=plan_of_shop().model_validate(plan))

    done = call("lane", "compare", lanes["first"], other)

    assert done.code == 1
    assert "LanesDiffer" in done.err
    assert "workload.seed: 1 and 9" in done.err


def test_other_thresholds_and_another_place_are_told_and_not_refused(
    homes: Homes, lanes: dict[str, Path], tmp_path: Path
) -> None:
    plan = plan_of_shop({"lag": threshold("lag", "max", at_most=7)}).record()
    plan["target"]["max_open_runs"] = 4
    other = evidence_of(homes, tmp_path / "other", plan=plan_of_shop().model_validate(plan))

    done = call("lane", "compare", lanes["first"], other, "--json")

    assert done.code == 0, done.err
    assert done.document["differences"] == ["target.max_open_runs: 3 and 4"]


def test_evidence_that_does_not_verify_is_not_compared(
    homes: Homes, lanes: dict[str, Path], tmp_path: Path
) -> None:
    forged = evidence_of(homes, tmp_path / "forged", slower=1.2)
    samples = forged / "samples.ndjson"
    samples.write_bytes(samples.read_bytes().replace(b'"value":12', b'"value":10'))

    done = call("lane", "compare", lanes["first"], forged)

    assert done.code == 1
    assert "VerificationFailed" in done.err


def test_a_lane_that_is_void_is_not_compared(
    homes: Homes, lanes: dict[str, Path], tmp_path: Path
) -> None:
    lane = small_lane(homes, tmp_path / "void").write()
    void = lane.seal(lane.judge(revision="another")).folder

    done = call("lane", "compare", lanes["first"], void)

    assert done.code == 1
    assert "LanesDiffer: lane-burst-00000001" in done.err
    assert "void: code is" in done.err
