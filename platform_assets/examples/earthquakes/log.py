"""Writes the 1,707 earthquakes as a file log of three partitions.

Every event keeps the bytes that the USGS published. An event's partition is the CRC-32 of its id
modulo three; within a partition events stand in the order of their time, then their id. Partition 0
is one plain segment, 1 is two plain segments, 2 is one plain and one compressed segment.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard

from platform_assets.examples.segments import whole_log, write_segment

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = 1707
PARTITIONS = 3
TOPIC = "seismic_events"
_FILE = Path(__file__).with_name("events.ndjson.zst")


def event_lines() -> list[bytes]:
    """Return the events as published, one JSON object each, oldest first."""
    lines = zstandard.ZstdDecompressor().decompress(_FILE.read_bytes()).splitlines()
    if len(lines) != EVENTS:
        raise RuntimeError(f"the package holds {len(lines)} earthquakes instead of {EVENTS}")
    return lines


def partition_of(event_id: str) -> int:
    """Return the partition that carries an event."""
    return zlib.crc32(event_id.encode()) % PARTITIONS


def partitioned_lines() -> list[list[bytes]]:
    """Return the events of each partition in the order of their offsets."""
    partitions: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for line in event_lines():
        partitions[partition_of(json.loads(line)["id"])].append(line)
    return partitions


def write_log(directory: Path) -> dict[str, int]:
    """Write the log and return the number of records of each partition.

    Raises:
        FileExistsError: the directory exists.
    """
    partitions = partitioned_lines()
    with whole_log(directory) as log:
        for partition, lines in enumerate(partitions):
            for base, segment in _segments(lines, 1 if partition == 0 else 2):
                compressed = partition == PARTITIONS - 1 and base == 0
                records = b"".join(line + b"\n" for line in segment)
                write_segment(log, TOPIC, str(partition), base, records, zstd=compressed)
    return {str(partition): len(lines) for partition, lines in enumerate(partitions)}


def _segments(lines: list[bytes], count: int) -> Iterator[tuple[int, list[bytes]]]:
    size = -(-len(lines) // count)
    for base in range(0, len(lines), size):
        yield base, lines[base : base + size]
