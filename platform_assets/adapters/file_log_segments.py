"""The folders and file names of a file log.

A log is a folder ``<topic>/<partition>/<base offset, 20 digits>.ndjson`` or ``.ndjson.zst``. Partitions
are named by whole numbers without leading zeros and ordered as numbers. A segment is named by the
offset of its first record.

An absent or unreadable topic folder is an outage, never an empty stream: a share that is not mounted
looks exactly like that. A topic folder without partitions is a stream that has none yet, and a
partition folder without segments is a partition that holds nothing.

Whatever begins with a dot or ends with ``.tmp`` is passed over, because writers make such files on
their way to a real one. Anything else that is not a segment is refused: a file that nobody reads would
be a silent gap. So is one base offset in two forms, because nothing says which of them counts.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.canonical import MAX_EXACT_INTEGER
from platform_assets.errors import SourceChanged, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PARTITION = re.compile(r"0|[1-9][0-9]{0,9}")
_SEGMENT = re.compile(r"([0-9]{20})\.ndjson(\.zst)?")


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a partition: the records from ``base`` on, one a line."""

    path: Path
    base: int
    compressed: bool


@contextmanager
def reaching(topic: Path) -> Iterator[None]:
    """Turn failures of the file system into an outage of the stream.

    Raises:
        SourceUnreachable: instead of any `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise SourceUnreachable(
            f"file log {topic.name}",
            expected="a folder and files that can be read",
            found=f"{type(error).__name__}: {error.strerror or error} ({error.filename or topic})",
            remedy="Check the log's path, its mount and its permissions, then try again.",
        ) from error


def list_partitions(topic: Path) -> list[str]:
    """Return the names of the partitions in numeric order.

    Raises:
        SourceUnreachable: the topic's folder is absent or cannot be read.
        SourceChanged: it holds something else than partitions.
    """
    with reaching(topic):
        entries = [
            (entry.name, entry.is_dir()) for entry in topic.iterdir() if not _passed_over(entry)
        ]
    for name, is_folder in entries:
        if not is_folder or _PARTITION.fullmatch(name) is None:
            raise _foreign(topic, name, "folders named 0, 1, 2, ... without leading zeros")
    return sorted((name for name, _ in entries), key=int)


def list_segments(topic: Path, partition: str) -> list[Segment]:
    """Return the segments of a partition, ordered by base offset.

    Raises:
        SourceUnreachable: the topic's folder is absent, or the partition's cannot be read.
        SourceChanged: the partition is gone, or its folder holds something else than segments, or
            one base offset twice.
    """
    folder = topic / partition
    if partition not in list_partitions(topic):
        raise SourceChanged(
            f"file log {topic.name}/{partition}",
            expected="the partition's folder",
            found="none",
            remedy="Restore the folder; a partition of a log is never removed.",
        )
    with reaching(topic):
        entries = [
            (entry, entry.is_file()) for entry in folder.iterdir() if not _passed_over(entry)
        ]
    segments: dict[int, Segment] = {}
    for entry, is_file in entries:
        segment = _segment(topic, entry, is_file=is_file)
        standing = segments.setdefault(segment.base, segment)
        if standing is not segment:
            raise SourceChanged(
                f"file log {topic.name}/{partition}",
                expected=f"one segment with base offset {segment.base}",
                found=" and ".join(sorted((standing.path.name, segment.path.name))),
                remedy="Keep one of the two; to compress a segment, rename over it from a .tmp file.",
            )
    return [segments[base] for base in sorted(segments)]


def _segment(topic: Path, entry: Path, *, is_file: bool) -> Segment:
    match = _SEGMENT.fullmatch(entry.name)
    if match is None or not is_file or int(match[1]) > MAX_EXACT_INTEGER:
        wanted = "files <base offset, 20 digits>.ndjson or .ndjson.zst, offsets below 2**53"
        raise _foreign(topic, f"{entry.parent.name}/{entry.name}", wanted)
    return Segment(entry, int(match[1]), compressed=match[2] is not None)


def _passed_over(entry: Path) -> bool:
    return entry.name.startswith(".") or entry.name.endswith(".tmp")


def _foreign(topic: Path, name: str, expected: str) -> SourceChanged:
    return SourceChanged(
        f"file log {topic.name}",
        expected=expected,
        found=name,
        remedy="Move what does not belong to the log out of its folder.",
    )
