from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters import external_sort
from platform_assets.adapters.arrow_layout import relabelled
from platform_assets.adapters.external_sort import Room, different_rows, sorted_batches
from platform_assets.adapters.part_footers import Footers
from platform_assets.adapters.part_format import arrow_schema, as_table
from platform_assets.adapters.parts import encodings, sort_frame, write_frame
from platform_assets.contracts.columns import (
    POSITION_COLUMNS,
    Column,
    Decimal,
    ListOf,
    Scalar,
    Struct,
)
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import SpillExhausted
from platform_assets_tests import strategies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MIB = 1024**2


def externally(
    frames: Sequence[pl.DataFrame],
    columns: Sequence[Column],
    sort: Sequence[str],
    folder: Path,
    *,
    excluded: Sequence[pl.DataFrame] = (),
    memory: int = 256 * MIB,
    spill_limit: int | None = None,
) -> pl.DataFrame:
    files, left_out = (
        [write_frame(frame, folder / f"{kind}-{n}.parquet").path for n, frame in enumerate(each)]
        for kind, each in (("rows", frames), ("excluded", excluded))
    )
    (folder / "spill").mkdir()
    room = Room(memory, 2, folder / "spill", spill_limit)
    with sorted_batches(Footers.read(files), columns, sort, left_out, room) as batches:
        found = pl.concat(
            [pl.DataFrame(schema=polars_schema(columns)), *map(pl.DataFrame, batches)]
        )
    assert not any((folder / "spill").iterdir())
    return found


def same(found: pl.DataFrame, expected: pl.DataFrame) -> bool:
    return found.schema == expected.schema and encodings(found).equals(encodings(expected))


SCALARS = st.one_of(
    st.sampled_from(list(Scalar)),
    st.integers(1, 38).flatmap(lambda p: st.builds(Decimal, st.just(p), st.integers(0, p))),
)
HARD: dict[Scalar, st.SearchStrategy[Any]] = {
    Scalar.FLOAT64: st.sampled_from(
        [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1.5, -1.5]
    ),
    Scalar.STRING: st.sampled_from(
        ["", "a", "A", "b", "ab", "a\0", "\0", "é", "Z", "😀", "\uffff"]
    ),
    Scalar.INT64: st.sampled_from([0, -1, 1, 2**63 - 1, -(2**63)]),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], list[dict[str, Any]], list[str]]:
    """Columns of any type beside two that sort, one of them in a struct; few values, many ties."""
    kinds = [draw(SCALARS), draw(SCALARS)]
    keys = [
        Column("key", kinds[0], True),
        Column("Key", Struct((Column("in", kinds[1], True),)), True),
    ]
    carried = draw(strategies.columns())
    columns = [*keys, *carried]
    pools = [
        draw(st.lists(HARD.get(kind, strategies.values(kind)), min_size=1, max_size=3))
        for kind in kinds
    ]
    first, second = (st.none() | st.sampled_from(pool) for pool in pools)
    row = st.builds(
        lambda a, b, rest: {"key": a, "Key": b, **rest},
        first,
        st.none() | st.builds(lambda inner: {"in": inner}, second),
        strategies.rows(carried),
    )
    return columns, draw(st.lists(row, max_size=12)), draw(st.permutations(["key", "Key.in"]))


@settings(max_examples=60, deadline=None)
@given(table=tables(), positions=st.booleans(), cut=st.integers(0, 12))
def test_i05_duckdb_and_polars_sort_any_rows_into_the_same_order(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[Column], list[dict[str, Any]], list[str]],
    positions: bool,
    cut: int,
) -> None:
    columns, rows, sort = table
    frame = pl.DataFrame(rows, schema=polars_schema(columns), orient="row")
    if positions:
        columns = [*columns, *POSITION_COLUMNS]
        at = pl.int_range(pl.len(), dtype=pl.Int64)
        frame = frame.with_columns(
            _stream=pl.lit("s"), _partition=(at % 2).cast(pl.String), _offset=-at
        )
    found = externally([frame[:cut], frame[cut:]], columns, sort, tmp_path_factory.mktemp("sorted"))
    assert same(found, sort_frame(frame, sort))


def test_absent_structs_and_lists_come_back_as_they_were(tmp_path: Path) -> None:
    inner = Struct(
        (Column("a", Scalar.INT64, True), Column("A", ListOf(Scalar.STRING, True), True))
    )
    columns = [
        Column("n", Scalar.INT64),
        Column("s", inner, True),
        Column("N", ListOf(inner, True), True),
    ]
    values: list[Any] = [
        None,
        {"a": None, "A": None},
        {"a": 1, "A": []},
        {"a": None, "A": [None, "", "x"]},
    ]
    rows = [{"n": n, "s": s, "N": [s, None]} for n, s in enumerate(values)]
    rows += [{"n": 4, "s": None, "N": None}, {"n": 5, "s": None, "N": []}]
    frame = pl.DataFrame(rows[::-1], schema=polars_schema(columns), orient="row")
    found = externally([frame], columns, ["n"], tmp_path)
    assert found.to_dicts() == rows


