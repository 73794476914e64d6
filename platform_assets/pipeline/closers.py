"""Who closes a run, told so exactly that its death is known at once where it can be seen.

A closer that shows no life is replaced after its time to live. One that died on this machine need not
be waited for: its claim names the process by boot, process namespace, number and start, so that it
cannot be taken for another. The same holds for an earlier attempt of this process that could not give
its claim up, for example because the disk was full.

Where a claim was made on another machine, or in another namespace, or where the system tells nothing of
its processes, nothing is known. To take a living closer for dead would not be unsafe, only rude: its
epoch would be barred, and its work be done again.
"""

from __future__ import annotations

import os
import re
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")
_OWNER = re.compile(r".* process (?P<pid>\d+) \((?P<machine>\S+ \S+), (?P<started>\d+)\)")
#: Where its start stands in the status of a process, counted behind its name in parentheses.
_STARTED = 19

#: The attempts of this process that are under way, by their nonces.
_attempts: set[str] = set()


def owner() -> str:
    """Return this process as claims name it: for people first, then for `is_gone`."""
    name = f"{socket.gethostname()} process {os.getpid()}"
    machine, started = _machine(), _start_of(os.getpid())
    return f"{name} ({machine}, {started})" if machine and started else name


@contextmanager
def attempting(nonce: str) -> Iterator[None]:
    """Show that an attempt of this process is under way."""
    _attempts.add(nonce)
    try:
        yield
    finally:
        _attempts.discard(nonce)


def is_gone(owner: str, nonce: str) -> bool:
    """Tell whether an owner's attempt, known by its nonce, is surely over."""
    named = _OWNER.fullmatch(owner)
    if named is None or named["machine"] != _machine():
        return False
    pid = int(named["pid"])
    if pid == os.getpid():
        return nonce not in _attempts
    return not _exists(pid) or _start_of(pid) not in {named["started"], ""}


def _machine() -> str:
    """Return this boot of this machine and the namespace in which process numbers mean something."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:  # another system, or one that hides it
        return ""


def _start_of(pid: int) -> str:
    """Return when a process started, in ticks since the boot; nothing where that cannot be seen."""
    try:
        status = (_PROC / str(pid) / "stat").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[_STARTED]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
