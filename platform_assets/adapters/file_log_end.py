"""The end of one partition of a file log, where its producer appends.

Only the newest segment grows, and only if it is plain. A new one begins where that one is compressed or
has become large; its base is the offset after the last line. Records are written and synced together,
and are acknowledged when they are synced.

A producer that was killed may leave a torn last line. Nobody has read it, for a line without its end
does not exist yet, and its record was never acknowledged. It is not extended, which would make one
record of two halves: it is moved into a hidden file beside the segment, and then cut off.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platform_assets.adapters.file_log_lines import LineReader
from platform_assets.adapters.file_log_segments import Segment, list_segments, reaching
from platform_assets.adapters.local_folders import sync_folder
from platform_assets.errors import PlatformError, SourceChanged, SourceUnreachable

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.adapters.sending import Account

#: How much of a partition is written and synced together, and after how long at the latest.
BATCH_BYTES = 4 * 1024**2
_BATCH_SECONDS = 0.2
_TAIL_BYTES = 1024**2
_NEW = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
#: In the folder of a topic and of each partition, held by who may append there (see the sink).
LOCK_FILE = ".producer.lock"


@dataclass(slots=True)
class PartitionEnd:
    """The end of one partition, and what is to be written there."""

    topic: Path
    name: str
    segment_bytes: int
    numbers: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    since: float = 0.0
    file: int = -1
    position: int = 0
    segment: Segment | None = None

    def add(self, number: int, value: bytes) -> None:
        """Take a record to be written with others."""
        if not self.lines:
            self.since = time.monotonic()
        self.numbers.append(number)
        self.lines.append(value + b"\n")
        self.size += len(value) + 1

    def is_full(self) -> bool:
        """Tell whether what was taken is enough to be written."""
        return self.size >= BATCH_BYTES

    def is_due(self, now: float) -> bool:
        """Tell whether what was taken has waited long enough; ``now`` is of the monotonic clock."""
        return bool(self.lines) and now - self.since >= _BATCH_SECONDS

    def write(self, account: Account) -> None:
        """Write and sync what was taken, and account for it."""
        if not self.lines:
            return
        numbers, lines = self.numbers, self.lines
        self.numbers, self.lines, self.size = [], [], 0
        try:
            with reaching(self.topic):
                self._open_end()
                self._require_alone()
        except PlatformError as error:
            for number in numbers:
                account.stop(number, error)
            return
        whole, trouble = self._append(lines)
        try:
            os.fsync(self.file)
        except OSError as error:
            for number in numbers[:whole]:
                account.doubt(number, f"written, and not known to last: {error.strerror}")
        else:
            account.acknowledge(self.name, numbers[:whole])
        for number in numbers[whole:]:
            account.stop(number, self._unwritable(trouble))

    def close(self) -> None:
        """Close the segment."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def _append(self, lines: list[bytes]) -> tuple[int, OSError | None]:
        """Write lines, and return how many stand there whole; what is torn is cut off again."""
        data = memoryview(b"".join(lines))
        written = 0
        trouble = None
        try:
            while written < len(data):
                written += os.write(self.file, data[written:])
        except OSError as error:
            trouble = error
        whole = reached = 0
        for line in lines:
            if reached + len(line) > written:
                break
            whole, reached = whole + 1, reached + len(line)
        self.position += reached
        if written > reached:
            # A reader may have taken the whole lines already. Nobody has taken the torn one; if it
            # cannot be cut off now, the next producer does that.
            with suppress(OSError):
                os.ftruncate(self.file, self.position)
        return whole, trouble

    def _require_alone(self) -> None:
        size = os.fstat(self.file).st_size
        if size != self.position:
            raise SourceChanged(
                f"file log {self.topic.name}/{self.name}",
                expected=f"a segment of {self.position} bytes, as this producer left it",
                found=f"one of {size} bytes: somebody writes to it without holding {LOCK_FILE}",
                remedy="Find out who writes there, then send what is missing.",
            )

    def _open_end(self) -> None:
        """Open the newest segment, or a new one, at its end."""
        if self.file >= 0 and self.position < self.segment_bytes:
            return
        self.close()
        segment = self.segment or next(iter(list_segments(self.topic, self.name)[::-1]), None)
        if segment is not None and not segment.compressed:
            self.file = os.open(segment.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            self.position = _cut_torn_line(self.file, segment.path)
            self.segment = segment
            if self.position < self.segment_bytes:
                return
            self.close()
        base = 0 if segment is None else segment.base + self._lines_of(segment)
        path = self.topic / self.name / f"{base:020d}.ndjson"
        self.file = os.open(path, _NEW, 0o644)
        sync_folder(path.parent)
        self.segment, self.position = Segment(path, base, compressed=False), 0

    def _lines_of(self, segment: Segment) -> int:
        reader = LineReader(segment)
        for _ in reader.blocks(2**63 - 1):
            pass
        if reader.torn:
            raise SourceChanged(
                f"file log {self.topic.name}/{self.name}",
                expected=f"{segment.path.name} to end with a whole line, so that another may follow",
                found=f"{reader.torn} bytes of a torn line",
                remedy="Restore the segment from a copy, or compress its whole lines anew.",
            )
        return reader.count()

    def _unwritable(self, error: OSError | None) -> SourceUnreachable:
        return SourceUnreachable(
            f"file log {self.topic.name}/{self.name}",
            expected="a disk that takes the record",
            found=(error.strerror or str(error)) if error else "a write that took nothing",
            remedy="Look at the disk and at the permissions of the log, then send what is missing.",
        )


def _cut_torn_line(file: int, path: Path) -> int:
    """Return where the last whole line ends; what stands after it is set aside and cut off."""
    size = os.fstat(file).st_size
    end, tail = size, b""
    while end and b"\n" not in tail:
        begin = max(0, end - _TAIL_BYTES)
        tail = os.pread(file, end - begin, begin) + tail
        end = begin
    whole = end + tail.rfind(b"\n") + 1
    if whole < size:
        aside = path.with_name(f".{path.name}.torn.{whole}")
        aside.write_bytes(tail[whole - end :])
        with aside.open("rb") as kept:
            os.fsync(kept.fileno())
        sync_folder(path.parent)
        os.ftruncate(file, whole)
        os.fsync(file)
    return whole
