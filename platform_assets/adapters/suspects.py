"""Suspects: rows whose id may be that of another row, read and reduced to what settles them.

Of each suspect its id is kept, its position, and two SHA-256 of its content: ``whole``, over all
columns of the contract, by which rows of one run are compared, and ``shared``, over those columns that
earlier runs had with the same type, by which a row is compared with what an earlier run admitted. The
contents themselves stay where they are.

Suspects of one source stand in one file in their order, cut into cells by the hash of their id, so that
all rows of an id are in one cell of every file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash as plh

from platform_assets.adapters.column_types import resolve
from platform_assets.adapters.full_disks import DiskFull, disk_problem
from platform_assets.adapters.hash_buckets import HashFile, Ordinals, cells_of, key_hashes
from platform_assets.adapters.judged_parts import EXACTLY, POSITION, JudgedStream, spilled
from platform_assets.adapters.row_encoding import encode_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from platform_assets.contracts.columns import Column


#: What tells the rows of a stream from each other.
_PLACE = ("_partition", "_offset")
#: Rows of a part that are held with all their columns; parts of products may be longer.
ROWS_AT_A_TIME = 122_880


@dataclass(frozen=True, slots=True)
class EarlierPart:
    """A part of what an earlier run admitted; its number is below zero, earliest lowest.

    ``excluded`` are files with the positions of rows that the part has and the run did not admit; a
    part of a certified product has none.
    """

    number: int
    event: str
    run: str
    path: Path
    excluded: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SuspectRows:
    """Which rows of a part are suspects: one bit for each."""

    event: str
    path: Path
    rows: int
    bits: npt.NDArray[np.uint8]
    run: str | None = None

    def slices(self) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
        """Return where stretches of rows with suspects begin, and which of their rows these are."""
        chosen = np.unpackbits(self.bits, count=self.rows).view(np.bool_)
        for begin in range(0, self.rows, ROWS_AT_A_TIME):
            group = chosen[begin : begin + ROWS_AT_A_TIME]
            if group.any():
                yield begin, group


@dataclass(frozen=True, slots=True)
class SuspectTask:
    """The suspects of one source; ``shared`` has for each event the columns that earlier runs had."""

    number: int
    parts: Sequence[SuspectRows]
    shared: Mapping[str, Sequence[Column] | None]


@dataclass(frozen=True, slots=True)
class SuspectFile:
    """The suspects of one source; ``cells`` says at which row each cell begins, and the end."""

    number: int
    path: Path
    rows: int
    cells: npt.NDArray[np.int64]


def hash_earlier(stream: JudgedStream, part: EarlierPart) -> HashFile:
    """Spill the hashes of the ids that an earlier run admitted: the task of a worker.

    Raises:
        DiskFull: there is no room for them.
    """
    path = stream.ids[part.event]
    names = [path.split(".")[0], *(_PLACE if part.excluded else ())]
    rows = pl.read_parquet(part.path, columns=names, **EXACTLY)
    target = stream.task.spill / f"{part.event}-{-part.number:06d}.earlier.hashes"
    ids = rows.select(_id=resolve(rows.schema, path)[0].cast(pl.String))
    counting = _not_excluded(rows, part.excluded) if part.excluded else None
    return spilled(ids, target, part.number, counting)


def _not_excluded(rows: pl.DataFrame, excluded: Sequence[Path]) -> Ordinals:
    """Return the numbers of the rows whose position stands in none of the files, ascending."""
    gone = pl.concat(pl.scan_parquet(path, **EXACTLY).select(_PLACE) for path in excluded)
    found = rows.lazy().select(_PLACE).with_row_index("_row")
    left = found.join(gone, on=_PLACE, how="anti", maintain_order="left").select("_row").collect()
    return left["_row"].to_numpy().astype(np.uint32)


def read_suspects(stream: JudgedStream, task: SuspectTask) -> SuspectFile:
    """Read the suspects of a source and spill what settles them: the task of a worker.

    Raises:
        DiskFull: there is no room for them.
    """
    rows = pl.concat(
        frame
        for part in task.parts
        for frame in _reduced(stream, part, task.shared.get(part.event))
    )
    if task.number >= 0:
        rows = rows.sort("_offset")  # of several events, in the order of their landing
    cells, order = cells_of(key_hashes(rows.select("event", "id")))
    path = stream.task.spill / f"suspects-{task.number:+07d}.arrow"
    try:
        rows[order].write_ipc(path, compression="uncompressed")
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = disk_problem(error)
        if not problem:
            raise
        raise DiskFull(problem) from error
    return SuspectFile(task.number, path, rows.height, cells)


def _reduced(
    stream: JudgedStream, part: SuspectRows, shared: Sequence[Column] | None
) -> Iterator[pl.DataFrame]:
    columns = stream.columns[part.event] if part.run is None else ()
    names = {column.name for column in (*columns, *(shared or ()))}
    names |= {stream.ids[part.event].split(".")[0], *POSITION}
    scanned = pl.scan_parquet(part.path, **EXACTLY).select(sorted(names))
    for begin, chosen in part.slices():
        rows = scanned.slice(begin, len(chosen)).collect().filter(pl.Series(chosen))
        whole = _content(rows, columns)
        same = shared is not None and tuple(shared) == columns
        yield rows.select(
            event=pl.lit(part.event),
            id=resolve(rows.schema, stream.ids[part.event])[0].cast(pl.String),
            run=pl.lit(part.run, pl.String),
            **{name: pl.col(name) for name in POSITION},
            whole=whole,
            shared=whole if same else _content(rows, shared),
        )


def _content(rows: pl.DataFrame, columns: Sequence[Column] | None) -> pl.Series:
    """Return the SHA-256 of each row's encoding in hex; null where there is nothing to compare."""
    if not columns:
        return pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
    encoded = encode_rows(rows, columns).alias("row").to_frame()
    return encoded.select(plh.col("row").chash.sha2_256()).to_series()
