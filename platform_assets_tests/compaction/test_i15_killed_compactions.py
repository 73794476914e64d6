"""I15: killing a compaction at any durable write and starting again gives the same records."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.compaction.job import run_job
from platform_assets_tests.forking import fork_server, forked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.crash

JOB = "platform_assets_tests.compaction.job"
#: Just after a write the store is as just before the next; some are enough.
STEPS = {"before": 1, "after": 5}


@pytest.fixture(scope="session")
def undisturbed(
    closed_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(closed_home, home)
    return home, run_job(home)


def test_i15_every_write_of_a_compaction_goes_through_the_port(
    undisturbed: tuple[Path, list[str]],
) -> None:
    home, writes = undisturbed
    stored = (home / "store" / "compactions").rglob("*")
    found = {path.relative_to(home / "store").as_posix() for path in stored if path.is_file()}
    assert found == set(writes)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_i15_a_compaction_killed_at_each_durable_write_and_started_again(
    moment: str, closed_home: Path, undisturbed: tuple[Path, list[str]], tmp_path: Path
) -> None:
    expected, writes = _records(undisturbed[0]), undisturbed[1]
    with fork_server(JOB) as forks:
        for write in range(1, len(writes) + 1, STEPS[moment]):
            home = tmp_path / f"{write}"
            shutil.copytree(closed_home, home)
            assert forked(forks, home, write, moment) == -signal.SIGKILL
            assert forked(forks, home, 0, moment) == 0, f"write {write}"
            assert _records(home) == expected, f"write {write}"
            shutil.rmtree(home)


def _records(home: Path) -> dict[str, bytes]:
    store = home / "store"
    files = (path for path in store.rglob("*") if path.is_file())
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in files}
