"""One attempt to take a window under limits, and how it ended. Every way to end is evidence.

The command works in a process of its own, in a session of its own, and does not outlive the lane. Its
memory is limited by a control group, in which the kernel kills; where no group can be made it is looked
at twenty times a second, and all of its processes are killed when they hold more. Its time is limited:
it is asked to end, and is killed where it does not. What it answered, what it said last and who ended
it is kept. Whether it came to its end is told by its exit code alone.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.full_disks import disk_problem
from platform_assets.adapters.process_tree import held_by, with_descendants
from platform_assets.lanes.memory_group import make_group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from platform_assets.lanes.memory_group import MemoryGroup

_LOOK_SECONDS = 0.05
_GRACE_SECONDS = 10.0
_LAST_WORDS = 2_000
_OF_SIGNALS = 128
#: Asks the kernel to kill this process with the lane, enters the group, if there is one, and becomes
#: the command.
_LEASH = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    if sys.argv[2]:
        with open(sys.argv[2], "w") as entry:
            entry.write(str(os.getpid()))
    os.execvp(sys.argv[3], sys.argv[3:])
"""


class How(StrEnum):
    """How an attempt ended."""

    CLOSED = "closed"
    KILLED = "killed"
    TIMED_OUT = "timed_out"
    SPILL_EXHAUSTED = "spill_exhausted"
    MEMORY_EXCEEDED = "memory_exceeded"
    DISK_FULL = "disk_full"
    FAILED = "failed"


#: The words with which the platform tells of a full disk.
_FULL_DISK = disk_problem(OSError(errno.ENOSPC, ""))
_BY_CODE = {"SpillExhausted": How.SPILL_EXHAUSTED, "MemoryExceeded": How.MEMORY_EXCEEDED}


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended.

    Attributes:
        how: in one word.
        exit_code: as a shell tells it: 128 and the signal's number where it was killed.
        by: who ended it, where it was ended.
        error: the code of the platform's error, with what was found; empty where it told none.
        said: its last words on stderr.
        seconds: how long it lasted.
        held: the most bytes that its processes held at one moment.
        limit: how its memory was limited: ``group``, by the kernel; ``watched``; ``none``.
        answer: the document that it answered with.
    """

    how: How
    exit_code: int
    by: str
    error: str
    said: str
    seconds: float
    held: int
    limit: str
    answer: Mapping[str, Any]


def attempt(
    command: Sequence[str],
    *,
    logs: Path,
    environment: Mapping[str, str],
    memory: int | None,
    seconds: float,
    started: Callable[[int], None],
) -> Ended:
    """Run a command that answers with JSON on stdout, under limits, and return how it ended.

    Args:
        command: the command.
        logs: an existing folder, for what it answers and says.
        environment: its whole environment.
        memory: the bytes that its processes may hold together; None for no limit.
        seconds: how long it may take.
        started: is called with the number of the process.
    """
    with _group(memory) as group, (logs / "answer.json").open("wb") as out:
        with (logs / "stderr").open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 - the platform's own command
                [
                    *(sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid())),
                    str(group.entry) if group else "",
                    *command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=said,
                env=environment,
                start_new_session=True,
            )
        watch = _Watch(process, None if group else memory, seconds)
        try:
            started(process.pid)
            code = watch.until_ended()
        finally:
            _kill(process)
        kernel_kills = group.kills() if group else 0
    answer = _answer((logs / "answer.json").read_bytes())
    how = _how(code, answer, watch.ended_by, kernel_kills)
    return Ended(
        how=how,
        exit_code=_OF_SIGNALS - code if code < 0 else code,
        by=_by(code, watch.ended_by, kernel_kills, memory),
        error=f"{answer['error']}: {answer.get('found', '')}" if "error" in answer else "",
        said=(logs / "stderr").read_bytes()[-_LAST_WORDS:].decode("utf-8", "replace").strip(),
        seconds=watch.seconds,
        held=watch.held,
        limit="none" if memory is None else "group" if group else "watched",
        answer=answer,
    )


@dataclass(slots=True)
class _Watch:
    """Looks at a process until it ends, and ends it where it goes beyond its limits."""

    process: subprocess.Popen[bytes]
    memory: int | None
    limit_seconds: float
    ended_by: How | None = None
    seconds: float = 0.0
    held: int = 0

    def until_ended(self) -> int:
        """Return the code with which it ended."""
        began = time.monotonic()
        while (code := self.process.poll()) is None:
            held = held_by(with_descendants(self.process.pid))
            self.held, now = max(self.held, held), time.monotonic()
            if self.memory is not None and held > self.memory:
                self._end(How.KILLED, signal.SIGKILL)
            elif now - began > self.limit_seconds + _GRACE_SECONDS:
                self._end(How.TIMED_OUT, signal.SIGKILL)
            elif now - began > self.limit_seconds and self.ended_by is None:
                self._end(How.TIMED_OUT, signal.SIGTERM)
            time.sleep(_LOOK_SECONDS)
        self.seconds = time.monotonic() - began
        return code

    def _end(self, how: How, number: signal.Signals) -> None:
        self.ended_by = self.ended_by or how
        with suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)


@contextmanager
def _group(memory: int | None) -> Iterator[MemoryGroup | None]:
    group = None if memory is None else make_group(memory)
    try:
        yield group
    finally:
        if group is not None:
            group.remove()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of its session's first group, and wait for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _answer(data: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:  # it was ended before it could answer
        return {}
    return answer if isinstance(answer, dict) else {}


def _how(code: int, answer: Mapping[str, Any], ended_by: How | None, kernel_kills: int) -> How:
    if code == 0:
        return How.CLOSED
    if ended_by is not None:
        return ended_by
    if kernel_kills or code == -signal.SIGKILL:
        return How.KILLED
    if _FULL_DISK in str(answer.get("found", "")):
        return How.DISK_FULL
    return _BY_CODE.get(str(answer.get("error", "")), How.FAILED)


def _by(code: int, ended_by: How | None, kernel_kills: int, memory: int | None) -> str:
    if code == 0:
        return ""
    if ended_by is How.TIMED_OUT:
        return "the probe, when its time was over"
    if ended_by is How.KILLED:
        return f"the probe, as it held more than {memory:,} bytes"
    if kernel_kills:
        killed = "it" if code == -signal.SIGKILL else f"{kernel_kills} of its processes"
        return f"the kernel, which killed {killed} at {memory:,} bytes of its control group"
    if code < 0:
        return f"{signal.Signals(-code).name} of somebody else"
    return "itself"
