"""I15 and I4: whatever kills a worker of windows that go side by side, each record counts once.

Who settles first may be another run than without the crash. So the records are not compared with those
of an undisturbed job, but with what plain Python says of the order that came out, one record at a time.
Some writes are killed at; ``PLATFORM_TESTS_KILLS=1`` kills before and after each.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from platform_assets.canonical import digest
from platform_assets.errors import WorkerLost
from platform_assets.pipeline import Platform, layout, runs, verify_run
from platform_assets.pipeline.beside import finished
from platform_assets.pipeline.records import read_record
from platform_assets_tests.crashes.job import open_home
from platform_assets_tests.crashes.parallel_job import ORDER, run_job
from platform_assets_tests.forking import fork_server, forked
from platform_assets_tests.pipeline.side_by_side import (
    decided,
    expected,
    ids_of,
    parallel_shop,
    settled_order,
)
from platform_assets_tests.shop import append, cancelled, refunded

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.crash

JOB = "platform_assets_tests.crashes.parallel_job"
#: So many moments, before or after a write, make one at which is killed.
EACH = int(os.environ.get("PLATFORM_TESTS_KILLS", "29"))
WINDOWS = [
    [cancelled(0), cancelled(1), refunded(0), cancelled(0)],
    [cancelled(1), cancelled(2, why="other"), refunded(0), refunded(1)],
    [cancelled(0), cancelled(2), refunded(3), cancelled(1)],
]


@pytest.fixture(scope="module")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three windows that repeat each other, with equal and with other content; none is pinned."""
    home = parallel_shop(
        tmp_path_factory.mktemp("crash") / "home",
        change=lambda feed: feed["window"].update(max_records=4),
    )
    append(home, "changes", 0, [record for window in WINDOWS for record in window])
    platform = Platform.open(home)
    platform.signer  # noqa: B018 - the keys are made before the first crash
    platform.log_key  # noqa: B018
    return home


@pytest.fixture(scope="module")
def writes(fresh_home: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The path of each durable write of the job, in order."""
    folder = tmp_path_factory.mktemp("undisturbed")
    home = shutil.copytree(fresh_home, folder / "home")
    found = run_job(home)
    assert settled_order(home) == list(ORDER)
    _require_each_record_once(home, folder)
    return found


def test_i15_killed_at_durable_writes_and_gone_on_with(
    fresh_home: Path, writes: list[str], tmp_path: Path
) -> None:
    orders = set()
    with fork_server(JOB) as forks:
        for write in range(1, len(writes) + 1):
            for position, moment in enumerate(("before", "after")):
                if (2 * write + position) % EACH:
                    continue
                home = shutil.copytree(fresh_home, tmp_path / f"{write}-{moment}")
                assert forked(forks, home, write, moment) == -signal.SIGKILL
                assert forked(forks, home, 0, moment) == 0, f"{moment} {writes[write - 1]}"
                _require_each_record_once(home, tmp_path)
                orders.add(tuple(settled_order(home)))
                shutil.rmtree(home)
    assert len(orders) > 1, "some were killed before they settled, and some behind it"


def test_i15_a_process_killed_among_others_is_told_of_and_the_next_call_goes_on(
    fresh_home: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(fresh_home, tmp_path / "home")
    with (home / "platform.yaml").open("a") as file:
        file.write("claim_ttl_seconds: 3\n")  # in case it is killed while it closes a run
    told, unnoticed = threading.Event(), threading.Event()
    killer = threading.Thread(target=_kill_the_newest, args=(home, told, unnoticed), daemon=True)
    killer.start()
    with pytest.raises(WorkerLost, match="the process of shop-0000000"):
        list(finished(Platform.open(home), "shop", 2))
    told.set()
    killer.join(60)
    assert not unnoticed.is_set()
    list(finished(Platform.open(home), "shop", 2))
    _require_each_record_once(home, tmp_path)


def _kill_the_newest(home: Path, told: threading.Event, unnoticed: threading.Event) -> None:
    """Kill the newest process of this test as soon as a run is settled, and all if nobody notices."""
    folder = home / "store" / layout.settlement_log("shop", "changes")
    for _ in range(6000):
        if folder.exists() and any(folder.iterdir()):
            break
        told.wait(0.01)
    workers = sorted(multiprocessing.active_children(), key=lambda process: process.pid or 0)
    workers[-1].kill()
    if not told.wait(60):
        unnoticed.set()
        for worker in workers:
            worker.kill()


def _require_each_record_once(home: Path, into: Path) -> None:
    platform = open_home(home)
    order = settled_order(home)
    assert sorted(order) == runs(platform, "shop")
    outcome = expected(WINDOWS, order, 3)
    admitted = 0
    for number, run in enumerate(order, 1):
        assert verify_run(platform, run).ok
        path = layout.admission_receipt_path(run, "changes")
        receipt = read_record(platform.store, path, "admission")
        entry = read_record(
            platform.store, layout.settlement_path("shop", "changes", number), "settlement"
        )
        assert entry["admission_digest"] == digest(receipt)
        assert receipt["settlement"]["number"] == number
        found = decided(home, run, into)
        assert found == outcome[run.sequence], (run, order)
        admitted += len(found["admitted"])
    assert admitted == len(ids_of(WINDOWS))
