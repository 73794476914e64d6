"""DuckDB computes the content digest by SQL written from the text of the specification alone."""

from __future__ import annotations

from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings

from platform_assets.contracts.columns import Column, ColumnType, Decimal, ListOf, Scalar, Struct
from platform_assets.contracts.frames import polars_schema
from platform_assets.flow.content_digest import ContentDigest, fixed_width
from platform_assets_tests import strategies
from platform_assets_tests.vectors import make_content_digest_vectors as vectors

HEX = {
    Scalar.BOOLEAN: "CASE WHEN {e} THEN '01' ELSE '00' END",
    Scalar.INT64: "lpad(to_hex({e}), 16, '0')",
    Scalar.TIMESTAMP: "lpad(to_hex(epoch_us({e})), 16, '0')",
    Scalar.DATE: "right(lpad(to_hex(({e} - DATE '1970-01-01')::BIGINT), 16, '0'), 8)",
    Scalar.FLOAT64: "CASE WHEN isnan({e}) THEN '7FF8000000000000' WHEN {e} = 0 THEN repeat('0', 16) "
    "ELSE lpad(to_hex(({e}::BIT)::BIGINT), 16, '0') END",
}


def fixed(kind: ColumnType, e: str, depth: int) -> str:
    match kind:
        case Struct(fields):
            present = " || ".join(fixed(f.type, f'{e}."{f.name}"', depth) for f in fields)
        case Decimal():
            present = f"lpad(to_hex(replace({e}::VARCHAR, '.', '')::HUGEINT), 32, '0')"
        case ListOf() | Scalar.STRING | Scalar.JSON:
            present = f"lpad(to_hex(length({variable(kind, e, depth)}) // 2), 16, '0')"
        case Scalar():
            present = HEX[kind].format(e=e)
    absent = "00" * fixed_width(kind)
    return f"CASE WHEN {e} IS NULL THEN '{absent}' ELSE '01' || ({present}) END"


def variable(kind: ColumnType, e: str, depth: int) -> str:
    match kind:
        case Struct(fields):
            return " || ".join(variable(f.type, f'{e}."{f.name}"', depth) for f in fields)
        case Scalar.STRING | Scalar.JSON:
            return f"coalesce(hex(encode({e})), '')"
        case ListOf(element):
            x = f"x{depth}"
            row = f"({fixed(element, x, depth + 1)}) || {variable(element, x, depth + 1)}"
            rows = f"array_to_string(list_transform({e}, LAMBDA {x}: {row}), '')"
            return f"coalesce(lpad(to_hex(len({e})), 16, '0') || {rows}, '')"
        case _:
            return "''"


def duckdb_digest(frame: pl.DataFrame, columns: list[Column]) -> ContentDigest:
    values = [(column.type, f't."{column.name}"') for column in columns]
    pieces = [f"({fixed(kind, e, 0)})" for kind, e in values]
    pieces += [variable(kind, e, 0) for kind, e in values]
    word = "coalesce(sum(('0x' || substr(h, {at}, 16))::UBIGINT), 0)"
    words = ", ".join(word.format(at=1 + 16 * n) for n in range(4))
    with duckdb.connect() as connection:
        connection.register("t", frame.to_arrow())
        rows, *sums = connection.execute(
            f"WITH hashed AS (SELECT sha256(unhex({' || '.join(pieces)})) AS h FROM t) "  # noqa: S608
            f"SELECT count(*), {words} FROM hashed"
        ).fetchall()[0]
    a, b, c, d = (int(total) for total in sums)
    return ContentDigest(tuple(columns), rows, (a, b, c, d))


@pytest.mark.parametrize("case", vectors.read_cases(), ids=lambda case: case["name"])
def test_i05_duckdb_gives_the_shared_vectors(case: dict[str, Any]) -> None:
    columns = case["columns"]
    frame = pl.DataFrame(case["rows"], schema=polars_schema(columns), orient="row")
    found = duckdb_digest(frame, columns)
    assert [str(total) for total in found.sums] == case["sums"]
    assert found.value == case["digest"]


@settings(max_examples=40, deadline=None)
@given(strategies.tables())
def test_i05_duckdb_and_the_reference_agree_on_any_table(
    table: tuple[list[Column], list[dict[str, Any]]],
) -> None:
    columns, rows = table
    frame = pl.DataFrame(rows, schema=polars_schema(columns), orient="row")
    assert duckdb_digest(frame, columns) == ContentDigest.of_rows(columns, rows)
