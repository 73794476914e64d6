"""Runs of lanes in Dagster that are ended: their processes end too, and no other lane begins by it."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
import psutil
import pytest

from platform_assets.adapters.process_tree import with_descendants
from platform_assets.lanes.lane_folders import lane_folders
from platform_assets.orchestration import definitions_for, home_instance
from platform_assets.orchestration.run_locks import lock_path, worker_of
from platform_assets_tests.lanes.plans import write_plan
from platform_assets_tests.orchestration.dagster_daemon import DagsterDaemon, dagster
from platform_assets_tests.orchestration.dagster_lanes import BURST, config
from platform_assets_tests.orchestration.dagster_steps import QUIET
from platform_assets_tests.orchestration.test_dagster_daemons import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = "lane-burst-00000001"
THRESHOLDS = {"lost": {"metric": "lost", "statistic": "sum", "at_most": 0, "unit": "1"}}


def launch(home: Path) -> None:
    told = json.dumps(config(profile="tiny", plan="plan.yaml"))
    dagster(home, "job", "launch", "-j", "lane_burst", "--config-json", told)


def terminate(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Do what the button of the UI does."""
    instance.run_coordinator.cancel_run(run.run_id)


@contextmanager
def instance_of(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance of a home; runs do not outlive it, though they outlive a daemon."""
    with home_instance(home) as instance:
        try:
            yield instance
        finally:
            for run in instance.get_runs():
                if not run.is_finished:
                    terminate(instance, run)


def running(pids: set[int]) -> set[int]:
    """Return which of these run; one that has ended may still wait for its launcher to look."""
    found = {each.pid for each in psutil.process_iter() if each.status() != psutil.STATUS_ZOMBIE}
    return pids & found


def test_a_terminated_run_ends_every_process_of_its_lane_and_the_next_lane_waited_for_that(
    home: Path, tmp_path: Path
) -> None:
    write_plan(home / "plan.yaml", THRESHOLDS, seconds=3600)
    log, lane = tmp_path / "daemon.log", home / "lanes" / RUN
    with instance_of(home) as instance, DagsterDaemon(home, log):
        launch(home)
        launch(home)

        def run(number: int) -> dg.DagsterRun:
            return instance.get_runs(ascending=True)[number]

        wait_until("a closed window", (lane / "evidence" / "runs").exists, log)
        worker = worker_of(lock_path(str(instance.root_directory), run(0).run_id))
        assert worker is not None
        pids = set(with_descendants(worker))
        assert len(running(pids)) >= 4, "the run itself, its worker and two generators"
        assert run(1).status is dg.DagsterRunStatus.QUEUED

        terminate(instance, run(0))
        wait_until("its end", lambda: run(0).is_finished and not running(pids), log)
        assert run(0).status is dg.DagsterRunStatus.CANCELED
        assert json.loads((lane / "state.json").read_text())["state"] == "interrupted"
        assert (lane / "work" / "measured" / "samples.ndjson").stat().st_size

        started = dg.DagsterRunStatus.STARTED
        wait_until("the start of the next", lambda: run(1).status is started, log)
        terminate(instance, run(1))
        wait_until("its end", lambda: run(1).is_finished, log)
        assert run(1).status is dg.DagsterRunStatus.CANCELED
        assert instance.get_latest_materialization_event(BURST) is None


@pytest.mark.usefixtures("nothing_collected")
def test_of_several_lanes_in_one_run_none_begins_once_it_is_interrupted(
    home: Path, instance: dg.DagsterInstance
) -> None:
    write_plan(home / "plan.yaml", THRESHOLDS, seconds=3600)
    closed = home / "lanes" / RUN / "evidence" / "runs"

    def interrupt() -> None:
        deadline = time.monotonic() + PATIENCE
        while not closed.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    told = {
        **config(profile="tiny", plan="plan.yaml")["ops"],
        **config("soak", profile="smoke")["ops"],
    }
    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    result = (
        definitions_for(home)
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            instance=instance,
            asset_selection=[BURST, dg.AssetKey(["lanes", "soak"])],
            run_config={**QUIET, "ops": told},
            raise_on_error=False,
        )
    )
    interrupting.join()
    assert not result.success
    assert [folder.told()["state"] for folder in lane_folders(home)] == ["interrupted"]
