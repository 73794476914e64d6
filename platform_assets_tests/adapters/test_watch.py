"""What a step uses is seen while it lasts, with all its processes, and held to its budget."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from platform_assets.adapters import process_tree
from platform_assets.adapters.budget import Budget
from platform_assets.adapters.process_tree import taken
from platform_assets.adapters.watch import MARGIN, StepName, noted, require, spilling, watched
from platform_assets.adapters.workers import workers
from platform_assets.errors import MemoryExceeded, SpillExhausted
from platform_assets_tests.adapters import worker_tasks as tasks
from platform_assets_tests.adapters.worker_tasks import taken as held

_MIB = 1024**2
_GIB = 1024**3
PRELUDE = """
import sys
import time
from pathlib import Path
from platform_assets.adapters.budget import Budget
from platform_assets.adapters.process_tree import taken
from platform_assets.adapters.watch import StepName, require, watched
from platform_assets.errors import MemoryExceeded
from platform_assets_tests.adapters.worker_tasks import taken as held

MIB = 1024**2
NAME = StepName("shop-00000001", "admit", "orders")
BUDGET = Budget(400 * MIB, 2, Path(sys.argv[1]))


def say():
    time.sleep(0.3)
    try:
        require()
        print("kept")
    except MemoryExceeded as error:
        print(error.code)
