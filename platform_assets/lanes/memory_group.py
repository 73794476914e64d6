"""A limit of memory that the kernel keeps, as a container has one: a control group of its own.

A group is made at the top of the hierarchy that this process sees, v2 or v1, for the processes of one
attempt, and is removed with it. Within it the kernel takes back the pages of files first; where that is
not enough, it kills. Swap is not lent. Making one needs the right to write there, which root has, or
whoever was given the hierarchy; where no group can be made, or where this process has less to give
itself, there is none and whoever wants the limit has to watch it.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_OWN = Path("/proc/self/cgroup")
_NAME = "platform-assets-"
_REMOVE_SECONDS = 5.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Files:
    """What the files of a version of control groups are called, and how one lends no swap."""

    controller: str
    limit: str
    swap: str
    kills: str
    no_swap: str | None = None


_V1 = Files("memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control")
_V2 = Files("", "memory.max", "memory.swap.max", "memory.events", no_swap="0")


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """A control group with a limit."""

    folder: Path
    files: Files

    @property
    def entry(self) -> Path:
        """The file to which a process writes its number to enter."""
        return self.folder / "cgroup.procs"

    def kills(self) -> int:
        """Return how many of its processes the kernel has killed for want of memory."""
        lines = (self.folder / self.files.kills).read_text().splitlines()
        fields = dict(line.split() for line in lines)
        return int(fields.get("oom_kill", 0))

    def remove(self) -> None:
        """Kill what is left in it, and remove it."""
        deadline = time.monotonic() + _REMOVE_SECONDS
        while time.monotonic() < deadline:
            for pid in self.entry.read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            with suppress(OSError):  # a process that was killed leaves it a little later
                self.folder.rmdir()
                return
            time.sleep(_LOOK_SECONDS)


def make_group(limit: int) -> MemoryGroup | None:
    """Return a new group that may hold so many bytes; None where none can be made."""
    top, files = _hierarchy()
    if top is None or _own_limit(top, files) < limit:
        return None
    _sweep(top)
    folder = top / f"{_NAME}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
    except OSError:
        return None
    try:
        (folder / files.limit).write_text(str(limit))
        with suppress(OSError):  # a kernel that counts no swap has no such file
            (folder / files.swap).write_text(files.no_swap or str(limit))
    except OSError:
        folder.rmdir()
        return None
    return MemoryGroup(folder, files)


def _hierarchy() -> tuple[Path | None, Files]:
    """Return the top folder below which groups can have limits of memory, and its version."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    except OSError:  # another system's
        return None, _V2
    for fields in mounts:
        top, kind, options = Path(fields[4]), fields[-3], fields[-1].split(",")
        if kind == "cgroup" and "memory" in options:
            return top, _V1
        handed_down = top / "cgroup.subtree_control"
        if kind == "cgroup2" and "memory" in handed_down.read_text().split():
            return top, _V2
    return None, _V2


def _own_limit(top: Path, files: Files) -> float:
    """Return what the groups that this process is in allow it: it is not to give itself more."""
    for line in _OWN.read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        if files.controller in controllers.split(","):
            inner = top / own.lstrip("/")
            folders = [each for each in (inner, *inner.parents) if each.is_relative_to(top)]
            return min(_limit(folder / files.limit) for folder in folders)
    return float("inf")


def _limit(file: Path) -> float:
    try:
        text = file.read_text().strip()
    except FileNotFoundError:  # the top of v2 has none
        return float("inf")
    return float("inf") if text == "max" else int(text)


def _sweep(top: Path) -> None:
    """Remove the empty groups that killed processes left."""
    for folder in top.glob(f"{_NAME}*-*"):
        pid = folder.name.removeprefix(_NAME).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            with suppress(OSError):  # somebody is in it
                folder.rmdir()