@settings(max_examples=30, deadline=None)
@given(table=tables())
def test_different_keys_are_counted_as_polars_counts_them(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[Column], list[dict[str, Any]], list[str]],
) -> None:
    columns, rows, _ = table
    frame = pl.DataFrame(rows, schema=polars_schema(columns), orient="row")
    folder = tmp_path_factory.mktemp("keys")
    file = write_frame(frame, folder / "rows").path
    for key in (["key"], ["key", "Key"]):
        found = different_rows([file], columns, key, Room(256 * MIB, 2, folder))
        assert found == frame.select(key).unique().height


def numbered(rows: int) -> tuple[list[Column], pl.DataFrame]:
    columns = [Column("k", Scalar.INT64), Column("text", Scalar.STRING), *POSITION_COLUMNS]
    at = pl.int_range(rows, dtype=pl.Int64, eager=True)
    frame = pl.DataFrame(
        {"k": (at * 7919) % 100_003, "text": at.hash().cast(pl.String) + "-" * 200}
    )
    return columns, frame.with_columns(_stream=pl.lit("s"), _partition=pl.lit("0"), _offset=at)


def test_excluded_positions_are_left_out_and_no_others(tmp_path: Path) -> None:
    columns, frame = numbered(20_000)
    frame = frame.with_columns(_partition=(pl.col("_offset") % 3).cast(pl.String))
    out = frame.filter(pl.col("_offset") % 5 == 0).select("_partition", "_offset", extra=pl.lit(1))
    elsewhere = frame.head(100).select("_offset", _partition=pl.lit("9"))
    found = externally(
        [frame[:9_000], frame[9_000:]],
        columns,
        ["k"],
        tmp_path,
        excluded=[out[:50], out[50:], elsewhere],
    )
    assert same(found, sort_frame(frame.filter(pl.col("_offset") % 5 != 0), ["k"]))


def test_texts_that_never_vary_come_back_in_their_places(tmp_path: Path) -> None:
    columns, frame = numbered(20_000)
    columns = [Column("type", Scalar.STRING), *columns, Column("last", Scalar.STRING, True)]
    frame = frame.with_columns(type=pl.lit("sale"), last=pl.lit("")).select(
        column.name for column in columns
    )
    files = [frame[:9_000], frame[9_000:]]
    found = externally(files, columns, ["type", "k", "last"], tmp_path)
    assert found.equals(sort_frame(frame, ["k"]))


def test_rows_beyond_the_memory_are_spilled_and_come_back_in_order(tmp_path: Path) -> None:
    columns, frame = numbered(600_000)
    found = externally([frame], columns, ["k"], tmp_path, memory=128 * MIB)
    assert found.equals(sort_frame(frame, ["k"]))


def test_a_sort_that_may_spill_no_more_fails(tmp_path: Path) -> None:
    columns, frame = numbered(600_000)
    with pytest.raises(SpillExhausted, match="failed to offload"):
        externally([frame], columns, ["k"], tmp_path, memory=128 * MIB, spill_limit=4 * MIB)


def test_batches_of_long_rows_are_short(tmp_path: Path) -> None:
    frame = pl.DataFrame({"s": [f"{n:04d}" * 4096 for n in range(1_000)]})
    short = write_frame(frame.head(1_000).select(pl.col("s").str.head(4)), tmp_path / "a").path
    long = write_frame(frame, tmp_path / "b").path
    assert external_sort.batch_rows(Footers.read([short])) == external_sort.BATCH_ROWS
    assert external_sort.batch_rows(Footers.read([short, long])) == 2_048


def test_a_key_that_is_no_column_is_refused(tmp_path: Path) -> None:
    columns, frame = numbered(1)
    with pytest.raises(KeyError, match="nowhere"):
        externally([frame], columns, ["nowhere"], tmp_path)
    assert arrow_schema(columns).names == frame.columns


def test_memory_is_not_taken_for_a_schema_of_another_layout() -> None:
    batch = as_table(pl.DataFrame({"a": [1], "b": ["x"]})).to_batches()[0]
    times = pa.schema([("t", pa.timestamp("us", tz="UTC")), ("u", pa.large_string())])
    assert relabelled(batch, times).schema == times
    for other in (pa.large_string(), pa.int32(), pa.large_list(pa.int64())):
        with pytest.raises(TypeError, match="are not those of"):
            relabelled(batch, pa.schema([("a", other), ("b", pa.large_string())]))
