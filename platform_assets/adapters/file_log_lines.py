"""The lines of one segment, in blocks, and an index that remembers where lines stand.

A line ends with LF or CRLF; the terminator is not part of the record, any other byte is, whether or
not it is valid UTF-8. What follows the last terminator is torn: it is counted and not delivered. A
compressed segment whose last frame is incomplete gives the lines that could be decompressed.

Segments only grow. What was counted once in this process is remembered by file identity, so that a
look at a growing plain segment reads its new bytes only. A file that was replaced, truncated or
rewritten is noticed by its inode and by the bytes before the last remembered line, and is counted
afresh; a compressed one is counted afresh whenever it changes.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
import zstandard

from platform_assets.errors import SourceChanged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO

    import numpy.typing as npt

    from platform_assets.adapters.file_log_segments import Segment

#: How much is read at once; a longer record makes its own block longer. Small enough for the caches.
BLOCK_BYTES = 1024**2
#: Room before a block for the line that began in the block before; a longer one is copied.
_HEADROOM = 64 * 1024

_LF, _CR = 10, 13
_SPACING = 8 * 1024**2
_WITNESS = 64
_REMEMBERED_SEGMENTS = 4096


class _Bytes(Protocol):
    def readinto(self, buffer: memoryview, /) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Consecutive complete lines. ``data`` is a buffer that the next block overwrites.

    Line ``first + i`` is ``data[starts[i]:ends[i]]``; the line after it begins at ``nexts[i]``.
    ``position`` is where ``data[0]`` stands in the (decompressed) segment.
    """

    first: int
    position: int
    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    nexts: npt.NDArray[np.int64]


@dataclass(slots=True)
class LineIndex:
    """Known beginnings of lines of one file, in ascending order, and its count once complete."""

    identity: tuple[int, ...]
    lines: list[int] = field(default_factory=lambda: [0])
    positions: list[int] = field(default_factory=lambda: [0])
    witness: bytes = b""
    counted_at: tuple[int, int] = (-1, -1)
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, line: int, position: int, block: npt.NDArray[np.uint8], stop: int) -> None:
        """Remember that a line begins at a position; ``block[:stop]`` are the bytes before it."""
        with self.lock:
            if line > self.lines[-1] and position >= self.positions[-1] + _SPACING:
                self.lines.append(line)
                self.positions.append(position)
                self.witness = block[max(0, stop - _WITNESS) : stop].tobytes()

    def before(self, line: int) -> tuple[int, int]:
        """Return the last known (line, position) at or before a line."""
        with self.lock:
            at = bisect_right(self.lines, line) - 1
            return self.lines[at], self.positions[at]

    def before_position(self, position: int, line: int) -> tuple[int, int]:
        """Return the last known (line, position) at or before both."""
        with self.lock:
            at = min(bisect_right(self.positions, position), bisect_right(self.lines, line)) - 1
            return self.lines[at], self.positions[at]


