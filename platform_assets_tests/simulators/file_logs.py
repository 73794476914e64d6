"""Writes file logs as a producer would, and damages them as disks and operators would.

A writer rolls to a new segment after so many records. The compressed form appends one zstd frame per
call, which is what a producer that flushes its buffer leaves behind.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class FileLogWriter:
    """Appends records to ``<root>/<topic>/<partition>``."""

    def __init__(
        self, root: Path, topic: str, *, compressed: bool = False, segment_records: int = 2**62
    ) -> None:
        self.folder = root / topic
        self.compressed = compressed
        self.segment_records = segment_records
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ends: dict[str, int] = {}
        self._bases: dict[str, int] = {}

    def add_partition(self, partition: str, base: int = 0) -> None:
        """Make a partition whose first record will have the offset ``base``."""
        (self.folder / partition).mkdir()
        self._bases[partition] = self._ends[partition] = base
        self.write(partition, base, b"")

    def append(
        self, partition: str, records: Iterable[bytes], terminator: bytes = b"\n"
    ) -> tuple[int, int]:
        """Append records and return their offsets ``[start, end)``."""
        if partition not in self._ends:
            self.add_partition(partition)
        start = self._ends[partition]
        pending: list[bytes] = []
        for record in records:
            if self._ends[partition] - self._bases[partition] >= self.segment_records:
                self._flush(partition, pending)
                self._bases[partition] = self._ends[partition]
            pending.append(record + terminator)
            self._ends[partition] += 1
        self._flush(partition, pending)
        return start, self._ends[partition]

    def tear(self, partition: str, fragment: bytes) -> None:
        """Begin a record without ending it."""
        self.write(partition, self._bases[partition], fragment, append=True)

    def segment(self, partition: str, base: int) -> Path:
        """Return the file that a base offset names."""
        ending = "ndjson.zst" if self.compressed else "ndjson"
        return self.folder / partition / f"{base:020d}.{ending}"

    def segments(self, partition: str) -> list[Path]:
        """Return the files of a partition by base offset."""
        return sorted((self.folder / partition).iterdir())

    def write(self, partition: str, base: int, data: bytes, *, append: bool = False) -> None:
        """Write or append the raw bytes of a segment."""
        frame = zstandard.ZstdCompressor(write_checksum=True).compress(data)
        with self.segment(partition, base).open("ab" if append else "wb") as file:
            file.write(frame if self.compressed else data)

    def content(self, partition: str, base: int) -> bytes:
        """Return the decompressed bytes of a segment."""
        data = self.segment(partition, base).read_bytes()
        if not self.compressed:
            return data
        reader = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
        return reader.read()

    def expire(self, partition: str, before: int) -> None:
        """Delete the segments that hold only records below an offset, as retention does."""
        bases = [int(path.name.split(".")[0]) for path in self.segments(partition)]
        for base, following in pairwise(bases):
            if following <= before:
                self.segment(partition, base).unlink()

    def truncate(self, partition: str, end: int) -> None:
        """Lose the records from an offset on."""
        for path in reversed(self.segments(partition)):
            base = int(path.name.split(".")[0])
            if base >= end and base > 0:
                path.unlink()
                continue
            kept = self.content(partition, base).splitlines(keepends=True)[: end - base]
            self.write(partition, base, b"".join(kept))
            self._bases[partition], self._ends[partition] = base, end
            return

    def _flush(self, partition: str, pending: list[bytes]) -> None:
        if pending:
            self.write(partition, self._bases[partition], b"".join(pending), append=True)
            pending.clear()
