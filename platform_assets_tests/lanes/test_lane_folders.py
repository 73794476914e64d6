"""Folders of lane runs: numbered, made once, and how far each lane came."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import LaneUnderWay
from platform_assets.lanes.lane_folders import State, lane_folders, new_lane_folder, only_lane

if TYPE_CHECKING:
    from pathlib import Path


def test_runs_of_each_lane_are_numbered_by_themselves(tmp_path: Path) -> None:
    names = [str(new_lane_folder(tmp_path, lane).run) for lane in ("burst", "soak", "burst")]
    assert names == ["lane-burst-00000001", "lane-soak-00000001", "lane-burst-00000002"]
    assert [str(folder.run) for folder in lane_folders(tmp_path)] == sorted(names)


def test_whoever_begins_at_the_same_time_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_lane_folder(tmp_path, "burst").run, range(40)))
    assert sorted(run.sequence for run in made) == list(range(1, 41))


def test_a_lane_runs_only_while_it_is_held(tmp_path: Path) -> None:
    folder = new_lane_folder(tmp_path, "burst")
    assert folder.told()["state"] == State.GONE
    with folder.held():
        folder.tell(State.RUNNING, profile="smoke")
        assert folder.told() == {
            "lane_run": "lane-burst-00000001",
            "state": "running",
            "profile": "smoke",
        }
    assert folder.told()["state"] == State.GONE
    folder.tell(State.JUDGED, verdict="PASS")
    assert folder.told()["verdict"] == "PASS"


def test_a_second_lane_of_a_home_is_refused_while_one_runs_and_takes_no_number(
    tmp_path: Path,
) -> None:
    with only_lane(tmp_path, "soak") as folder:
        folder.tell(State.RUNNING, profile="smoke")
        with (
            pytest.raises(LaneUnderWay, match="lane-soak-00000001 runs"),
            only_lane(tmp_path, "burst"),
        ):
            pass
        assert [str(each.run) for each in lane_folders(tmp_path)] == ["lane-soak-00000001"]
    with only_lane(tmp_path, "burst") as folder:
        assert str(folder.run) == "lane-burst-00000001"


def test_what_served_the_lane_alone_is_removed_and_its_evidence_stays(tmp_path: Path) -> None:
    folder = new_lane_folder(tmp_path, "burst")
    (folder.work / "home").mkdir()
    (folder.evidence / "pin.json").write_text("{}")
    folder.clear()
    assert not folder.work.exists()
    assert (folder.evidence / "pin.json").exists()
