"""Which keys may occur more than once, found in bounded memory among any number of rows.

A key is known by 64 bits that are a hash of it. Equal keys have equal hashes; keys with equal hashes
may differ, so a hash only tells which rows are worth a look. Whoever asks decides equality on the keys
themselves.

Hashes are spilled, one file for each source of rows (a part, a row group), in the order of the hashes
and cut by their top bits. A bucket is a range of hashes, read from all files. There are as many as the
memory limit asks for; since hashes spread evenly, it is the distinct hashes of a bucket that have to
fit, and a key that occurs a hundred million times is one of them. The rows of one source are held at
once, twice over: sources are cut accordingly.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from platform_assets.adapters.threads import mapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import polars as pl

Hashes = npt.NDArray[np.uint64]
Ordinals = npt.NDArray[np.uint32]
#: The first cell of a range of hashes, and the one after its last.
Bucket: TypeAlias = tuple[int, int]

#: Files are cut into this many cells by the top bits of the hashes; a bucket is some of these.
CELLS = 256
_CELL_BITS = np.uint64(64 - 8)
_HASH_BYTES, _ORDINAL_BYTES = 8, 4
#: What a row of a bucket takes while its distinct hashes are told apart: read, joined, sorted, flagged.
_BYTES_OF_ROW = 32
#: Hashes that are joined before they are sorted, at least: fewer, larger sorts.
_JOINED_AT_LEAST = 65_536
_SEED = 0x9E3779B97F4A7C15
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class HashFile:
    """The spilled hashes of one source; ``cells`` says at which row each cell begins, and the end.

    ``rows`` is how many hashes there are; ``numbered`` how many rows the source has, of which those
    that do not count have no hash.
    """

    path: Path
    source: int
    rows: int
    cells: npt.NDArray[np.int64]
    numbered: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of one source that are worth a look: their numbers in the source, ascending."""

    source: int
    ordinals: Ordinals


def key_hashes(keys: pl.DataFrame) -> Hashes:
    """Return a hash of each row; the same in every process that runs the same version of Polars."""
    mixed = keys.hash_rows(seed=_SEED).to_numpy().astype(np.uint64, copy=True)
    # What is cut by top bits has to have good ones: the finalizer of SplitMix64, which loses nothing.
    mixed ^= mixed >> np.uint64(30)
    mixed *= _MIX[0]
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MIX[1]
    mixed ^= mixed >> np.uint64(31)
    return mixed


def spill_hashes(
    hashes: Hashes, path: Path, source: int, counting: Ordinals | None = None
) -> HashFile:
    """Write the hashes of a source's rows, in the order of the rows, and return where they are.

    Args:
        hashes: one for each row.
        path: where to write them.
        source: the number of the source.
        counting: the numbers of the rows that count, ascending; None where all do.

    Raises:
        FileExistsError: the file exists.
    """
    chosen = hashes if counting is None else hashes[counting]
    order = np.argsort(chosen, kind="stable").astype(np.uint32)
    ordered = chosen[order]
    if counting is not None:
        order = counting[order].astype(np.uint32)
    with path.open("xb") as file:
        file.write(ordered.data)
        file.write(order.data)
    return HashFile(path, source, len(ordered), _borders(ordered), len(hashes))


