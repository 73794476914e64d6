"""Sorting more rows than fit in memory: DuckDB sorts and spills, and hands the rows back in batches.

The order is that of `parts.sort_frame`: the declared keys, ascending, text by its UTF-8 bytes, NaN
above all numbers, null last; then stream, partition and offset, or without them the canonical encoding
of the row. It is total, so neither threads nor memory decide it. DuckDB only orders and carries: names
and meanings are kept away from it (`duckdb_rows`), and the types that come back are compared.

1. Excluded positions are taken out by an anti join, where there are any.
2. Rows are sorted within the memory that is given; what is beyond it goes to the spill folder. Texts
   that are the same in all rows, such as the name of the stream, are not sorted and not spilled.
3. They are handed out in order, as batches of so many rows that a batch stays small.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from platform_assets.adapters.arrow_layout import Constants, relabelled
from platform_assets.adapters.duckdb_rows import ENCODING, Given, give_encoded_rows, give_rows
from platform_assets.adapters.part_footers import Footers
from platform_assets.adapters.part_format import arrow_schema
from platform_assets.adapters.parts import has_positions, tie_breakers
from platform_assets.adapters.spilling import no_room
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import MemoryExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from platform_assets.contracts.columns import Column

#: Bytes of a batch, as Parquet stores its rows before compression, and the most and fewest rows of one.
BATCH_BYTES = 8 * 1024 * 1024
BATCH_ROWS = 32_768
_VECTOR_ROWS = 2_048

_PLACES = pa.schema([("_partition", pa.large_string()), ("_offset", pa.int64())])


@dataclass(frozen=True, slots=True)
class Room:
    """What a sort may use: bytes of memory, threads, a folder to spill into and its limit in bytes.

    The folder is the step's own, in the spill space that errors name.
    """

    memory: int
    threads: int
    spill: Path
    spill_limit: int | None = None


@contextmanager
def sorted_batches(
    parts: Footers,
    columns: Sequence[Column],
    sort: Sequence[str],
    excluded: Sequence[Path],
    room: Room,
) -> Iterator[Iterator[pa.RecordBatch]]:
    """Give the rows of Parquet files in the total order, without the excluded ones.

    Args:
        parts: the files; they have the columns, and maybe others.
        columns: what the rows have, in this order.
        sort: columns or dotted paths into structs that hold no struct or list themselves.
        excluded: files with ``_partition`` and ``_offset`` of the rows to be left out.
        room: what the sort may use.

    Raises:
        KeyError: a key names no column.
        SpillExhausted, DependencyUnreachable: the spill folder takes no more.
        MemoryExceeded: the memory does not suffice, however much is spilled.
    """
    schema = arrow_schema(columns)
    keys = (*sort, *tie_breakers(polars_schema(columns), sort))
    rows = batch_rows(parts)
    with spilling_connection(room) as connection:
        if has_positions(schema.names):
            same = Constants(schema, parts.constant, rows)
            given = give_rows(connection, "given", parts.files, same.others, rows)
            order = [given.path(key) for key in keys if key not in same.values]
        else:
            same = Constants(schema, {}, rows)
            given = give_encoded_rows(connection, "given", parts.files, columns, rows)
            order = [*(given.path(key) for key in keys), ENCODING]
        query = f"SELECT {', '.join(given.names)} FROM given"  # noqa: S608 - names are numbers
        if excluded:  # 1
            query += _anti_join(connection, given, excluded)
        query += " ORDER BY " + ", ".join(f"{key} ASC NULLS LAST" for key in order)  # 2
        with explained(room):
            reader = connection.sql(query).to_arrow_reader(rows)
        yield _handed_out(reader, same, room)  # 3


def different_rows(
    files: Sequence[Path], columns: Sequence[Column], key: Sequence[str], room: Room
) -> int:
    """Return how many different keys the rows of Parquet files have; null equals null.

    Raises:
        KeyError: the key names no column.
        SpillExhausted, DependencyUnreachable: the spill folder takes no more.
        MemoryExceeded: the memory does not suffice, however much is spilled.
    """
    with spilling_connection(room) as connection:
        rows = batch_rows(Footers.read(files))
        given = give_rows(connection, "given", files, arrow_schema(columns), rows)
        names = ", ".join(given.path(column) for column in key)
        keys = f"SELECT DISTINCT {names} FROM given"  # noqa: S608 - names are numbers, or quoted
        with explained(room):
            counted = connection.execute(f"SELECT count(*) FROM ({keys})").fetchone()  # noqa: S608
    return int(counted[0]) if counted else 0


def batch_rows(parts: Footers) -> int:
    """Return how many rows of these files make a batch."""
    return max(_VECTOR_ROWS, min(BATCH_ROWS, BATCH_BYTES // parts.row_bytes))


@contextmanager
def spilling_connection(room: Room) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to an engine of its own that keeps to the room."""
    settings: dict[str, Any] = {
        "memory_limit": f"{room.memory // 1024}KiB",
        "threads": room.threads,
        "temp_directory": str(room.spill),
        "arrow_large_buffer_size": True,
        "preserve_insertion_order": False,  # the order is total
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "enable_external_file_cache": False,  # every file is read once
    }
    with duckdb.connect(config=settings) as connection:
        if room.spill_limit is not None:  # not in the settings: naming the folder forgets it
            limit = f"{room.spill_limit // 1024}KiB"
            connection.execute(f"SET max_temp_directory_size = '{limit}'")
        yield connection


def _anti_join(
    connection: duckdb.DuckDBPyConnection, given: Given, excluded: Sequence[Path]
) -> str:
    places = give_rows(connection, "excluded", excluded, _PLACES, BATCH_ROWS)
    same = (f"given.{given.path(name)} = excluded.{places.path(name)}" for name in _PLACES.names)
    return f" ANTI JOIN excluded ON {' AND '.join(same)}"


def _handed_out(
    reader: pa.RecordBatchReader, same: Constants, room: Room
) -> Iterator[pa.RecordBatch]:
    with explained(room):
        for batch in reader:
            yield same.put_back(relabelled(batch, same.others))


@contextmanager
def explained(room: Room, thing: str = "the sort of a product") -> Iterator[None]:
    """Tell what is wrong with the room where the engine fails; it fails in Arrow's words, too."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if refusal := no_room(room.spill.parent, room.spill_limit, error):
            raise refusal from error
        if "Out of Memory" not in str(error):
            raise
        raise MemoryExceeded(
            thing,
            expected=f"{room.memory} bytes of memory to suffice",
            found=str(error).splitlines()[0],
            remedy="Nothing was published. Raise memory_budget or lower cores in platform.yaml, then "
            "run the step again.",
        ) from error
