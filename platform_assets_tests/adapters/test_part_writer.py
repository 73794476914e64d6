from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters import part_writer
from platform_assets.adapters.part_format import ROW_GROUP_ROWS, as_table
from platform_assets.adapters.part_writer import PartWriter
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.columns import Column, Scalar
from platform_assets.contracts.frames import polars_schema
from platform_assets_tests import strategies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.ports.engines import ProductParts

COLUMNS = [Column("i", Scalar.INT64), Column("s", Scalar.STRING, nullable=True)]


def numbered(rows: int) -> pl.DataFrame:
    i = pl.int_range(rows, dtype=pl.Int64, eager=True)
    return pl.DataFrame(
        {"i": i, "s": "different-texts-fill-many-pages-" + i.hash().cast(pl.String)}
    )


def written(
    frame: pl.DataFrame,
    into: Path,
    sizes: Iterator[int],
    *,
    columns: list[Column] = COLUMNS,
    part_rows: int = 10**6,
    threads: int = 1,
) -> ProductParts:
    into.mkdir()
    with PartWriter(columns, into, part_rows=part_rows, threads=threads) as writer:
        start = 0
        while start < frame.height:
            size = next(sizes)
            for batch in as_table(frame.slice(start, size)).combine_chunks().to_batches():
                writer.add(batch)
            start += size
        return writer.finish()


def hashes(made: ProductParts) -> list[str]:
    return [part.sha256 for part in made.parts]


@pytest.mark.parametrize(
    ("sizes", "threads"), [((1_000,), 1), ((7_777, 1, 60_000), 2), ((300_000,), 3)]
)
def test_i05_batches_and_threads_leave_no_trace_in_the_bytes(
    tmp_path: Path, sizes: tuple[int, ...], threads: int
) -> None:
    frame = numbered(300_000)
    first = written(frame, tmp_path / "a", itertools.repeat(ROW_GROUP_ROWS), part_rows=200_000)
    other = written(
        frame, tmp_path / "b", itertools.cycle(sizes), part_rows=200_000, threads=threads
    )
    assert other.parts[0].sha256 == first.parts[0].sha256
    assert hashes(other) == hashes(first)
    assert [part.rows for part in first.parts] == [200_000, 100_000]
    assert other.content_digest == first.content_digest == content_digest(frame, COLUMNS).value
    assert first.rows == frame.height


@settings(max_examples=60, deadline=None)
@given(
    table=strategies.tables(max_rows=12),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    part_rows=st.integers(1, 7),
    group=st.tuples(st.integers(1, 5), st.integers(1, 200)),
)
def test_i05_any_rows_in_any_batches_give_the_same_parts_and_row_groups(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[Column], list[dict[str, Any]]],
    sizes: list[int],
    part_rows: int,
    group: tuple[int, int],
) -> None:
    columns, rows = table
    frame = pl.DataFrame(rows, schema=polars_schema(columns), orient="row")
    folder = tmp_path_factory.mktemp("w")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part_writer, "ROW_GROUP_ROWS", group[0])
        patch.setattr(part_writer, "ROW_GROUP_BYTES", group[1])
        made = [
            written(frame, folder / name, each, columns=columns, part_rows=part_rows)
            for name, each in (("a", itertools.cycle(sizes)), ("b", itertools.repeat(100)))
        ]
    assert hashes(made[0]) == hashes(made[1])
    assert made[0].content_digest == content_digest(frame, columns).value
    full, rest = divmod(len(rows), part_rows)
    assert [part.rows for part in made[0].parts] == ([part_rows] * full + [rest] * bool(rest)) or [
        0
    ]
    read = pl.concat(pl.read_parquet(part.path, schema=frame.schema) for part in made[0].parts)
    assert content_digest(read, columns).value == made[0].content_digest


def test_i05_row_groups_of_long_rows_end_by_their_bytes(tmp_path: Path) -> None:
    long = part_writer.ROW_GROUP_BYTES // 3
    columns = [Column("s", Scalar.STRING)]
    frame = pl.DataFrame({"s": ["a" * long, "b" * long, "c" * long, "d" * 4 * long, "e", "f"]})
    (part,) = written(frame, tmp_path / "a", itertools.repeat(4), columns=columns).parts
    groups = pq.ParquetFile(part.path).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [2, 1, 1, 2]


def test_rows_of_other_columns_are_not_written(tmp_path: Path) -> None:
    with (
        PartWriter(COLUMNS, tmp_path, part_rows=1, threads=1) as writer,
        pytest.raises(TypeError, match="the rows are"),
    ):
        writer.add(as_table(pl.DataFrame({"i": [1]})).to_batches()[0])


def test_an_error_while_writing_reaches_who_adds_rows(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "part-00000.parquet").touch()
    with PartWriter(COLUMNS, tmp_path / "a", part_rows=10, threads=1) as writer:
        writer.add(as_table(numbered(100)).combine_chunks().to_batches()[0])
        with pytest.raises(FileExistsError):
            writer.finish()
