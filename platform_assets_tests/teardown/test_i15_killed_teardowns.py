"""I15: a teardown that is killed at any durable act is finished by the next call, never half proven."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from platform_assets.pipeline import Platform, verify_run
from platform_assets.pipeline.teardown_records import standing_teardown
from platform_assets_tests.forking import fork_server, forked
from platform_assets_tests.teardown.job import tear_down
from platform_assets_tests.teardown.torn import FIRST, everything, parts_of, problems

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.crash


@pytest.fixture(scope="session")
def acts(closed_home: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(closed_home, home)
    return tear_down(home)


@pytest.fixture(scope="session")
def forks() -> Iterator[subprocess.Popen[str]]:
    with fork_server("platform_assets_tests.teardown.job") as process:
        yield process


def test_i15_the_signed_record_stands_before_the_first_deletion(acts: list[str]) -> None:
    assert acts[0] == "teardowns/shop-00000001/0001.json"
    assert acts[-1] == "teardowns/shop-00000001/0001.done.json"
    assert len(acts) == 13
    assert all(path.endswith(".parquet") for path in acts[1:-1])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_i15_killed_at_each_act_and_called_again(
    moment: str,
    acts: list[str],
    closed_home: Path,
    forks: subprocess.Popen[str],
    tmp_path: Path,
) -> None:
    for act in range(1, len(acts) + 1):
        home = tmp_path / f"{act}-{moment}"
        shutil.copytree(closed_home, home)
        before = everything(home)
        assert forked(forks, home, act, moment) == -signal.SIGKILL
        _is_accounted_for(home, act)
        assert forked(forks, home, 0, moment) == 0, f"act {act}"
        assert parts_of(home) == []
        after = everything(home)
        assert sorted(set(after) - set(before)) == sorted({acts[0], acts[-1]})
        assert {path: after[path] for path in before} == before
        platform = Platform.open(home)
        assert (standing_teardown(platform, FIRST) or {})["state"] == "DONE"
        assert problems(verify_run(platform, FIRST)) == []
        shutil.rmtree(home)


def _is_accounted_for(home: Path, act: int) -> None:
    """Whatever the kill left verifies: what is absent was signed for before it went."""
    platform = Platform.open(home)
    assert problems(verify_run(platform, FIRST)) == [], f"act {act}"
    if len(parts_of(home)) < 10:
        assert standing_teardown(platform, FIRST) is not None
