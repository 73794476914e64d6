"""Records to be sent, out of a file or out of a file log, in chunks that know where they stand.

The bytes of a record are sent as they are. A file holds one record a line, ended by LF or CRLF as in a
file log; its last line may have no end, because nobody but its owner knows that file. A key, if one is
wanted, is what the record says at a dotted path. A record that says nothing there, or is no JSON, has
none.
"""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from platform_assets.adapters.file_log import FileLog
from platform_assets.errors import ConfigurationError, SourceUnreachable
from platform_assets.ports.sinks import Outgoing
from platform_assets.ports.streams import Gap, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from platform_assets.ports.streams import Extent

_CHUNK_LINES = 10_000
_BUFFER_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records that stand one after another. ``place`` names where, ``first`` numbers the first."""

    place: str
    first: int
    records: Sequence[Outgoing]


@dataclass(frozen=True, slots=True)
class Supply:
    """What is to be sent to one stream; how many records that are is known of a log only.

    ``partitions`` are those that the records name; none, if their keys shall decide.
    """

    chunks: Iterator[Chunk]
    total: int | None = None
    partitions: tuple[str, ...] = ()


def file_supply(path: Path, *, key: str | None = None, partition: str | None = None) -> Supply:
    """Return the lines of ``FILE`` or ``FILE.zst`` as records.

    Raises:
        ConfigurationError: there is no such file.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"--file {path}",
            expected="a file with one record a line, plain or .zst",
            found="no such file",
            remedy="Name a file that is there.",
        )
    named = () if partition is None else (partition,)
    return Supply(_lines(path, key_at(key), partition), partitions=named)


def log_supply(root: Path, topic: str, *, key: str | None = None) -> Supply:
    """Return the records of a topic of a file log, each for the partition that it stands in.

    The partitions take turns, so that they are sent side by side.

    Raises:
        SourceUnreachable, SourceChanged: there is no such log.
    """
    log = FileLog(root, topic)
    extents = log.extents()
    total = sum(extent.end - extent.start for extent in extents)
    named = tuple(extent.partition for extent in extents)
    return Supply(_in_turns(log, extents, key_at(key)), total, named)


def key_at(path: str | None) -> Callable[[bytes], bytes | None]:
    """Return what takes a record's key from it: what stands at a dotted path, or none."""
    if path is None:
        return lambda _: None
    names = path.split(".")

    def key(value: bytes) -> bytes | None:
        try:
            found: Any = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            return None
        return found.encode() if isinstance(found, str) else json.dumps(found).encode()

    return key


def _lines(
    path: Path, key: Callable[[bytes], bytes | None], partition: str | None
) -> Iterator[Chunk]:
    with _opened(path) as file:
        first = 1
        while lines := list(islice(file, _CHUNK_LINES)):
            values = map(_without_end, lines)
            yield Chunk(
                f"{path.name} line", first, [Outgoing(v, key(v), partition) for v in values]
            )
            first += len(lines)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        if path.suffix != ".zst":
            with path.open("rb", _BUFFER_BYTES) as file:
                yield file
            return
        # Unlike others, Arrow's reader of zstd says so when the last frame is not whole.
        with io.BufferedReader(pa.input_stream(str(path), "zstd"), _BUFFER_BYTES) as lines:
            yield lines
    except OSError as error:
        raise SourceUnreachable(
            str(path),
            expected="a file that can be read to its end",
            found=str(error),
            remedy="Get the file from another copy. What was sent of it is in the ledger.",
        ) from error


def _without_end(line: bytes) -> bytes:
    if not line.endswith(b"\n"):
        return line
    return line[:-2] if line.endswith(b"\r\n") else line[:-1]


def _in_turns(
    log: FileLog, extents: list[Extent], key: Callable[[bytes], bytes | None]
) -> Iterator[Chunk]:
    turns = [_partition(log, extent, key) for extent in extents]
    while turns:
        for turn in tuple(turns):
            chunk = next(turn, None)
            if chunk is None:
                turns.remove(turn)
            else:
                yield chunk


def _partition(
    log: FileLog, extent: Extent, key: Callable[[bytes], bytes | None]
) -> Iterator[Chunk]:
    name, offset = extent.partition, extent.start
    for item in log.read(Span.of(name, extent.start, extent.end)):
        if isinstance(item, Gap):
            raise TypeError(f"a file log declares no gaps, found {item}")
        for begin in range(0, item.num_rows, _CHUNK_LINES):
            values = item.column("value").slice(begin, _CHUNK_LINES).to_pylist()
            yield Chunk(
                f"partition {name} offset", offset, [Outgoing(v, key(v), name) for v in values]
            )
            offset += len(values)
