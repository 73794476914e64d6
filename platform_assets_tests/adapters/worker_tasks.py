"""What the workers under test are made to do; they import it by its name."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from pathlib import Path

from platform_assets.errors import LandingInconsistent


class Unsendable(Exception):
    """An error that can be pickled and not made again."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def factor(value: int) -> int:
    return value


def no_factor(value: int) -> int:
    raise LandingInconsistent(
        "the factor", expected="another one", found=str(value), remedy="Give another one."
    )


def times(shared: int, task: int) -> int:
    time.sleep(0.01 * (task % 3))
    return shared * task


def process_of(_shared: int, _task: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def threads_of(_shared: int, _task: int) -> tuple[int, str]:
    import polars as pl  # noqa: PLC0415 - in the worker

    return pl.thread_pool_size(), os.environ["OMP_NUM_THREADS"]


def refuse(_shared: int, task: int) -> int:
    if task == 2:
        raise LandingInconsistent("a part", expected="rows", found=["a", "b"], remedy="Look.")
    return task


def raise_unsendable(_shared: int, _task: int) -> None:
    raise Unsendable(1, 2)


def fill_disk(_shared: int, _task: int) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")


def die(_shared: int, task: int) -> int:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def chatter(_shared: int, _task: int) -> None:
    sys.stdout.write("printed by a task\n")
    os.write(1, b"written by a library\n")
    warnings.warn("warned by a task", stacklevel=1)
    sys.stdout.flush()


def note_and_sleep(folder: str, task: int) -> None:
    """Leave this process's id in a folder, and be busy for longer than any test."""
    Path(folder, f"{os.getpid()}").write_text(str(task))
    time.sleep(600)


def note_and_compute(folder: str, task: int) -> None:
    """Be busy in Python, so that the interpreter's lock is held most of the time."""
    Path(folder, f"{os.getpid()}").write_text(str(task))
    while True:
        pass


def taken(megabytes: int) -> bytearray:
    """Take memory, every page of it."""
    memory = bytearray(megabytes * 1024**2)
    page = os.sysconf("SC_PAGE_SIZE")
    memory[::page] = b"x" * len(range(0, len(memory), page))
    return memory


def hold(megabytes: int, _task: int) -> int:
    """Take memory and keep it for a while."""
    memory = taken(megabytes)
    time.sleep(1.5)
    return len(memory)


def folder_of(folder: str) -> str:
    return folder
