"""The launcher: which runs it takes, who works on them, and what it says of those nobody works on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.events import DagsterEventType
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster_shared.record import copy

from platform_assets.orchestration import home_instance
from platform_assets.orchestration.launcher import (
    DEFINITIONS,
    WORKER_TAG,
    ReadyRunLauncher,
    _Worker,
)
from platform_assets.orchestration.lost_runs import LAUNCH, bury
from platform_assets.orchestration.run_locks import lock_path, locked, spare_path, worker_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """\
import sys
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
    with locked(lock) as held:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(held,),
        )
        os.write(held, str(process.pid).encode())
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


def test_a_process_that_waits_holds_its_lock_and_ends_when_no_run_comes(
    real_instance: dg.DagsterInstance,
) -> None:
    lock = spare_path(str(real_instance.root_directory))
    worker = _Worker(real_instance.get_ref(), lock)
    assert worker_of(lock) is not None
    assert not worker.ended()
    worker.dismiss()
    assert worker.ended()
    assert not lock.exists()


def test_from_when_a_run_is_handed_to_a_process_the_end_of_that_process_shows(
    real_instance: dg.DagsterInstance,
) -> None:
    root = str(real_instance.root_directory)
    worker = _Worker(real_instance.get_ref(), spare_path(root))
    worker.name_after(lock_path(root, "a-run"))
    process = worker_of(lock_path(root, "a-run"))
    assert process is not None  # it has not even heard of the run
    os.kill(process, signal.SIGKILL)
    worker.dismiss()
    assert worker_of(lock_path(root, "a-run")) is None


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


def launched(instance: dg.DagsterInstance, **tags: str) -> dg.RunRecord:
    """Return a run that is being launched."""
    run = instance.create_run_for_job(dg.job(name="anything")(lambda: None), tags=tags)
    event = dg.DagsterEvent(DagsterEventType.RUN_STARTING.value, run.job_name)
    instance.report_dagster_event(event, run.run_id)
    return instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))[0]


def test_a_run_that_starts_is_failed_as_soon_as_its_process_is_gone(
    real_instance: dg.DagsterInstance,
) -> None:
    record = launched(real_instance, **{WORKER_TAG: "ready"})
    lock = lock_path(str(real_instance.root_directory), record.dagster_run.run_id)
    with held_by_another_process(lock) as process:
        assert bury(real_instance, record).status is dg.DagsterRunStatus.STARTING
        process.kill()
        process.wait(60)
    assert bury(real_instance, record).status is dg.DagsterRunStatus.FAILURE


def test_a_run_that_no_process_took_is_failed_when_no_launch_takes_so_long(
    real_instance: dg.DagsterInstance,
) -> None:
    record = launched(real_instance)
    assert bury(real_instance, record).status is dg.DagsterRunStatus.STARTING
    old = copy(record, update_timestamp=record.update_timestamp - 2 * LAUNCH)
    assert bury(real_instance, old).status is dg.DagsterRunStatus.FAILURE


def test_a_run_that_ended_well_while_it_was_looked_for_is_left_so(
    real_instance: dg.DagsterInstance,
) -> None:
    record = launched(real_instance, **{WORKER_TAG: "ready"})
    real_instance.report_dagster_event(
        dg.DagsterEvent(DagsterEventType.RUN_SUCCESS.value, "anything"),
        record.dagster_run.run_id,
    )
    assert bury(real_instance, record).status is dg.DagsterRunStatus.SUCCESS


def test_a_run_that_was_given_up_meanwhile_is_handed_to_nobody(
    real_instance: dg.DagsterInstance,
) -> None:
    origin = JobPythonOrigin(
        "anything",
        RepositoryPythonOrigin(
            sys.executable,
            ModuleCodePointer(DEFINITIONS, "defs", None),
        ),
    )
    run = real_instance.create_run_for_job(
        dg.job(name="anything")(lambda: None), job_code_origin=origin
    )
    real_instance.report_run_failed(run)
    real_instance.run_launcher.launch_run(LaunchRunContext(run, None))
    taken = lock_path(str(real_instance.root_directory), run.run_id)
    assert not taken.exists()
    standing = real_instance.get_run_by_id(run.run_id)
    assert standing is not None
    assert standing.status is dg.DagsterRunStatus.FAILURE