def cells_of(hashes: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return at which row each cell begins, and the end, and the order that brings rows there.

    Rows of one cell keep their order.
    """
    order = np.argsort(hashes >> _CELL_BITS, kind="stable")
    return _borders(hashes[order]), order


def repeated(
    files: Sequence[HashFile],
    memory: int,
    *,
    beside: Sequence[HashFile] = (),
    threads: int = 1,
) -> Iterator[Candidates]:
    """Return the rows of ``files`` whose hash another row has, there or in ``beside``.

    Of ``beside``, those rows are returned whose hash a row of ``files`` has; what repeats only among
    themselves is not. A source comes up once for each bucket in which it has candidates, at most, and
    sources ascend as they are given within a bucket.

    Args:
        files: the hashes among which repetitions are looked for.
        memory: how many bytes may be used.
        beside: hashes that only count where they meet one of ``files``.
        threads: how many buckets are looked at together; they share the memory.
    """
    every = [*files, *beside]
    share = memory // threads

    def several(bucket: Bucket) -> tuple[Bucket, Hashes]:
        return bucket, _several(files, beside, bucket, share)

    with ThreadPoolExecutor(threads) as pool:
        found = mapped(pool, several, _buckets(every, share), ahead=threads)
        for bucket, wanted in found:
            having = partial(_having, wanted, bucket)
            if len(wanted):
                yield from filter(None, mapped(pool, having, every, ahead=2 * threads))


def bucket_count(rows: int, memory: int) -> int:
    """Return into how many buckets so many rows are cut, so that one fits in the memory."""
    return max(1, min(CELLS, -(-rows * _BYTES_OF_ROW // max(1, memory))))


def buckets(count: int) -> Iterator[Bucket]:
    """Return the first cell and the one after the last of so many buckets."""
    return pairwise(CELLS * number // count for number in range(count + 1))


def _buckets(files: Sequence[HashFile], memory: int) -> Iterator[Bucket]:
    return buckets(bucket_count(sum(file.rows for file in files), memory))


def _borders(by_cell: Hashes) -> npt.NDArray[np.int64]:
    counts = np.bincount((by_cell >> _CELL_BITS).astype(np.int64), minlength=CELLS)
    return np.concatenate(([0], np.cumsum(counts)))


def _read(file: HashFile, bucket: Bucket) -> Hashes:
    begin, end = (int(file.cells[cell]) for cell in bucket)
    return np.fromfile(file.path, np.uint64, end - begin, offset=begin * _HASH_BYTES)


def _read_ordinals(file: HashFile, bucket: Bucket) -> Ordinals:
    begin, end = (int(file.cells[cell]) for cell in bucket)
    at = file.rows * _HASH_BYTES + begin * _ORDINAL_BYTES
    return np.fromfile(file.path, np.uint32, end - begin, offset=at)


def _several(
    files: Sequence[HashFile], beside: Sequence[HashFile], bucket: Bucket, memory: int
) -> Hashes:
    """Return the hashes of a bucket that occur more than once, at least once in ``files``."""
    distinct, several = _told_apart((_read(file, bucket) for file in files), memory)
    if not beside:
        return several
    met = _told_apart((_among(_read(file, bucket), distinct) for file in beside), memory)[0]
    return np.union1d(several, met)


def _told_apart(slices: Iterable[Hashes], memory: int) -> tuple[Hashes, Hashes]:
    """Return the distinct hashes, and those of them that occur more than once, both ascending."""
    distinct = several = np.empty(0, np.uint64)
    waiting: list[Hashes] = []
    at_least = max(_JOINED_AT_LEAST, memory // _BYTES_OF_ROW)
    held = 0
    for hashes in slices:
        waiting.append(hashes)
        held += len(hashes)
        if held >= at_least:
            distinct, several = _joined(distinct, several, waiting)
            waiting, held = [], 0
    return _joined(distinct, several, waiting)


def _joined(distinct: Hashes, several: Hashes, more: list[Hashes]) -> tuple[Hashes, Hashes]:
    every = np.concatenate([distinct, *more])
    every.sort()
    again = np.zeros(len(every), dtype=np.bool_)
    np.equal(every[1:], every[:-1], out=again[1:])
    return every[~again], np.union1d(several, every[again])


def _having(wanted: Hashes, bucket: Bucket, file: HashFile) -> Candidates | None:
    found = _is_among(_read(file, bucket), wanted)
    if not found.any():
        return None
    return Candidates(file.source, np.sort(_read_ordinals(file, bucket)[found]))


def _among(hashes: Hashes, ascending: Hashes) -> Hashes:
    return hashes[_is_among(hashes, ascending)]


def _is_among(hashes: Hashes, ascending: Hashes) -> npt.NDArray[np.bool_]:
    if not len(ascending):
        return np.zeros(len(hashes), dtype=np.bool_)
    at = np.searchsorted(ascending, hashes)
    at[at == len(ascending)] = 0
    found: npt.NDArray[np.bool_] = ascending[at] == hashes
    return found