class LineReader:
    """Reads the lines of one segment. After the last block, ``torn`` is the length of what remained."""

    _indexes: ClassVar[OrderedDict[str, LineIndex]] = OrderedDict()
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.torn = 0

    def blocks(self, line: int) -> Iterator[Lines]:
        """Return blocks of lines; the first may begin before ``line``, at the last known beginning."""
        with self._opened() as (file, index):
            yield from self._blocks(file, index, *index.before(line))

    def count(self) -> int:
        """Return how many complete lines the segment holds now."""
        with self._opened() as (file, index):
            stat = os.fstat(file.fileno())
            state = (stat.st_size, stat.st_mtime_ns)
            if index.counted_at != state:
                count, _ = known = index.before(2**63)
                for block in self._blocks(file, index, *known):
                    count = block.first + len(block.starts)
                index.count, index.counted_at = count, state
            return index.count

    def position(self, line: int) -> int | None:
        """Return where a line begins, or the end of the lines for the count; None beyond."""
        with self._opened() as (file, index):
            known = index.before(line)
            if known[0] == line:
                return known[1]
            for block in self._blocks(file, index, *known):
                if block.first + len(block.starts) >= line:
                    return int(block.position + block.nexts[line - block.first - 1])
        return None

    def last_line_at(self, position: int, line: int) -> int | None:
        """Return the last line, ``line`` at most, that begins at the position or before it.

        None where the lines end before either is reached.
        """
        with self._opened() as (file, index):
            found, _ = known = index.before_position(position, line)
            if found == line:
                return found
            for block in self._blocks(file, index, *known):
                within = np.searchsorted(block.nexts, position - block.position, side="right")
                found = min(line, block.first + int(within))
                if within < len(block.nexts) or found == line:
                    return found
        return None

    @contextmanager
    def _opened(self) -> Iterator[tuple[FileIO, LineIndex]]:
        with self.segment.path.open("rb", buffering=0) as file:
            try:
                yield file, self._index(file)
            except zstandard.ZstdError as error:
                raise SourceChanged(
                    f"file log segment {self.segment.path.name}",
                    expected="zstd frames",
                    found=str(error),
                    remedy="Restore the segment from a copy.",
                ) from error

    def _index(self, file: FileIO) -> LineIndex:
        stat = os.fstat(file.fileno())
        identity: tuple[int, ...] = (stat.st_dev, stat.st_ino)
        if self.segment.compressed:
            identity = (*identity, stat.st_size, stat.st_mtime_ns)
        key = str(self.segment.path)
        with self._lock:
            index = self._indexes.get(key)
            if index is None or index.identity != identity or not self._grew(index, file):
                index = self._indexes[key] = LineIndex(identity)
            self._indexes.move_to_end(key)
            while len(self._indexes) > _REMEMBERED_SEGMENTS:
                self._indexes.popitem(last=False)
        return index

    def _grew(self, index: LineIndex, file: FileIO) -> bool:
        """Tell whether the file still holds what was seen of it; the identity says so of others."""
        if self.segment.compressed:
            return True
        file.seek(index.positions[-1] - len(index.witness))
        grew = file.read(len(index.witness)) == index.witness
        file.seek(0)
        return grew

    def _blocks(self, file: FileIO, index: LineIndex, line: int, position: int) -> Iterator[Lines]:
        source: _Bytes = file
        if self.segment.compressed:
            decompressor = zstandard.ZstdDecompressor(max_window_size=2**31)
            source = decompressor.stream_reader(file, read_size=2**20, read_across_frames=True)
            _skip(source, position)
        else:
            file.seek(position)
        rest = [np.empty(0, np.uint8)]
        for buffer, got in _pieces(source):
            feeds = np.flatnonzero(buffer[_HEADROOM : _HEADROOM + got] == _LF)
            if len(feeds) == 0:
                rest.append(buffer[_HEADROOM : _HEADROOM + got].copy())
                continue
            feeds += sum(map(len, rest))
            data = _behind(rest, buffer, got)
            block = _lines(line, position, data, feeds)
            line, stop = line + len(feeds), int(block.nexts[-1])
            position += stop
            index.note(line, position, data, stop)
            rest = [data[stop:].copy()]
            yield block
        self.torn = sum(map(len, rest))


def _pieces(source: _Bytes) -> Iterator[tuple[npt.NDArray[np.uint8], int]]:
    """Yield what is read: a buffer, and how many bytes of it stand behind `_HEADROOM`.

    While one piece is looked at, the next is read and decompressed on a thread, into another buffer;
    the first is used again when the next is asked for. A file of one piece needs no thread.
    """
    buffers = [np.empty(_HEADROOM + BLOCK_BYTES, np.uint8) for _ in range(2)]
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as ahead:
        got = _read(source, buffers[0])
        while got:
            full = got == BLOCK_BYTES
            reading = ahead.submit(_read, source, buffers[1]) if full else None
            yield buffers[0], got
            got = reading.result() if reading else _read(source, buffers[1])
            buffers.reverse()


def _read(source: _Bytes, buffer: npt.NDArray[np.uint8]) -> int:
    return source.readinto(buffer.data[_HEADROOM:]) or 0


def _behind(
    rest: Sequence[npt.NDArray[np.uint8]], buffer: npt.NDArray[np.uint8], got: int
) -> npt.NDArray[np.uint8]:
    """Return the bytes of a piece behind those that were left before, in its buffer if they fit."""
    begin = _HEADROOM - sum(map(len, rest))
    if begin < 0:
        return np.concatenate([*rest, buffer[_HEADROOM : _HEADROOM + got]])
    np.concatenate(rest, out=buffer[begin:_HEADROOM])
    return buffer[begin : _HEADROOM + got]


def _lines(
    first: int, position: int, data: npt.NDArray[np.uint8], feeds: npt.NDArray[np.int64]
) -> Lines:
    nexts = feeds + 1
    starts = np.concatenate([np.zeros(1, np.int64), nexts[:-1]])
    # For a feed at 0 the index -1 looks at the end of the block, where any byte may stand.
    returns = (feeds > starts) & (data[feeds - 1] == _CR)
    return Lines(first, position, data, starts, feeds - returns, nexts)


def _skip(source: _Bytes, count: int) -> None:
    scratch = memoryview(bytearray(min(count, BLOCK_BYTES)))
    while count:
        got = source.readinto(scratch[:count])
        if not got:
            break
        count -= got
