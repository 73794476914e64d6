"""How far a generating process has come, in a small file that others read while it sends.

The file is mapped into memory on both sides: telling costs the process nothing, and looking costs it
nothing either. Each value is one aligned word, so that none is ever read half-written; two values may
be of two moments that lie a few microseconds apart.
"""

from __future__ import annotations

import mmap
import struct
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = struct.Struct("=4q")


class Stage(IntEnum):
    """What a process is at."""

    PREPARING = 0
    READY = 1
    SENDING = 2
    ENDED = 3


class Progress(NamedTuple):
    """How far a process has come.

    Attributes:
        stage: what it is at.
        sent: how many events it has sent.
        acknowledged: how many of these are acknowledged.
        reached: the last number up to which the fate of all its events is known; below its first one
            where that is none.
    """

    stage: Stage
    sent: int
    acknowledged: int
    reached: int


class ProgressFile:
    """The file of one process, open for reading and writing."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _WORDS.size)
        self._words = memoryview(self._memory).cast("q")

    @classmethod
    def create(cls, path: Path, *, first: int, processes: int) -> Self:
        """Make the file of a process that has not begun; ``first`` is the number of its first event."""
        path.write_bytes(_WORDS.pack(Stage.PREPARING, 0, 0, first - processes))
        return cls(path)

    def tell(self, *, sent: int, acknowledged: int, reached: int) -> None:
        """Tell how far the process has come."""
        self._words[1], self._words[2], self._words[3] = sent, acknowledged, reached

    def enter(self, stage: Stage) -> None:
        """Tell what the process is at from now on."""
        self._words[0] = stage

    def look(self) -> Progress:
        """Return how far the process has come."""
        stage, *counts = self._words.tolist()
        return Progress(Stage(stage), *counts)

    def close(self) -> None:
        """Let go of the file."""
        self._words.release()
        self._memory.close()
