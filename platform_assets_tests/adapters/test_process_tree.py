"""What processes and their descendants take, counted from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.process_tree import counted, held_by, machine_cpu_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_HELD = 64 * 1024**2
#: Starts a child in a session of its own, which holds memory, files and a thread.
_PARENT = f"""
import subprocess, sys
child = '''
import threading, sys, time
held = b"x" * {_HELD}
files = [open("/dev/null") for _ in range(20)]
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
begun = time.process_time()
while time.process_time() - begun < 0.3:
    pass
print("ready", flush=True)
time.sleep(600)
'''
subprocess.run([sys.executable, "-c", child], start_new_session=True)
"""


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    descendants = counted([parent.pid]).pids
    yield parent
    for pid in descendants:
        os.kill(pid, signal.SIGKILL)
    parent.communicate()


def test_descendants_in_other_sessions_are_counted(tree: subprocess.Popen[bytes]) -> None:
    found = counted([tree.pid])
    assert len(found.pids) == 2
    assert found.held >= _HELD
    assert found.resident >= found.held
    assert found.descriptors >= 26
    assert found.threads == 3
    assert found.cpu_microseconds >= 300_000
    assert held_by(found.pids) >= _HELD


def test_a_process_that_is_named_with_its_parent_counts_once(
    tree: subprocess.Popen[bytes],
) -> None:
    once = counted([tree.pid])
    assert counted([*once.pids, tree.pid]).threads == once.threads


def test_a_process_that_is_counted_alone_has_nothing_of_its_children(
    tree: subprocess.Popen[bytes],
) -> None:
    spent = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", spent], check=True)  # waited for by this process
    own = os.getpid()
    assert tree.pid in counted([own]).pids
    before = counted([own], alone=True)
    assert before.pids == (own,)
    times = os.times()
    assert abs(before.cpu_microseconds - (times.user + times.system) * 1e6) < 200_000
    assert times.children_user + times.children_system > 0.4


def test_processes_that_have_ended_have_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert counted([gone.pid]).pids == ()
    assert counted([]).resident == 0


def test_the_machine_has_taken_at_least_what_this_process_takes() -> None:
    before, own = machine_cpu_microseconds(), time.process_time()
    while time.process_time() - own < 0.3:
        pass
    assert machine_cpu_microseconds() - before >= 200_000  # it is counted in hundredths of a second
