"""Runs as they are seen from outside: pinned, closed, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import SourceUnreachable
from platform_assets.identifiers import RunId
from platform_assets.lanes.closures import Closures, SeenClosure
from platform_assets.pipeline import layout
from platform_assets.pipeline.pin import pin
from platform_assets.pipeline.run import finish
from platform_assets_tests.lanes.lane_homes import LaneHome, new_lane_home

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.ports.store import Store

FIRST, SECOND = RunId("load", 1), RunId("load", 2)


@pytest.fixture
def lane(tmp_path: Path) -> LaneHome:
    lane = new_lane_home(tmp_path, phases=[{"name": "steady", "seconds": 1, "rate": 100}])
    lane.send(lane.records(range(60)))
    return lane


class Watched:
    """What was seen of a lane's home, look by look."""

    def __init__(self, lane: LaneHome) -> None:
        self.told: list[SeenClosure] = []
        self.evidence = lane.folder / "evidence"
        self.closures = Closures(
            lane.platform,
            "load",
            clock=lane.clock,
            evidence=self.evidence,
            told=self.told.append,
        )

    def look(self) -> None:
        self.closures._look()


def test_a_run_is_open_from_its_pin_to_its_seal(lane: LaneHome) -> None:
    watched = Watched(lane)
    watched.look()
    assert not watched.closures.open()
    before = lane.clock.now()
    run = pin(lane.platform, "load")
    assert run == FIRST
    watched.look()
    assert before < watched.closures.open()[FIRST] <= lane.clock.now()
    finish(lane.platform, run)
    sealed = lane.clock.now()
    watched.look()
    [seen] = watched.told
    assert not watched.closures.open()
    assert seen.run == FIRST
    assert before < seen.pinned < sealed < seen.closed <= lane.clock.now()
    assert seen.counts["delivered"] == 60


def test_seal_and_evidence_are_copied_as_the_closure_wrote_them(lane: LaneHome) -> None:
    [seen] = lane.close_windows()
    watched = Watched(lane)
    watched.look()
    store = lane.platform.store
    folder = watched.evidence / "load-00000001"
    bundle = store.read(f"{layout.evidence_folder(seen.run, 1)}/bundle.json")
    assert (folder / "bundle.json").read_bytes() == bundle
    seal = store.read(f"{layout.closure_folder(seen.run)}/0001.seal")
    assert (folder / "seal.json").read_bytes() == seal


def test_closed_runs_are_not_looked_at_again(
    lane: LaneHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.close_windows()
    watched = Watched(lane)
    watched.look()
    asked: list[str] = []
    there = type(lane.platform.store).exists

    def exists(store: Store, path: str) -> bool:
        asked.append(path)
        return there(store, path)

    monkeypatch.setattr(type(lane.platform.store), "exists", exists)
    monkeypatch.setattr(type(lane.platform.store), "read", lambda *_: pytest.fail("a read"))
    watched.look()
    assert asked == [layout.anchors_path(SECOND)]


def test_a_seal_that_does_not_verify_closes_nothing_and_is_told(lane: LaneHome) -> None:
    lane.close_windows()
    path = f"{layout.closure_folder(FIRST)}/0001.seal"
    file = lane.platform.store.local_path(path)
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data.replace(b'"sig": "', b'"sig": "A', 1).replace(b'"sig":"', b'"sig":"A', 1))
    watched = Watched(lane)
    watched.look()
    assert watched.told == []
    assert list(watched.closures.open()) == [FIRST]
    assert FIRST in watched.closures.refused


def test_a_store_that_does_not_answer_is_asked_again_and_vouches_for_no_moment(
    lane: LaneHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.close_windows()
    watched = Watched(lane)

    def out(*_: object) -> bool:
        raise SourceUnreachable("the store", expected="an answer", found="none", remedy="Wait.")

    with monkeypatch.context() as patched:
        patched.setattr(type(lane.platform.store), "exists", out)
        watched.look()
        assert watched.closures.outages == 1
        assert watched.closures.looked() == 0
    before = lane.clock.now()
    watched.look()
    assert [seen.run for seen in watched.told] == [FIRST]
    assert before <= watched.closures.looked() < watched.told[0].closed
