"""Which rows are the first of their identity, which repeat it, which contradict it.

The identity of an event is its feed, type and id. Rows stand in the order of their landing; the first
one stands. A later row with the same content is a duplicate; one with other content is a mismatch and
never replaces what stands. What an earlier certified run admitted stands before everything of this run.

1. Rows whose id may occur more than once are found by the hashes of ids (`hash_buckets`): the suspects.
2. The suspects are settled bucket by bucket, by their ids themselves and the hashes of their contents
   (`suspects`). Of a bucket the distinct ids are held, and a piece of its rows: so an id that all rows
   have takes no more memory than any other.
3. What is not first is spilled by source, to be read in the order of landing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from platform_assets.adapters.full_disks import DiskFull, disk_problem
from platform_assets.adapters.hash_buckets import CELLS, HashFile, buckets, repeated
from platform_assets.adapters.judged_parts import EXACTLY, POSITION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from platform_assets.adapters.suspects import SuspectFile

#: What a suspect takes while a bucket is settled: its row, its identity among the firsts, their join.
_BYTES_OF_SUSPECT = 512
_IDENTITY = ("event", "id")
#: Of the row that stands: its run (null for this run) and its position.
_FIRST = ("first_run", "first_stream", "first_partition", "first_offset")
_SETTLED = ("source", *_IDENTITY, *POSITION, *_FIRST, "same")


def suspected(
    own: Sequence[HashFile], earlier: Sequence[HashFile], memory: int, threads: int = 1
) -> dict[int, npt.NDArray[np.uint8]]:
    """Return, by source, one bit for each row: whether its id may be that of another row."""
    rows = {file.source: file.numbered for file in (*own, *earlier)}
    bits: dict[int, npt.NDArray[np.uint8]] = {}
    for found in repeated(own, memory, beside=earlier, threads=threads):
        chosen = np.zeros(rows[found.source], np.uint8)
        chosen[found.ordinals] = 1
        packed = np.packbits(chosen)
        bits[found.source] = bits[found.source] | packed if found.source in bits else packed
    return bits


@dataclass(slots=True)
class Settled:
    """What is not the first of its identity, by source, spilled."""

    _slices: dict[int, list[tuple[Path, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def slices(self, source: int) -> list[tuple[Path, int, int]]:
        """Return files with the first row and the number of rows of a source in each."""
        return self._slices.get(source, [])

    def add(self, path: Path, source: int, begin: int, rows: int) -> None:
        """Note rows of a source in a file."""
        self._slices[source].append((path, begin, rows))


def read_settled(slices: Sequence[tuple[Path, int, int]]) -> pl.DataFrame:
    """Return rows of one source that are not the first of their identity, by offset.

    Columns: ``event``, ``id``, the position, ``first_run``, ``first_stream``, ``first_partition``,
    ``first_offset`` and ``same``, whether the content is that of the first.
    """
    frames = [
        pl.scan_ipc(path, **EXACTLY).slice(begin, rows).collect() for path, begin, rows in slices
    ]
    return pl.concat(frames).sort("_offset")


def settle(files: Sequence[SuspectFile], folder: Path, memory: int) -> Settled:
    """Settle suspects and spill what is not the first of its identity into a folder.

    Args:
        files: the suspects of each source. Those of earlier runs have numbers below zero; of two
            sources, the rows of the lower one are first.
        folder: where to spill.
        memory: how many bytes may be used.

    Raises:
        DiskFull: there is no room.
    """
    files = sorted(files, key=lambda file: file.number)
    limit = max(1, memory // _BYTES_OF_SUSPECT)
    settled = Settled()
    count = max(1, min(CELLS, -(-sum(file.rows for file in files) // limit)))
    for number, bucket in enumerate(buckets(count)):
        firsts = _firsts(files, bucket, limit)
        for piece, rows in enumerate(_pieces(files, bucket, limit)):
            path = folder / f"settled-{number:03d}-{piece:05d}.arrow"
            _spill(_later(rows, firsts), path, settled)
    return settled


def _pieces(
    files: Sequence[SuspectFile], bucket: tuple[int, int], limit: int
) -> Iterator[pl.DataFrame]:
    """Return the rows of a bucket in their order, at least so many at once as may be held."""
    waiting: list[pl.DataFrame] = []
    held = 0
    for file in files:
        begin, end = (int(file.cells[cell]) for cell in bucket)
        if begin == end:
            continue
        found = pl.scan_ipc(file.path, **EXACTLY).slice(begin, end - begin)
        rows = found.collect().sort("_offset")
        waiting.append(rows.with_columns(source=pl.lit(file.number, pl.Int64)))
        held += rows.height
        if held >= limit:
            yield pl.concat(waiting)
            waiting, held = [], 0
    if waiting:
        yield pl.concat(waiting)


def _firsts(files: Sequence[SuspectFile], bucket: tuple[int, int], limit: int) -> pl.DataFrame:
    firsts: list[pl.DataFrame] = []
    for rows in _pieces(files, bucket, limit):
        chosen = [*firsts, rows.select("source", *_IDENTITY, "run", *POSITION, "whole", "shared")]
        every = pl.concat(chosen)
        firsts = [every.unique(_IDENTITY, keep="first", maintain_order=True)]
    names = dict(zip(("run", *POSITION), _FIRST, strict=True))
    renamed = {name: f"first_{name}" for name in ("source", "whole", "shared")} | names
    return pl.concat(firsts).rename(renamed) if firsts else pl.DataFrame()


def _later(rows: pl.DataFrame, firsts: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of this run that are not the first of their identity."""
    own = rows.filter(pl.col("source") >= 0)
    joined = own.join(firsts, on=_IDENTITY, how="left", maintain_order="left")
    is_first = (pl.col("source") == pl.col("first_source")) & (
        pl.col("_offset") == pl.col("first_offset")
    )
    earlier = pl.col("first_source") < 0
    same = (
        pl.when(earlier)
        .then(pl.col("shared").eq_missing(pl.col("first_shared")))
        .otherwise(pl.col("whole") == pl.col("first_whole"))
    )
    return joined.filter(~is_first).with_columns(same=same).select(_SETTLED)


def _spill(rows: pl.DataFrame, path: Path, settled: Settled) -> None:
    if rows.is_empty():
        return
    try:
        rows.drop("source").write_ipc(path, compression="uncompressed")
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = disk_problem(error)
        if not problem:
            raise
        raise DiskFull(problem) from error
    sources = rows["source"].to_numpy()  # ascending: pieces are in the order of the sources
    borders = [0, *(np.flatnonzero(np.diff(sources)) + 1).tolist(), len(sources)]
    for begin, end in pairwise(borders):
        settled.add(path, int(sources[begin]), begin, end - begin)
