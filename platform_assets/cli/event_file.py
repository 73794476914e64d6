"""A file to which a long-lived command appends what happens, one JSON line each, at once.

Each line says what, when by both clocks of the machine, and by which process. A line is written as a
whole; one that a full disk has cut is closed when the file is opened again, so that it spoils no other.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from platform_assets.canonical import rfc3339
from platform_assets.errors import ConfigurationError, StoreUnwritable

if TYPE_CHECKING:
    from pathlib import Path


class EventFile:
    """Appends events; a context. Without a path it takes them and keeps none."""

    def __init__(self, path: Path | None) -> None:
        """Open the file.

        Raises:
            ConfigurationError: nothing may be written there.
        """
        self._path = path
        self._file: int | None = None
        if path is None:
            return
        try:
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._end_a_torn_line()
        except OSError as error:
            raise ConfigurationError(
                f"--events {path}",
                expected="a file that this user may append to",
                found=error.strerror or str(error),
                remedy="Name another path, or give this user write access.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)

    def write(self, event: str, **facts: Any) -> None:
        """Append an event with what is to be said of it.

        Raises:
            StoreUnwritable: the disk does not take it.
        """
        if self._file is None:
            return
        line = {
            "event": event,
            "at": rfc3339(datetime.now(UTC)),
            "monotonic_us": time.monotonic_ns() // 1000,
            "pid": os.getpid(),
            **facts,
        }
        try:
            self._append(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise StoreUnwritable(
                f"--events {self._path}",
                expected="a disk that takes what happens",
                found=error.strerror or str(error),
                remedy="Look at the disk, then start the command again; it goes on where it stopped.",
            ) from error

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        while data:
            data = data[os.write(self._file, data) :]

    def _end_a_torn_line(self) -> None:
        assert self._file is not None
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            self._append(b"\n")
