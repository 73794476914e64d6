"""One attempt under limits: what ends it is told, and nothing of it is left."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.lanes import attempt as attempts
from platform_assets.lanes.attempt import Ended, How, attempt
from platform_assets.lanes.memory_group import make_group

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024**2
#: Takes 30 MiB more ten times a second, for ever.
GREEDY = "import time\nheld = []\nwhile True: held.append(b'x' * (30 * 2**20)); time.sleep(0.1)"


def answering(value: dict[str, Any], code: int) -> str:
    return f"import sys; print({json.dumps(value)!r}); sys.exit({code})"


@pytest.fixture
def group_can_be_made() -> Iterator[None]:
    group = make_group(64 * MIB)
    if group is None:
        pytest.skip("no control group can be made here")
    group.remove()
    yield
    top = group.folder.parent
    assert not list(top.glob(f"platform-assets-{os.getpid()}-*")), "a group was left"


def tried(
    folder: Path, program: str, *, memory: int | None = None, seconds: float = 60.0
) -> tuple[Ended, int]:
    """Return how a program ended, and its process."""
    logs = folder / "logs"
    logs.mkdir()
    pids: list[int] = []
    ended = attempt(
        [sys.executable, "-c", program],
        logs=logs,
        environment=dict(os.environ),
        memory=memory,
        seconds=seconds,
        started=pids.append,
    )
    return ended, pids[0]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def comes_to_its_end(pid: int) -> bool:
    """Tell whether an orphan is gone soon; whoever inherits it has to take note of its end."""
    deadline = time.monotonic() + 10
    while not is_gone(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_gone(pid)


def test_what_comes_to_its_end_tells_what_it_answered(tmp_path: Path) -> None:
    ended, _ = tried(tmp_path, answering({"runs": [1]}, 0))

    assert (ended.how, ended.exit_code, ended.by) == (How.CLOSED, 0, "")
    assert ended.answer == {"runs": [1]}
    assert ended.limit == "none"


@pytest.mark.parametrize(
    ("code", "found", "how"),
    [
        ("SpillExhausted", "more than spill_limit", How.SPILL_EXHAUSTED),
        ("MemoryExceeded", "2.00 GiB held by 3 processes", How.MEMORY_EXCEEDED),
        ("SpillExhausted", "no space left on the disk", How.DISK_FULL),
        ("StoreUnwritable", "no space left on the disk", How.DISK_FULL),
        ("CertificationFailed", "orders: rows observed 4", How.FAILED),
    ],
)
def test_what_the_platform_refuses_is_told_by_its_own_error(
    tmp_path: Path, code: str, found: str, how: How
) -> None:
    ended, _ = tried(tmp_path, answering({"error": code, "found": found}, 1))

    assert (ended.how, ended.exit_code, ended.by) == (how, 1, "itself")
    assert ended.error == f"{code}: {found}"


def test_what_answers_nothing_is_told_by_its_last_words(tmp_path: Path) -> None:
    ended, _ = tried(tmp_path, "raise SystemExit('x' * 3000 + 'the end')")

    assert (ended.how, ended.exit_code) == (How.FAILED, 1)
    assert ended.said.endswith("xthe end")
    assert len(ended.said) == 1_999  # its last line end is cut off
    assert ended.answer == {}


@pytest.mark.usefixtures("group_can_be_made")
def test_the_kernel_kills_what_holds_more_than_its_group_may(tmp_path: Path) -> None:
    ended, pid = tried(tmp_path, GREEDY, memory=128 * MIB)

    assert (ended.how, ended.exit_code, ended.limit) == (How.KILLED, 137, "group")
    assert ended.by == "the kernel, which killed it at 134,217,728 bytes of its control group"
    assert 64 * MIB < ended.held <= 128 * MIB
    assert is_gone(pid)


@pytest.mark.usefixtures("group_can_be_made")
def test_a_worker_that_the_kernel_killed_is_told_though_its_parent_lived(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        f"done = subprocess.run([sys.executable, '-c', {GREEDY!r}])\n"
        'print(\'{"error": "WorkerLost", "found": "a worker was killed"}\')\n'
        "sys.exit(3)"
    )

    ended, _ = tried(tmp_path, program, memory=128 * MIB)

    assert (ended.how, ended.exit_code) == (How.KILLED, 3)
    assert ended.by.startswith("the kernel, which killed 1 of its processes")
    assert ended.error == "WorkerLost: a worker was killed"


def test_without_groups_it_is_watched_and_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "make_group", lambda _: None)

    ended, pid = tried(tmp_path, GREEDY, memory=128 * MIB)

    assert (ended.how, ended.exit_code, ended.limit) == (How.KILLED, 137, "watched")
    assert ended.by == "the probe, as it held more than 134,217,728 bytes"
    assert is_gone(pid)


def test_what_another_one_kills_is_not_taken_for_a_limit(tmp_path: Path) -> None:
    ended, _ = tried(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    assert (ended.how, ended.exit_code, ended.by) == (How.KILLED, 137, "SIGKILL of somebody else")


def test_what_takes_too_long_is_asked_to_end(tmp_path: Path) -> None:
    ended, pid = tried(tmp_path, "import time; time.sleep(600)", seconds=1.0)

    assert (ended.how, ended.exit_code) == (How.TIMED_OUT, 143)
    assert ended.by == "the probe, when its time was over"
    assert is_gone(pid)


def test_what_does_not_end_when_it_is_asked_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_GRACE_SECONDS", 1.0)
    child = tmp_path / "child"
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(child)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )

    ended, pid = tried(tmp_path, program, seconds=2.0)

    assert (ended.how, ended.exit_code) == (How.TIMED_OUT, 137)
    assert is_gone(pid)
    assert comes_to_its_end(int(child.read_text()))


def test_what_it_started_does_not_outlive_it(tmp_path: Path) -> None:
    child = tmp_path / "child"
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(child)!r}, 'w').write(str(child.pid))"
    )

    ended, _ = tried(tmp_path, program)

    assert ended.how is How.CLOSED
    assert comes_to_its_end(int(child.read_text()))


def test_an_attempt_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    pids: list[int] = []

    def interrupt(pid: int) -> None:
        pids.append(pid)
        raise KeyboardInterrupt

    (tmp_path / "logs").mkdir()
    with pytest.raises(KeyboardInterrupt):
        attempt(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            logs=tmp_path / "logs",
            environment=dict(os.environ),
            memory=None,
            seconds=60,
            started=interrupt,
        )

    assert is_gone(pids[0])


def test_a_window_that_is_closed_at_the_last_moment_is_closed(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "def end(*_):\n    print('{}'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "time.sleep(600)"
    )

    ended, _ = tried(tmp_path, program, seconds=2.0)

    assert (ended.how, ended.exit_code, ended.by) == (How.CLOSED, 0, "")
