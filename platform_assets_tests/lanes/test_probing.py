"""A whole probe: pinned, tried until a limit ends it, judged, and verified from its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.errors import FaultNotInjected
from platform_assets.examples.home import create_home
from platform_assets.lanes.conduct import conduct
from platform_assets.lanes.recorded import read_measured
from platform_assets.lanes.verification import verify_lane
from platform_assets.lanes.windows import WINDOWS_FILE, read_windows
from platform_assets.pipeline import Platform
from platform_assets_tests.lanes.probe_plans import probe

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.lanes.lane_result import LaneProgress


def empty_home(folder: Path) -> Platform:
    create_home(folder / "home", [])
    return Platform.open(folder / "home")


def test_a_probe_that_a_limit_ended_states_the_largest_window_and_its_evidence_verifies(
    tmp_path: Path,
) -> None:
    in_use = empty_home(tmp_path)
    told: list[LaneProgress] = []

    # A thousand events spill some 30 kB. What is spilled is looked at twice a second: the last
    # window spills so much, and for so long, that it is seen.
    plan = probe(first=5_000, at_most=160_000, spill_limit=200_000)
    result = conduct(in_use, plan, told=told.append)

    files = DirectoryBundle(result.folder.evidence)
    windows = read_windows(files.read(WINDOWS_FILE))
    assert [window.certified for window in windows] == [True] * (len(windows) - 1) + [False]
    assert windows[-1].attempts[0].how == "spill_exhausted"
    assert all(window.closed for window in windows)
    series = read_measured(files).series
    (largest,) = series["largest_window"]
    assert largest.value == windows[-2].events
    assert [(e.label, e.value) for e in series["errors"]] == [("", 0), ("spill_exhausted", 1)]
    assert result.passed, result.as_json()
    verified = verify_lane(files, in_use.trust, self_asserted=False)
    assert (verified.findings, verified.facts["verdict"]) == ((), "PASS")
    assert f"takes {windows[-1].events:,} events without limits" in {now.doing for now in told}


def test_a_probe_without_any_window_that_passes_fails_its_threshold(tmp_path: Path) -> None:
    in_use = empty_home(tmp_path)

    result = conduct(in_use, probe(first=500, at_most=500, window_seconds=1))

    (judged,) = result.judged.judgement.thresholds
    assert (str(judged.verdict), judged.value) == ("FAIL", 0)
    assert all(requirement.satisfied for requirement in result.judged.requirements)


def test_a_probe_whose_volume_is_full_is_relieved_and_loses_nothing(tmp_path: Path) -> None:
    in_use = empty_home(tmp_path)
    plan = probe(first=4_000, at_most=64_000, volume="12MiB")

    try:
        result = conduct(in_use, plan)
    except FaultNotInjected as error:
        pytest.skip(error.found)

    windows = read_windows(DirectoryBundle(result.folder.evidence).read(WINDOWS_FILE))
    assert windows[0].certified
    assert not windows[-1].certified
    assert "no space left" in str(windows[-1]).lower()
    assert windows[-1].closed, windows[-1]
    assert result.passed, result.as_json()
