"""Two daemons, killed daemons and a cursor that was reset: every record in one window, once.

Everything here is as in service: processes of ``dagster-daemon``, a code server for each, runs in
processes of their own, one instance and one home.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import dagster as dg

from platform_assets.flow.anchors import verify_chain
from platform_assets.identifiers import RunId
from platform_assets.orchestration import home_instance
from platform_assets.orchestration.launcher import WORKER_TAG
from platform_assets.pipeline import Platform, open_product, runs
from platform_assets.pipeline.pinned_runs import open_runs
from platform_assets.pipeline.state import is_closed
from platform_assets_tests.orchestration.dagster_daemon import DagsterDaemon, dagster
from platform_assets_tests.orchestration.shop_home import append, good_window, redeclare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Seconds for something that takes a few; the machine may be busy.
PATIENCE = 300
SENSOR = "shop_offsets"


def wait_until(what: str, true: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            said = log.read_text("utf-8", "replace")[-4000:]
            raise AssertionError(f"{what} did not happen in {PATIENCE} s:\n{said}")
        time.sleep(0.25)


def test_daemons_that_overlap_die_and_forget_take_every_record_once(
    home: Path, tmp_path: Path
) -> None:
    redeclare(
        home, "max_records: 1000", "max_records: 5\n    max_open_runs: 2\n    look_every_seconds: 5"
    )
    log = tmp_path / "daemons.log"
    with home_instance(home):
        pass  # the instance is made
    dagster(home, "sensor", "start", SENSOR)
    windows = 0

    def arrive(count: int) -> None:
        nonlocal windows
        for number in range(windows, windows + count):
            append(home, good_window(100 * number))
        windows += count

    def pinned(sequence: int) -> bool:
        return RunId("shop", sequence) in runs(Platform.open(home), "shop")

    def closed(sequence: int) -> bool:
        return pinned(sequence) and is_closed(Platform.open(home), RunId("shop", sequence))

    arrive(2)
    with DagsterDaemon(home, log) as first, DagsterDaemon(home, log) as second:
        wait_until("the second closure", lambda: closed(2), log)
        arrive(2)
        # between the pin and the request, or soon after it
        wait_until("the third pin", lambda: pinned(3), log)
        first.kill()
        dagster(home, "sensor", "cursor", SENSOR, "--delete")
        # in the middle of a run
        wait_until("a landing", lambda: landed(home, 3), log)
        second.kill()
    assert not first.alive
    arrive(2)
    with DagsterDaemon(home, log):
        wait_until("the last closure", lambda: closed(6), log)

    platform = Platform.open(home)
    every = runs(platform, "shop")
    assert len(every) == windows
    assert open_runs(platform, "shop") == []
    verify_chain([platform.anchors(run) for run in every])
    assert orders(platform, every) == Counter(
        f"o{100 * number + n}" for number in range(windows) for n in range(3)
    )
    with home_instance(home) as instance:
        worked = instance.get_runs(filters=dg.RunsFilter(job_name="shop_run"))
    assert all(WORKER_TAG in run.tags for run in worked)
    assert {run.tags["dagster/partition"] for run in worked} == {str(run) for run in every}


def landed(home: Path, sequence: int) -> bool:
    return any((home / f"store/runs/shop-{sequence:08d}").glob("landing/*"))


def orders(platform: Platform, every: list[RunId]) -> Counter[str]:
    """Return how often each order stands in the certified products of all runs."""
    found: Counter[str] = Counter()
    for run in every:
        found.update(open_product(platform, run, "orders").scan().collect()["id"].to_list())
    return found