"""
_NAME = StepName("shop-00000001", "admit", "orders")


def budget(folder: Path, memory: int = 2 * _GIB, spill_limit: int | None = None) -> Budget:
    return Budget(memory, 2, folder, spill_limit)


def in_a_new_process(folder: Path, steps: str) -> list[str]:
    """Return what steps with a budget of 400 MiB say in a process that has nothing of other tests."""
    words = [sys.executable, "-c", PRELUDE + textwrap.dedent(steps), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def compute(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_a_step_is_told_with_what_it_used(tmp_path: Path) -> None:
    with noted() as steps:
        with watched(_NAME, budget(tmp_path)):
            compute(0.3)
            kept = held(300)
            time.sleep(0.3)
            del kept
        with watched(StepName("shop-00000001", "close"), budget(tmp_path)):
            pass
    first, second = steps
    assert str(first.name) == "admit orders of shop-00000001"
    assert str(second.name) == "close of shop-00000001"
    assert first.cpu_seconds >= 0.3
    assert first.wall_seconds >= 0.6
    assert first.peak_rss_bytes >= 300 * _MIB
    assert (first.workers, first.spilled_bytes) == (1, 0)
    assert second.cpu_seconds < first.cpu_seconds
    assert first.as_json() == {
        "run_id": "shop-00000001",
        "step": "admit",
        "thing": "orders",
        "wall_seconds": first.wall_seconds,
        "cpu_seconds": first.cpu_seconds,
        "peak_rss_bytes": first.peak_rss_bytes,
        "spilled_bytes": 0,
        "workers": 1,
        "memory_budget_bytes": 2 * _GIB,
    }


def test_nothing_is_noted_where_nobody_asks(tmp_path: Path) -> None:
    with noted() as steps:
        pass
    with watched(_NAME, budget(tmp_path)):
        pass
    assert steps == []


def test_a_step_that_fails_is_told_as_well(tmp_path: Path) -> None:
    with noted() as steps, pytest.raises(KeyError), watched(_NAME, budget(tmp_path)):
        raise KeyError
    assert len(steps) == 1


def test_workers_count_with_the_step_that_has_them(tmp_path: Path) -> None:
    with (
        noted() as steps,
        watched(_NAME, budget(tmp_path)),
        workers(2, tasks.factor, 200) as some,
    ):
        assert list(some.map(tasks.hold, range(2))) == [200 * _MIB] * 2
    assert steps[0].workers == 2
    assert steps[0].peak_rss_bytes >= 400 * _MIB


def test_the_seconds_of_ended_processes_count(tmp_path: Path) -> None:
    script = "import time\nwhile time.process_time() < 0.5: pass"
    with noted() as steps, watched(_NAME, budget(tmp_path)):
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert steps[0].cpu_seconds >= 0.5


def test_memory_of_workers_beyond_the_budget_ends_the_step(tmp_path: Path) -> None:
    small = budget(tmp_path, 500 * _MIB)
    with workers(2, tasks.factor, 400) as some, watched(_NAME, small):
        with pytest.raises(MemoryExceeded) as caught:
            list(some.map(tasks.hold, range(2)))
        others = taken().processes
    assert others >= 3
    assert caught.value.thing == "admit orders of shop-00000001"
    assert "0.49 GiB of memory (memory_budget), 25% more" in caught.value.expected
    assert re.search(r"GiB held by \d+ processes", caught.value.found)
    assert "`memory_budget`" in caught.value.remedy
    assert taken().processes <= others - 2, "the workers are gone with the step"


def test_what_the_kernel_tells_is_read_to_its_end() -> None:
    script = "import polars; print(); input()"
    command, pipe = [sys.executable, "-c", script], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as job:
        assert job.stdout is not None
        job.stdout.readline()
        expected = Path(f"/proc/{job.pid}/maps").read_bytes()
        assert process_tree._read(f"{job.pid}/maps") == expected
        assert len(expected) > 2 * 4096  # what the kernel gives at once
        job.communicate(b"\n", timeout=60)


def test_a_job_that_leads_a_session_of_its_own_is_not_held_to_the_budget(tmp_path: Path) -> None:
    script = f"held = bytearray({900 * _MIB}); input()"
    command, pipe, nowhere = [sys.executable, "-c", script], subprocess.PIPE, subprocess.DEVNULL
    with (
        noted() as steps,
        watched(_NAME, budget(tmp_path, 500 * _MIB)) as watch,
        subprocess.Popen(command, start_new_session=True, stdin=pipe, stdout=nowhere) as job,
    ):
        until = time.monotonic() + 60
        while watch.use(taken()).peak_rss_bytes < 900 * _MIB and time.monotonic() < until:
            time.sleep(0.05)
        require()
        job.communicate(b"\n", timeout=60)
    assert steps[0].peak_rss_bytes >= 900 * _MIB, "it is told all the same"


def test_a_peak_that_is_over_when_it_is_asked_for_ends_the_step(tmp_path: Path) -> None:
    with watched(_NAME, budget(tmp_path, 500 * _MIB)):
        require()
        kept = held(600)
        time.sleep(0.5)
        del kept
        with pytest.raises(MemoryExceeded, match=r"GiB held by \d+ process"):
            require()
    require()  # nothing is watched any more


def test_the_margin_is_borne_and_no_more(tmp_path: Path) -> None:
    found = in_a_new_process(
        tmp_path,
        f"""
        with watched(NAME, BUDGET):
            kept = held({int(400 * (1 + MARGIN)) - 50} - taken().held // MIB)
            say()
            more = held(100)
            say()
        """,
    )
    assert found == ["kept", "MemoryExceeded"]


def test_what_the_caller_has_is_not_the_steps(tmp_path: Path) -> None:
    found = in_a_new_process(
        tmp_path,
        """
        callers = held(600)
        with watched(NAME, BUDGET):
            say()
        more = held(200)
        with watched(NAME, BUDGET):
            say()
            steps_own = held(600)
            say()
        """,
    )
    assert found == ["kept", "kept", "MemoryExceeded"]


def test_what_a_step_leaves_behind_is_not_the_callers(tmp_path: Path) -> None:
    found = in_a_new_process(
        tmp_path,
        """
        with watched(NAME, BUDGET):
            kept = held(450 - taken().held // MIB)
            say()
        with watched(NAME, BUDGET):
            more = held(150)
            say()
        """,
    )
    assert found == ["kept", "MemoryExceeded"]


def test_spilled_files_are_counted_also_when_they_are_gone_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "step" / "deeper"
    folder.mkdir(parents=True)
    with noted() as steps, watched(_NAME, budget(tmp_path)):
        with spilling(tmp_path / "step"):
            (folder / "run-1").write_bytes(os.urandom(3 * _MIB))
        (folder / "run-1").unlink()
    assert 3 * _MIB <= steps[0].spilled_bytes < 4 * _MIB


def test_spilled_files_beyond_the_limit_end_the_step(tmp_path: Path) -> None:
    limited = budget(tmp_path, spill_limit=2 * _MIB)
    with watched(_NAME, limited), spilling(tmp_path):
        (tmp_path / "run-1").write_bytes(os.urandom(_MIB))
        time.sleep(0.6)
        require()
        (tmp_path / "run-2").write_bytes(os.urandom(2 * _MIB))
        time.sleep(0.6)
        with pytest.raises(SpillExhausted, match="spill_limit of 2,097,152") as caught:
            require()
    assert caught.value.exit_code == 1
