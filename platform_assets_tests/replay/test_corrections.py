"""A correction is replayed like any run, and what it corrects and what follows it see what they saw."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import SourceUnreachable
from platform_assets.flow.replay import Verdict
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, export_run, finish
from platform_assets.pipeline.replay import Start, replay_bundle, replay_run
from platform_assets.pipeline.replay_platform import Surroundings
from platform_assets.pipeline.supersede import supersede
from platform_assets_tests.replay.conftest import FIRST, SECOND, close_next, make_two_runs
from platform_assets_tests.shop import append, order

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.flow.run_records import RunRecords

CORRECTION, AFTER = RunId("shop", 3), RunId("shop", 4)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose first window was corrected after its second was closed, and then a third window."""
    home = make_two_runs(tmp_path_factory.mktemp("corrected") / "home")
    platform = Platform.open(home)
    assert supersede(platform, FIRST, "made again") == CORRECTION
    finish(platform, CORRECTION)
    append(home, "orders", 0, [order(n) for n in (3, 101, 300, 301)])
    assert close_next(home) == AFTER
    return home


@pytest.mark.parametrize("run", [FIRST, SECOND, CORRECTION, AFTER])
@pytest.mark.parametrize("start", [Start.ANCHORS, Start.LANDING])
def test_every_run_around_a_correction_is_reproduced(
    corrected: Path, run: RunId, start: Start
) -> None:
    result = replay_run(Platform.open(corrected), run, start=start)
    assert (result.divergence, result.verdict) == (None, Verdict.REPRODUCED)


def test_the_run_after_a_correction_counted_it_in_the_place_of_the_corrected_window(
    corrected: Path, tmp_path: Path
) -> None:
    export_run(Platform.open(corrected), AFTER, tmp_path / "after.tar", with_data=True)
    around = Surroundings(corrected, tmp_path / "scratch")
    seen: list[tuple[RunId, ...]] = []
    module = __import__("platform_assets.pipeline.replay_platform", fromlist=["consulted_runs"])
    counted = module.consulted_runs

    def noting(records: RunRecords) -> tuple[RunId, ...]:
        seen.append(counted(records))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "consulted_runs", noting)
        assert replay_bundle(tmp_path / "after.tar", around).divergence is None
    assert set(seen) == {(CORRECTION, SECOND)}


def test_a_correction_that_copied_its_landing_is_replayed_from_it(
    corrected: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(corrected, home)
    (home / "data" / "shop").rename(home / "data" / "away")
    platform = Platform.open(home)
    run = supersede(platform, SECOND, "made again without its source")
    finish(platform, run)
    assert replay_run(platform, run, start=Start.LANDING).divergence is None
    with pytest.raises(SourceUnreachable):
        replay_run(platform, run)
    (home / "data" / "away").rename(home / "data" / "shop")
    read_again = replay_run(platform, run, start=Start.ANCHORS)
    assert (read_again.start, read_again.divergence) == ("anchors", None)
