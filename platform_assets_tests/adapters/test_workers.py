"""Workers answer in order, end with their step, and say why where they cannot."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.workers import workers
from platform_assets.errors import LandingInconsistent, UnknownOutcome, WorkerLost
from platform_assets_tests.adapters import worker_tasks as tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 60

#: Two workers, busy for ever; the folder that they note their ids in is the first argument.
BUSY = """
import sys
from platform_assets.adapters.workers import workers
from platform_assets.pipeline.scratch import scratch_folder
from platform_assets_tests.adapters import worker_tasks as tasks
from pathlib import Path
with scratch_folder(Path(sys.argv[1]) / "scratch"):
    with workers(2, tasks.folder_of, sys.argv[1]) as both:
        list(both.map(getattr(tasks, sys.argv[2]), range(4)))
"""


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(processes: list[int]) -> None:
    until = time.monotonic() + _PATIENCE
    while any(map(alive, processes)):
        assert time.monotonic() < until, "a worker outlives its parent"
        time.sleep(0.02)


def busy_workers(parent: subprocess.Popen[bytes], folder: Path) -> list[int]:
    until = time.monotonic() + _PATIENCE
    while len(found := [int(p.name) for p in folder.iterdir() if p.name.isdigit()]) < 2:
        assert parent.poll() is None, "the parent has ended"
        assert time.monotonic() < until, "the workers do not begin"
        time.sleep(0.02)
    return found


@pytest.fixture
def busy(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", BUSY, str(tmp_path), request.param]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_tasks(count: int) -> None:
    with workers(count, tasks.factor, 3) as some:
        assert some.count == count
        assert list(some.map(tasks.times, range(40))) == [3 * task for task in range(40)]
        assert list(some.map(tasks.times, [])) == []
        assert list(some.map(tasks.times, [5])) == [15]


def test_one_worker_is_this_process_and_several_are_others() -> None:
    with workers(1, tasks.factor, 1) as some:
        assert set(some.map(tasks.process_of, range(3))) == {os.getpid()}
    with workers(2, tasks.factor, 1) as some:
        others = set(some.map(tasks.process_of, range(8)))
    assert len(others) == 2
    assert os.getpid() not in others


def test_few_tasks_are_taken_ahead_of_the_results() -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    with workers(2, tasks.factor, 1) as some:
        results = some.map(tasks.times, endless())
        assert [next(results) for _ in range(20)] == list(range(20))
        assert len(taken) <= 20 + 2 * 3


def test_results_that_nobody_took_do_not_come_with_the_next_tasks() -> None:
    with workers(2, tasks.factor, 1) as some:
        assert next(some.map(tasks.times, range(10))) == 0
        assert list(some.map(tasks.times, [7, 8])) == [7, 8]


def test_engines_in_a_worker_have_one_thread() -> None:
    with workers(2, tasks.factor, 1) as some:
        assert list(some.map(tasks.threads_of, [0])) == [(1, "1")]


def test_an_error_of_ours_arrives_as_it_was_raised_after_the_results_before_it() -> None:
    with workers(2, tasks.factor, 1) as some:
        results = some.map(tasks.refuse, range(5))
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(LandingInconsistent) as caught:
            next(results)
    assert caught.value.findings == ("a", "b")
    assert caught.value.remedy == "Look."


def test_an_error_that_cannot_be_sent_is_told_with_where_it_was_raised() -> None:
    with (
        workers(2, tasks.factor, 1) as some,
        pytest.raises(RuntimeError, match="raise_unsendable") as caught,
    ):
        list(some.map(tasks.raise_unsendable, [0]))
    assert "1 and 2" in str(caught.value)


def test_a_full_disk_is_told_by_its_number() -> None:
    with (
        workers(2, tasks.factor, 1) as some,
        pytest.raises(OSError, match="No space left on device"),
    ):
        list(some.map(tasks.fill_disk, [0]))


def test_workers_that_cannot_be_prepared_say_why() -> None:
    with workers(2, tasks.no_factor, 9) as some, pytest.raises(LandingInconsistent, match="factor"):
        list(some.map(tasks.times, range(5)))


def test_a_killed_worker_ends_the_step_and_the_other_workers() -> None:
    with workers(2, tasks.factor, 1) as some:
        others = set(some.map(tasks.process_of, range(4)))
        with pytest.raises(WorkerLost, match="SIGKILL") as caught:
            list(some.map(tasks.die, range(10)))
    assert caught.value.exit_code == UnknownOutcome.exit_code == 3
    assert not any(map(alive, others))


def test_what_workers_print_does_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    with workers(2, tasks.factor, 1) as some:
        list(some.map(tasks.chatter, [0]))
    said = capfd.readouterr()
    assert said.out == ""
    for words in ("printed by a task", "written by a library", "warned by a task"):
        assert words in said.err


@pytest.mark.parametrize("busy", ["note_and_sleep"], indirect=True)
def test_an_interruption_ends_all_workers_and_leaves_no_scratch(
    busy: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    others = busy_workers(busy, tmp_path)
    os.killpg(busy.pid, signal.SIGINT)  # as a terminal does it
    _, said = busy.communicate(timeout=_PATIENCE)
    assert said.count(b"KeyboardInterrupt") == 1, said.decode()
    wait_until_gone(others)
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("busy", ["note_and_sleep", "note_and_compute"], indirect=True)
def test_workers_do_not_outlive_a_parent_that_is_killed(
    busy: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    others = busy_workers(busy, tmp_path)
    busy.kill()
    wait_until_gone(others)


def test_a_daemonic_process_may_have_workers() -> None:
    process = multiprocessing.get_context("spawn").Process(target=work_in_a_daemon, daemon=True)
    process.start()
    process.join(_PATIENCE)
    assert process.exitcode == 0


def work_in_a_daemon() -> None:
    with workers(2, tasks.factor, 2) as some:
        assert list(some.map(tasks.times, range(4))) == [0, 2, 4, 6]


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from platform_assets.adapters.workers import workers\n"
        "from platform_assets_tests.adapters import worker_tasks as tasks\n"
        "print('begun')\n"
        "with workers(2, tasks.factor, 2) as some:\n"
        "    print(list(some.map(tasks.times, range(3))))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        env=environment,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("begun\n[0, 2, 4]\n", "")
