"""Writes the segments of a file log: ``<topic>/<partition>/<base offset, 20 digits>.ndjson[.zst]``.

A log appears whole or not at all: it is written beside its place and renamed into it. The bytes are
a function of the records alone, so the same records give the same log everywhere.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEVEL = 3


@contextlib.contextmanager
def whole_log(directory: Path) -> Iterator[Path]:
    """Give a folder to write into that becomes ``directory`` if nothing fails.

    Raises:
        FileExistsError: there is a log already; it is left as it is.
    """
    if directory.exists():
        raise FileExistsError(f"{directory} exists; a log is never overwritten")
    directory.parent.mkdir(parents=True, exist_ok=True)
    staging = directory.parent / f".{directory.name}.{os.getpid()}.partial"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        yield staging
        staging.rename(directory)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_segment(
    log: Path, topic: str, partition: str, base: int, records: bytes | memoryview, *, zstd: bool
) -> Path:
    """Write the records, each ended by a line feed, as the segment that starts at offset ``base``."""
    folder = log / topic / partition
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{base:020d}.ndjson{'.zst' if zstd else ''}"
    with path.open("xb") as file:
        # The content size and a checksum let a reader tell a whole frame from a torn one.
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        file.write(compressor.compress(records) if zstd else records)
    return path
