"""The launcher: which runs it takes, who works on them, and what it says of those nobody works on."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus

from platform_assets.orchestration import home_instance
from platform_assets.orchestration.launcher import WORKER_TAG, ReadyRunLauncher, _Worker
from platform_assets.orchestration.worker import at_work, lock_path, worker_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """\
import sys
from pathlib import Path
from platform_assets.orchestration.worker import at_work
with at_work(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "workers" / "a-run"


@pytest.fixture
def real_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with home_instance(home) as instance:
        yield instance


def held_by_another_process(lock: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_run_is_worked_on_for_as_long_as_its_process_lives(lock: Path) -> None:
    assert worker_of(lock) is None
    with held_by_another_process(lock) as process:
        assert worker_of(lock) == process.pid
        process.kill()
        process.wait(60)
        assert lock.exists()
        assert worker_of(lock) is None


def test_a_process_that_is_done_leaves_nothing(lock: Path) -> None:
    with at_work(lock):
        assert lock.exists()
    assert not lock.exists()
    assert worker_of(lock) is None


def test_a_process_that_waits_ends_when_no_run_comes(real_instance: dg.DagsterInstance) -> None:
    worker = _Worker(real_instance.get_ref())
    assert not worker.ended()
    worker.dismiss()
    assert worker.ended()


def test_the_home_launches_with_it_and_monitors_what_it_launched(
    real_instance: dg.DagsterInstance,
) -> None:
    assert isinstance(real_instance.run_launcher, ReadyRunLauncher)
    assert real_instance.run_monitoring_enabled


def test_of_a_run_whose_process_is_gone_it_says_so_and_of_others_it_does_not_know(
    real_instance: dg.DagsterInstance,
) -> None:
    launcher = real_instance.run_launcher
    job = dg.job(name="anything")(lambda: None)
    ours = real_instance.create_run_for_job(job, tags={WORKER_TAG: "ready"})
    lock = lock_path(real_instance.root_directory, ours.run_id)
    with held_by_another_process(lock) as process:
        assert launcher.check_run_worker_health(ours).status is WorkerStatus.RUNNING
        process.kill()
        process.wait(60)
    assert launcher.check_run_worker_health(ours).status is WorkerStatus.FAILED
    assert not lock.exists()
    others = real_instance.create_run_for_job(job)
    assert launcher.check_run_worker_health(others).status is WorkerStatus.RUNNING


def test_a_run_that_nobody_works_on_cannot_be_interrupted(
    real_instance: dg.DagsterInstance,
) -> None:
    job = dg.job(name="anything")(lambda: None)
    run = real_instance.create_run_for_job(job, tags={WORKER_TAG: "ready"})
    assert not real_instance.run_launcher.terminate(run.run_id)
