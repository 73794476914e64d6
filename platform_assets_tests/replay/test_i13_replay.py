"""I13: a run gives the same bytes again, from its streams, from its landing, and from an archive."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.flow.replay import Sameness, Verdict
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, export_run, revoke
from platform_assets.pipeline.replay import Start, replay_bundle, replay_run
from platform_assets.pipeline.replay_platform import Surroundings
from platform_assets_tests.replay.conftest import FIRST, SECOND, close_next
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from platform_assets.flow.replay import Replay


def state_of(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Return identity, times and bytes of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): (
            (found := path.lstat()).st_ino,
            found.st_mtime_ns,
            found.st_mode,
            path.read_bytes(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def reproduced(result: Replay) -> bool:
    assert result.divergence is None, result.divergence
    assert not result.engines
    assert result.decided_by == "part digests"
    assert {each.sameness for each in result.compared} == {Sameness.BYTES, Sameness.OUTCOMES}
    return result.verdict is Verdict.REPRODUCED


@pytest.mark.parametrize("run", [FIRST, SECOND])
@pytest.mark.parametrize("start", list(Start))
def test_i13_a_run_is_reproduced_in_its_home(two_runs: Path, run: RunId, start: Start) -> None:
    result = replay_run(Platform.open(two_runs), run, start=start)
    assert reproduced(result)
    assert result.start == ("landing" if start is Start.LANDING else "anchors")
    steps = [(each.step, each.thing) for each in result.compared]
    landed = [("land", "orders"), ("land", "changes")] if start is not Start.LANDING else []
    assert steps[: len(landed)] == landed
    assert set(steps[len(landed) :]) == {
        *(("admit", stream) for stream in ("orders", "changes")),
        *(("build", product) for product in ("orders", "cancellations", "refunds")),
        *(("certify", product) for product in ("orders", "cancellations", "refunds")),
        ("consume", "turnover"),
        ("certify", "turnover"),
    }
    bundle = Platform.open(two_runs).store
    assert result.parts > 0
    assert result.rows > 0
    assert bundle.exists(f"runs/{run}/evidence/0001/bundle.json")


def test_i13_a_replay_writes_nothing_into_the_home(shop: Path) -> None:
    before = state_of(shop)
    for start in (Start.ANCHORS, Start.LANDING):
        assert reproduced(replay_run(Platform.open(shop), SECOND, start=start))
    after = state_of(shop)
    assert {p: s for p, s in after.items() if "__pycache__" not in p} == {
        p: s for p, s in before.items() if "__pycache__" not in p
    }
    assert list((shop / "scratch").iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "archive.tar"])
def test_i13_an_archive_is_enough_when_topic_and_home_are_gone(
    shop: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    export_run(Platform.open(shop), SECOND, out, with_data=True)
    (tmp_path / "code").mkdir()
    shutil.copy(shop / "shop_functions.py", tmp_path / "code")
    shutil.rmtree(shop)
    around = Surroundings(tmp_path / "code", tmp_path / "scratch")
    result = replay_bundle(out, around)
    assert reproduced(result)
    assert (result.start, result.keys) == ("landing", "self-asserted")


def test_i13_what_came_after_a_run_changes_nothing(shop: Path) -> None:
    append(shop, "orders", 0, [order(n) for n in range(100, 110)])
    append(shop, "orders", 1, [order(n) for n in range(500, 510)])
    assert close_next(shop) == RunId("shop", 3)
    revoke(Platform.open(shop), FIRST, "orders", reason="found out later")
    revoke(Platform.open(shop), SECOND, "orders", reason="found out later")
    assert reproduced(replay_run(Platform.open(shop), SECOND))


def test_i13_a_run_keeps_its_own_configuration_contracts_and_policies(shop: Path) -> None:
    def change(attributes: dict[str, Any]) -> None:
        attributes["dedupe"]["horizon_runs"] = 0
        attributes["products"]["orders"]["part_rows"] = 7
        attributes["products"]["orders"]["checks"] = [
            {"check": "range", "column": "cents", "min": 1, "max": 2}
        ]
        attributes["products"]["orders"]["sort"] = ["at"]
        del attributes["consumers"]

    redeclare(shop, change)
    contract = shop / "schemas" / "events" / "shop" / "order.json"
    contract.write_text(contract.read_text().replace("^o-[0-9]+$", "^p-[0-9]+$"))
    assert reproduced(replay_run(Platform.open(shop), SECOND))


def test_i13_deduplication_sees_the_runs_that_it_saw(two_runs: Path) -> None:
    """Without what earlier runs admitted, the repeated order would be admitted again."""
    result = replay_run(Platform.open(two_runs), SECOND, start=Start.LANDING)
    admitted = next(
        each for each in result.compared if (each.step, each.thing) == ("admit", "orders")
    )
    assert admitted.rows == 34 + 2  # a duplicate and a mismatch stand among the accepted rows too
    store = Platform.open(two_runs).store
    duplicates = [p for p in store.list(f"runs/{SECOND}/admission/orders") if "duplicates" in p]
    assert len(duplicates) == 1
