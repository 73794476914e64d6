from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings

from platform_assets.adapters import row_encoding
from platform_assets.adapters.row_encoding import content_digest, encode_rows
from platform_assets.contracts.columns import Column, ListOf, Scalar, Struct
from platform_assets.contracts.frames import polars_schema
from platform_assets.flow.content_digest import ContentDigest, encode_row
from platform_assets_tests import strategies
from platform_assets_tests.vectors import make_content_digest_vectors as vectors

Rows = list[dict[str, Any]]


def frame_of(columns: list[Column], rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=polars_schema(columns), orient="row", strict=True)


@pytest.mark.parametrize("case", vectors.read_cases(), ids=lambda case: case["name"])
def test_i05_polars_gives_the_shared_vectors(case: dict[str, Any]) -> None:
    frame = frame_of(case["columns"], case["rows"])
    assert [row.hex() for row in encode_rows(frame, case["columns"])] == case["encodings"]
    found = content_digest(frame, case["columns"])
    assert [str(part) for part in found.sums] == case["sums"]
    assert found.value == case["digest"]


@settings(max_examples=150, deadline=None)
@given(strategies.tables())
def test_i05_polars_and_the_reference_agree_on_any_table(table: tuple[list[Column], Rows]) -> None:
    columns, rows = table
    frame = frame_of(columns, rows)
    assert list(encode_rows(frame, columns)) == [encode_row(columns, row) for row in rows]
    assert content_digest(frame, columns) == ContentDigest.of_rows(columns, rows)


@settings(max_examples=60, deadline=None)
@given(strategies.tables(max_rows=9))
def test_i05_slices_and_chunks_do_not_change_the_digest(table: tuple[list[Column], Rows]) -> None:
    columns, rows = table
    frame = frame_of(columns, rows)
    pieces = [frame.slice(start, 2) for start in range(0, max(1, frame.height), 2)]
    chunked = pl.concat(pieces, rechunk=False)
    assert content_digest(chunked, columns) == content_digest(frame, columns)
    merged = ContentDigest.empty(columns)
    for piece in pieces:
        merged = merged.merge(content_digest(piece, columns))
    assert merged == content_digest(frame, columns)


@pytest.mark.parametrize("batch_rows", [1, 7, 100_000])
def test_i05_the_size_of_batches_does_not_change_the_digest(
    monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    columns = [Column("i", Scalar.INT64), Column("s", Scalar.STRING, nullable=True)]
    rows: Rows = [{"i": i, "s": None if i % 3 else "x" * (i % 50)} for i in range(300)]
    expected = ContentDigest.of_rows(columns, rows)
    monkeypatch.setattr(row_encoding, "BATCH_ROWS", batch_rows)
    assert content_digest(frame_of(columns, rows), columns) == expected


def test_i05_what_lies_hidden_under_an_absent_struct_or_list_does_not_count() -> None:
    fields = (Column("x", Scalar.INT64, nullable=True), Column("s", Scalar.STRING, nullable=True))
    columns = [
        Column("p", Struct(fields), nullable=True),
        Column("l", ListOf(Scalar.INT64), nullable=True),
    ]
    absent = pa.array([False, True])
    struct = pa.StructArray.from_arrays(
        [pa.array([1, 2]), pa.array(["a", "hidden"], pa.large_string())],
        names=["x", "s"],
        mask=absent,
    )
    lists = pa.LargeListArray.from_arrays(
        pa.array([0, 1, 3], pa.int64()), pa.array([5, 6, 7]), mask=absent
    )
    rows: Rows = [{"p": {"x": 1, "s": "a"}, "l": [5]}, {"p": None, "l": None}]
    expected = [encode_row(columns, row) for row in rows]
    # Polars clears what lies under absent structs when it takes them over; Arrow hands it on.
    assert row_encoding._encode_arrays([struct, lists], columns, 2).to_pylist() == expected
    frame = pl.DataFrame({"p": pl.Series(struct), "l": pl.Series(lists)})
    assert list(encode_rows(frame, columns)) == expected


@pytest.mark.parametrize("level", [pl.CompatLevel.oldest(), pl.CompatLevel.newest()])
def test_i05_texts_of_one_length_are_encoded_as_all_others(level: pl.CompatLevel) -> None:
    names = ["id", "code", "nothing", "name", "country", "absent", "bank", "longer"]
    columns = [Column(name, Scalar.STRING, nullable=name == "absent") for name in names]
    rows: Rows = [
        {"id": f"{n:04}", "code": "ü", "nothing": "", "name": "n" * (n % 3), "country": "DE"}
        | {"absent": None if n == 2 else "four", "bank": f"{n:012}", "longer": f"{n:013}"}
        for n in range(6)
    ]
    expected = [encode_row(columns, row) for row in rows]
    frame = frame_of(columns, rows)
    assert list(encode_rows(frame, columns)) == expected
    arrays = [column.to_arrow(compat_level=level) for column in frame]
    for start, rows_left in ((0, 1), (1, 4), (3, 3), (6, 0)):  # not where their buffers begin
        sliced = [array.slice(start, rows_left) for array in arrays]
        found = row_encoding.encode_arrays(sliced, columns).to_pylist()
        assert found == expected[start : start + rows_left]


def test_i05_the_order_of_rows_does_not_enter_but_that_of_columns_does() -> None:
    columns = [Column("a", Scalar.INT64), Column("b", Scalar.INT64)]
    frame = pl.DataFrame({"b": [1, 2, 3], "a": [4, 5, 6]})
    assert content_digest(frame, columns) == content_digest(frame.reverse(), columns)
    assert content_digest(frame, columns).value != content_digest(frame, columns[::-1]).value


def test_i05_every_changed_value_changes_the_digest() -> None:
    columns = [Column("a", Scalar.INT64), Column("s", Scalar.STRING)]
    frame = pl.DataFrame({"a": range(500), "s": [f"v{i}" for i in range(500)]})
    expected = content_digest(frame, columns)
    for row in (0, 250, 499):
        at = pl.int_range(pl.len()) == row
        changed = frame.with_columns(pl.when(at).then(-1).otherwise("a").alias("a"))
        assert content_digest(changed, columns).value != expected.value
        retold = frame.with_columns(pl.when(at).then(pl.lit("")).otherwise("s").alias("s"))
        assert content_digest(retold, columns).value != expected.value


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"b": [1]}),
        pl.DataFrame({"a": [1]}, schema={"a": pl.Int32}),
        pl.DataFrame({"a": ["1"]}),
    ],
)
def test_a_frame_without_the_declared_columns_has_no_digest(frame: pl.DataFrame) -> None:
    with pytest.raises(TypeError, match="a is"):
        content_digest(frame, [Column("a", Scalar.INT64)])
