"""Control groups of the machine that runs the tests, and of machines that are only written down."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.lanes import memory_group
from platform_assets.lanes.memory_group import make_group

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024**2


class Machine:
    """Files as a kernel shows them: a hierarchy, where it is mounted, and the group of this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.top = folder / "cgroup"
        self.own = self.top / "box"
        self.own.mkdir(parents=True)
        self._folder = folder
        monkeypatch.setattr(memory_group, "_MOUNTS", folder / "mountinfo")
        monkeypatch.setattr(memory_group, "_OWN", folder / "own")

    def version_1(self, limit: str) -> None:
        self._describe("cgroup", "rw,memory", "4:memory:/box\n3:cpu:/elsewhere\n")
        (self.own / "memory.limit_in_bytes").write_text(f"{limit}\n")
        (self.top / "memory.limit_in_bytes").write_text("9223372036854771712\n")

    def version_2(self, limit: str, handed_down: str = "cpu memory") -> None:
        self._describe("cgroup2", "rw", "0::/box\n")
        (self.top / "cgroup.subtree_control").write_text(f"{handed_down}\n")
        (self.own / "memory.max").write_text(f"{limit}\n")

    def _describe(self, kind: str, options: str, own: str) -> None:
        mount = f"35 31 0:32 / {self.top} rw,relatime - {kind} {kind} {options}\n"
        root = "23 1 253:0 / / rw,relatime - ext4 /dev/vda rw\n"
        (self._folder / "mountinfo").write_text(root + mount)
        (self._folder / "own").write_text(own)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_group_has_the_limit_and_no_swap(machine: Machine) -> None:
    machine.version_2("max")

    group = make_group(64 * MIB)

    assert group is not None
    assert group.folder.parent == machine.top
    assert (group.folder / "memory.max").read_text() == str(64 * MIB)
    assert (group.folder / "memory.swap.max").read_text() == "0"


def test_a_group_of_the_first_version_limits_memory_and_swap_together(machine: Machine) -> None:
    machine.version_1("9223372036854771712")

    group = make_group(64 * MIB)

    assert group is not None
    assert (group.folder / "memory.limit_in_bytes").read_text() == str(64 * MIB)
    assert (group.folder / "memory.memsw.limit_in_bytes").read_text() == str(64 * MIB)


def test_nobody_gives_itself_more_than_it_has(machine: Machine) -> None:
    for describe in (machine.version_1, machine.version_2):
        describe(str(64 * MIB))

        assert make_group(64 * MIB + 1) is None
        assert make_group(64 * MIB) is not None


def test_where_groups_are_not_handed_memory_none_is_made(machine: Machine) -> None:
    machine.version_2("max", handed_down="cpu")

    assert make_group(64 * MIB) is None
    assert not list(machine.top.glob("platform-assets-*"))


def test_where_there_are_no_control_groups_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_group, "_MOUNTS", tmp_path / "nothing")

    assert make_group(64 * MIB) is None


def test_where_nothing_may_be_written_none_is_made(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.version_2("max")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.mkdir", denied)

    assert make_group(64 * MIB) is None


def test_empty_groups_of_killed_processes_are_swept_and_those_of_others_are_not(
    machine: Machine,
) -> None:
    machine.version_2("max")
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    left, used, alive = (
        machine.top / f"platform-assets-{pid}-{name}"
        for pid, name in ((done.pid, "left"), (done.pid, "used"), (os.getpid(), "alive"))
    )
    for folder in (left, used, alive):
        folder.mkdir()
    (used / "inner").mkdir()

    make_group(64 * MIB)

    assert (left.exists(), used.exists(), alive.exists()) == (False, True, True)


def test_a_group_is_removed_with_whoever_is_left_in_it() -> None:
    group = make_group(64 * MIB)
    if group is None:
        pytest.skip("no control group can be made here")
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    group.entry.write_text(str(sleeper.pid))

    group.remove()

    assert sleeper.wait() == -9
    assert not group.folder.exists()
