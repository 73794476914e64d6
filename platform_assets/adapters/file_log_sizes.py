"""How many bytes the lines of a segment take, without reading them.

A plain segment takes the size of its file. A compressed one takes what its frames hold: most writers
say so in each frame's header; where one does not, its blocks, which are counted without decompressing
them, hold `BLOCK_BYTES` each at most. So there is always a bound, and often it is the size itself.

The bound is of all bytes that stand there. That they are lines, and as many as offsets are claimed, is
seen when they are read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import zstandard

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.adapters.file_log_segments import Segment

#: What a block of a zstd frame holds at most (RFC 8878, 3.1.1.2.4).
BLOCK_BYTES = 128 * 1024
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_HEADER = 18  # the longest one
_BLOCK_HEADER = 3
_RLE, _RESERVED = 1, 3
_CHECKSUM = 4
#: Headers stand close together: a disk gives what lies between sooner than each by itself.
_PIECE_BYTES = 1024**2
_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class SegmentSize:
    """Bytes of a segment's lines: not more than ``most``, and exactly that where ``exact``."""

    most: int
    exact: bool


def segment_size(segment: Segment) -> SegmentSize | None:
    """Return the size of a segment, None where the file is not whole zstd frames."""
    stat = segment.path.stat()
    if not segment.compressed:
        return SegmentSize(stat.st_size, exact=True)
    state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return _compressed_size(segment.path, state)


@lru_cache(maxsize=_REMEMBERED)
def _compressed_size(path: Path, state: tuple[int, ...]) -> SegmentSize | None:
    del state  # it tells one version of the file from another
    with path.open("rb", buffering=0) as file:
        try:
            return _frames(_Pieces(file.fileno()), os.fstat(file.fileno()).st_size)
        except (zstandard.ZstdError, EOFError):
            return None


class _Pieces:
    """A file of which some bytes are looked at, from its beginning to its end."""

    def __init__(self, file: int) -> None:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        self._file = file
        self._piece = b""
        self._begin = 0

    def at(self, position: int, count: int) -> bytes:
        """Return so many bytes from a position on, fewer where the file ends."""
        at = position - self._begin
        if at < 0 or at + count > len(self._piece):
            self._piece = os.pread(self._file, _PIECE_BYTES, position)
            self._begin, at = position, 0
        return self._piece[at : at + count]


def _frames(file: _Pieces, size: int) -> SegmentSize:
    """Add up all frames.

    Raises:
        ZstdError, EOFError: something else stands there, or the last frame is torn.
    """
    most, exact, at = 0, True, 0
    while at < size:
        header = file.at(at, _HEADER)
        if int.from_bytes(header[:4], "little") in _SKIPPABLE:
            at += 8 + int.from_bytes(header[4:8], "little")
            continue
        declared = zstandard.frame_content_size(header)
        checksum = zstandard.get_frame_parameters(header).has_checksum
        at, bound = _blocks(file, at + zstandard.frame_header_size(header))
        at += _CHECKSUM if checksum else 0
        most += bound if declared < 0 else declared
        exact = exact and declared >= 0
    if at > size:
        raise EOFError("the last frame is torn")
    return SegmentSize(most, exact)


def _blocks(file: _Pieces, at: int) -> tuple[int, int]:
    """Return where the blocks of a frame end, and a bound of what they hold."""
    bound = last = 0
    while not last:
        header = file.at(at, _BLOCK_HEADER)
        if len(header) < _BLOCK_HEADER:
            raise EOFError("the frame is torn")
        word = int.from_bytes(header, "little")
        last, kind, size = word & 1, word >> 1 & 3, word >> 3
        if kind == _RESERVED:
            raise EOFError("no block begins here")
        at += _BLOCK_HEADER + (1 if kind == _RLE else size)
        bound += BLOCK_BYTES
    return at, bound
