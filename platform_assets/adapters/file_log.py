"""A stream kept as files: the embedded source.

The format is a folder ``<topic>/<partition>/<base offset, 20 digits>.ndjson[.zst]``, one record a
line; the offset of a record is the base offset of its segment plus its line number. Names are judged
in `file_log_segments`, lines in `file_log_lines`. Here the segments of a partition become one log:

Segments touch. The base of the next one equals the base of this one plus its lines. Fewer lines leave
offsets that nothing explains, and so does a torn line in any segment but the newest; more lines give
two records one offset. A segment is held to this when it is read to its end, not at every look.

Only the newest segment grows, and only its last line may be torn: it is being written and does not
exist yet. Records below the first segment have expired; records beyond the last line never were.

A file log has no incarnation: nothing in it survives a recreation under the same name, apart from its
offsets, and a shorter log is refused by the anchors. It does not know when its records arrived either.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from platform_assets.adapters.file_log_lines import LineReader, Lines
from platform_assets.adapters.file_log_segments import (
    Segment,
    list_partitions,
    list_segments,
    reaching,
)
from platform_assets.adapters.file_log_sizes import segment_size
from platform_assets.adapters.threads import mapped
from platform_assets.errors import GapUnproven, OffsetExpired, OffsetTruncated, SourceChanged
from platform_assets.ports.streams import FIRST_LOOK, LANDING_SCHEMA, Extent, Identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from platform_assets.ports.streams import Gap, Look, Span

_BATCH_ROWS = 131_072
#: Compressed segments are walked through for their sizes; several together keep a disk busy.
_LOOKED_AT_TOGETHER = 4


class FileLog:
    """One topic of a file log. Implements `platform_assets.ports.streams.StreamSource`."""

    kind = "file_log"

    def __init__(self, root: Path, topic: str) -> None:
        self._topic = root / topic

    def extents(self, look: Look = FIRST_LOOK) -> list[Extent]:
        """Return the extent of every partition; only newest segments are counted.

        Raises:
            SourceUnreachable: the topic's folder or a file in it cannot be read.
            SourceChanged: the folder holds something else than a log.
        """
        del look  # a file log can be counted from any place at once
        return [self._extent(partition) for partition in list_partitions(self._topic)]

    def identities(self) -> dict[str, Identity]:
        """Return the partitions; a file log cannot tell whether one was made anew.

        Raises:
            SourceUnreachable, SourceChanged: as for `extents`.
        """
        return dict.fromkeys(list_partitions(self._topic), Identity())

    def close(self) -> None:
        """Do nothing; files are open only while they are read."""

    def native(self, partition: str, offset: int) -> str:
        """Return nothing; an offset is its own name."""
        del partition, offset
        return ""

    def limit_bytes(self, span: Span, max_bytes: int) -> int:
        """Return the largest ``stop`` whose lines, terminators included, hold at most so many bytes.

        Segments that fit as a whole are told by their sizes and not read: lines that are missing in
        one are found when it is. Lines are measured in the segment where the range begins or is cut.

        Raises:
            OffsetExpired, OffsetTruncated: as for `read`.
            GapUnproven: as for `read`, where lines have to be measured.
            SourceUnreachable, SourceChanged: as for `extents`.
        """
        partition, start, end = span.partition, span.start.offset, span.end.offset
        remaining = max_bytes
        with reaching(self._topic):
            segments = list(self._segments_of(partition, start, end))
            if self._fits(segments, max_bytes, end):
                return end
            for segment, stop in segments:
                size = segment_size(segment)
                whole = start <= segment.base and stop <= end
                if whole and size and size.exact and size.most <= remaining:
                    remaining -= size.most
                    continue
                reader = LineReader(segment)
                first, last = max(start, segment.base), min(end, stop)
                begin = reader.position(first - segment.base)
                if begin is None:
                    raise self._missing(partition, segment, first, stop, reader.torn)
                fits = reader.last_line_at(begin + remaining, last - segment.base)
                if fits is not None and segment.base + fits < last:
                    return max(segment.base + fits, start + 1)
                # The last segment of the range need not be measured; nothing comes after it.
                used = begin if last == end else reader.position(last - segment.base)
                if fits is None or used is None:
                    raise self._missing(partition, segment, last - 1, stop, reader.torn)
                remaining -= used - begin
        return end

    def read(self, span: Span) -> Iterator[pa.RecordBatch | Gap]:
        """Deliver the records of a span; a file log declares no gaps.

        Raises:
            OffsetExpired: the segment that held ``start`` is gone.
            OffsetTruncated: the last line stands before ``end``.
            GapUnproven: a segment ends before the next one begins.
            SourceChanged: a segment holds more lines than there are offsets up to the next one.
            SourceUnreachable: a folder or a file cannot be read.
        """
        partition, start, end = span.partition, span.start.offset, span.end.offset
        position = start
        with reaching(self._topic):
            for segment, stop in self._segments_of(partition, start, end):
                for batch in self._read_segment(partition, segment, position, min(end, stop), stop):
                    position += batch.num_rows
                    yield batch

    def _read_segment(
        self, partition: str, segment: Segment, start: int, end: int, stop: int
    ) -> Iterator[pa.RecordBatch]:
        reader = LineReader(segment)
        position = start
        for lines in reader.blocks(start - segment.base):
            first = segment.base + lines.first
            beyond = first + len(lines.starts)
            if end > position < beyond:
                low, high = position - first, min(end, beyond) - first
                yield from _batches(partition, first, lines, low, high)
                position = first + high
            if beyond > stop:
                raise self._overlap(partition, segment, stop, f"a record at offset {stop}")
            if position == end < stop:
                return
        if position < end:
            raise self._missing(partition, segment, position, stop, reader.torn)
        if reader.torn and stop < _ENDLESS:
            raise self._overlap(partition, segment, stop, f"{reader.torn} bytes of a torn line")

    def _extent(self, partition: str) -> Extent:
        segments = list_segments(self._topic, partition)
        if not segments:
            return Extent(partition, 0, 0)
        with reaching(self._topic):
            lines = LineReader(segments[-1]).count()
        return Extent(partition, segments[0].base, segments[-1].base + lines)

    def _fits(self, segments: list[tuple[Segment, int]], max_bytes: int, end: int) -> bool:
        """Tell whether segments are within a limit whatever lines they hold.

        False means that it is not known: the lines have to be measured, or the log ends before.
        """
        if segments and segments[-1][1] == _ENDLESS:
            newest = segments[-1][0]
            if newest.base + LineReader(newest).count() < end:
                return False
        left = max_bytes
        with ThreadPoolExecutor(_LOOKED_AT_TOGETHER) as threads:
            each = (segment for segment, _ in segments)
            for size in mapped(threads, segment_size, each, ahead=_LOOKED_AT_TOGETHER):
                if size is None or size.most > left:
                    return False
                left -= size.most
        return True

    def _segments_of(self, partition: str, start: int, end: int) -> Iterator[tuple[Segment, int]]:
        """Return the segments that hold the range, each with the base of the one after it."""
        if start == end:
            return
        segments = list_segments(self._topic, partition)
        if not segments or start < segments[0].base:
            raise OffsetExpired(
                self._name(partition),
                expected=f"the record at offset {start}",
                found=f"a log that begins at {segments[0].base}" if segments else "no segments",
                remedy="Restore the expired segments; skipping them takes a new feed.",
            )
        bases = [*(segment.base for segment in segments), _ENDLESS]
        for segment, (base, stop) in zip(segments, pairwise(bases), strict=True):
            if base < end and stop > start:
                yield segment, stop

    def _missing(
        self, partition: str, segment: Segment, position: int, stop: int, torn: int
    ) -> GapUnproven | OffsetTruncated:
        if stop == _ENDLESS:
            return OffsetTruncated(
                self._name(partition),
                expected=f"a record at offset {position}",
                found=f"{segment.path.name}, which ends before it",
                remedy="Restore the log: records that were there when the window was pinned are gone.",
            )
        tail = f", after {torn} bytes of a torn line" if torn else ""
        return GapUnproven(
            self._name(partition),
            expected=f"{segment.path.name} to hold every offset up to {stop}, where the next begins",
            found=f"no complete line for offsets {position} to {stop - 1}{tail}",
            remedy="Restore the missing lines or the missing segment.",
        )

    def _overlap(self, partition: str, segment: Segment, stop: int, found: str) -> SourceChanged:
        return SourceChanged(
            self._name(partition),
            expected=f"{segment.path.name} to end where the next segment begins, at {stop}",
            found=found,
            remedy="Restore the segments: two of them claim one offset.",
        )

    def _name(self, partition: str) -> str:
        return f"file log {self._topic.name}/{partition}"


_ENDLESS = 2**63 - 1


def _batches(
    partition: str, first: int, lines: Lines, low: int, high: int
) -> Iterator[pa.RecordBatch]:
    """Return lines ``[low, high)`` of a block; line 0 has the offset ``first``."""
    for begin in range(low, high, _BATCH_ROWS):
        stop = min(begin + _BATCH_ROWS, high)
        rows = stop - begin
        yield pa.RecordBatch.from_arrays(
            [
                pa.repeat(_text(partition), rows),
                _integers(np.arange(first + begin, first + stop)),
                *(pa.nulls(rows, LANDING_SCHEMA.field(index).type) for index in range(2, 6)),
                _values(lines, begin, stop),
            ],
            schema=LANDING_SCHEMA,
        )


def _values(lines: Lines, begin: int, stop: int) -> pa.LargeBinaryArray:
    # Records and terminators alternate over the block; taking every other one copies each record
    # once, out of the buffer that the next block overwrites, at the speed of memory.
    rows = stop - begin
    bounds = np.empty(2 * rows + 1, np.int64)
    bounds[0:-1:2] = lines.starts[begin:stop]
    bounds[1::2] = lines.ends[begin:stop]
    bounds[-1] = lines.nexts[stop - 1]
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(lines.data)]
    alternating = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 2 * rows, buffers)
    return alternating.take(_integers(np.arange(0, 2 * rows, 2)))


# `pa.array` and `pa.scalar` look whether they were given something of pandas', and import pandas for
# that where it is there, which takes longer than to land a small window.


def _integers(values: npt.NDArray[np.int64]) -> pa.Int64Array:
    return pa.Int64Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])


def _text(text: str) -> pa.StringScalar:
    data = text.encode()
    ends = np.array([0, len(data)], np.int32)
    return pa.StringArray.from_buffers(1, pa.py_buffer(ends), pa.py_buffer(data))[0]
