"""However rows are cut into parts and row groups, and whoever reads them, checks find the same."""

from __future__ import annotations

import datetime as dt
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters import hash_buckets
from platform_assets.adapters.check_keys import Room
from platform_assets.adapters.check_pass import Crash, observe_all, row_groups
from platform_assets.adapters.full_disks import DiskFull
from platform_assets.adapters.polars_checks import CheckContext, run_checks
from platform_assets.contracts.columns import POSITION_COLUMNS, Column, Scalar, Struct
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import WorkerLost
from platform_assets.flow.checks import Outcome
from platform_assets_tests.adapters.checked_product import (
    COLUMNS,
    PINNED,
    ROWS,
    Product,
    declared,
    run_one,
)
from platform_assets_tests.adapters.counting_plans import plans
from platform_assets_tests.adapters.plain_checks import out_of_order, plain_figures

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.flow.checks import CheckResult

PAIR = Struct((Column("a", Scalar.FLOAT64, nullable=True), Column("b", Scalar.STRING)))
VALUES = (
    Column("k", Scalar.INT64, nullable=True),
    Column("f", Scalar.FLOAT64, nullable=True),
    Column("s", Scalar.STRING),
    Column("at", Scalar.TIMESTAMP, nullable=True),
    Column("pair", PAIR, nullable=True),
)
FLOATS = st.none() | st.sampled_from([float("nan"), -0.0, 0.0, 1.5, float("-inf")])
TEXTS = st.none() | st.sampled_from(["", "a", "\u00e9", "\U0001f30d"])
ROW = st.fixed_dictionaries(
    {
        "k": st.none() | st.integers(0, 3),
        "f": FLOATS,
        "s": TEXTS,
        "at": st.none() | st.sampled_from([PINNED, PINNED - dt.timedelta(days=1)]),
        "pair": st.none() | st.fixed_dictionaries({"a": FLOATS, "b": TEXTS}),
    }
)
KNOWN = pl.LazyFrame({"x": [0.0, float("nan"), None]}, schema={"x": pl.Float64})
CHECKS = declared(
    {"check": "schema"},
    {"check": "sorted"},
    {"check": "digest"},
    {"check": "unique", "columns": ["f"]},
    {"check": "unique", "columns": ["k", "pair"]},
    {"check": "not_null", "columns": ["k", "pair.a"]},
    {"check": "null_fraction", "column": "s", "max_fraction": 0.2},
    {"check": "range", "column": "f", "min": 0, "max": 1},
    {"check": "allowed_values", "column": "s", "values": ["a", ""]},
    {"check": "freshness", "column": "at", "max_age_seconds": 60},
    {"check": "referential", "column": "f", "product": "p", "references": "x"},
)


def cut_product(
    folder: Path, rows: list[dict[str, Any]], cuts: list[list[int]], **changed: Any
) -> CheckContext:
    """Write rows as parts with row groups of these sizes; what is left over is one more part."""
    columns = (*VALUES, *POSITION_COLUMNS) if rows and "_offset" in rows[0] else VALUES
    frame = pl.DataFrame(rows, schema=polars_schema(columns), orient="row")
    spill = folder / "spill"
    spill.mkdir()
    paths, parts, at = [], [], 0
    for number, sizes in enumerate([*cuts, [max(1, frame.height)]]):
        path = folder / f"part-{number:05d}.parquet"
        part = frame[at : at + sum(sizes)]
        part.write_parquet(path, row_group_size=max(sizes))
        paths.append(path)
        parts.append({"name": path.name, "rows": part.height})
        at += part.height
    given: dict[str, Any] = {
        "paths": paths,
        "parts": parts,
        "columns": columns,
        "sort": ("k", "f"),
        "content_digest": "sha256:other",
        "expected_rows": len(rows),
        "reference_time": PINNED,
        "referenced": lambda *_: KNOWN,
        "baseline": lambda _: None,
        "load_function": lambda _: None,
        "workers": 1,
        "room": Room(spill, memory=2**26, threads=1),
    }
    return CheckContext(**{**given, **changed})


def same_as_in_plain_python(context: CheckContext, rows: list[dict[str, Any]]) -> list[CheckResult]:
    results = run_checks(CHECKS, context)
    for check, result in zip(CHECKS, results, strict=True):
        assert result.outcome is not Outcome.ERROR, result.detail
        expected = plain_figures(check, rows, context)
        assert {**result.figures, **expected} == result.figures, check
    wrong = out_of_order(rows, context)
    assert results[1].detail == (f"the first is row {wrong[0]:,} (counted from 0)" if wrong else "")
    return results


CUTS = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), max_size=4)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, max_size=14), cuts=CUTS, positions=st.booleans())
def test_checks_find_what_plain_python_finds_however_rows_are_cut(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, Any]],
    cuts: list[list[int]],
    positions: bool,
) -> None:
    if positions:
        rows = [
            {**row, "_stream": "s", "_partition": "0", "_offset": number * 7 % 5}
            for number, row in enumerate(rows)
        ]
    folder = tmp_path_factory.mktemp("cut")
    whole, pieces = folder / "whole", folder / "pieces"
    whole.mkdir()
    pieces.mkdir()
    context = cut_product(pieces, rows, cuts)
    results = same_as_in_plain_python(context, rows)
    at_once = cut_product(whole, rows, [])
    assert run_checks(CHECKS, at_once) == results


def many_rows(count: int) -> list[dict[str, Any]]:
    floats = [None, 0.0, 1.5, float("nan"), 2.5, 7.25, float("inf")]
    return [
        {
            "k": number // 10,
            "f": floats[number * number % 7],
            "s": "ab"[number % 2],
            "at": PINNED - dt.timedelta(seconds=number),
            "pair": {"a": float(number % 90), "b": "x"} if number % 3 else None,
            "_stream": "s",
            "_partition": "0",
            "_offset": number,
        }
        for number in range(count)
    ]


def test_two_workers_find_what_one_finds(tmp_path: Path) -> None:
    rows = many_rows(300)
    found = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        context = cut_product(folder, rows, [[20], [7], [50, 50]], workers=workers)
        found.append(same_as_in_plain_python(context, rows))
    assert found[0] == found[1]


@pytest.mark.parametrize("memory", [1, 2**26])
def test_keys_with_equal_hashes_that_differ_are_no_repeats(
    product: Product, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    def hashes(keys: pl.DataFrame) -> hash_buckets.Hashes:
        return np.array([len(key) << 62 for key in keys.to_series()], dtype=np.uint64)

    monkeypatch.setattr(hash_buckets, "key_hashes", hashes)
    keys = ["a", "b", "aa", "bb", "a", "cc", "c", "a", "bb"]
    rows = [{**row, "id": key} for row, key in zip(ROWS, keys, strict=False)]
    context = product.context(rows, part_rows=2)
    room = Room(context.room.spill, memory, threads=1)
    changed = {name: getattr(context, name) for name in CheckContext.__slots__}
    result = run_one(CheckContext(**{**changed, "room": room}), "unique", columns=["id"])
    assert (result.outcome, result.figures["repeated"]) == (Outcome.FAIL, 3)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_column_that_cannot_be_read_is_the_error_of_the_checks_that_look_at_it(
    product: Product, workers: int
) -> None:
    context = product.context(ROWS, workers=workers)
    damage(context.paths[1], "kind")
    checks = declared(
        {"check": "not_null", "columns": ["id"]},
        {"check": "null_fraction", "column": "kind", "max_fraction": 1},
        {"check": "sorted"},
        {"check": "unique", "columns": ["id"]},
        {"check": "unique", "columns": ["kind"]},
        {"check": "digest"},
        {"check": "python", "name": "mine", "function": "m:sum_below", "parameters": {"limit": 46}},
    )
    outcomes = [result.outcome for result in run_checks(checks, context)]
    assert outcomes == ["PASS", "ERROR", "PASS", "PASS", "ERROR", "ERROR", "PASS"]


def damage(path: Path, column: str) -> None:
    """Overwrite the pages of a column, and nothing else of a part."""
    held = pq.read_metadata(path).row_group(0)
    chunk = next(
        held.column(n) for n in range(held.num_columns) if held.column(n).path_in_schema == column
    )
    first = chunk.dictionary_page_offset or chunk.data_page_offset
    data = bytearray(path.read_bytes())
    data[first : first + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)


def test_a_part_without_a_column_fails_the_schema_and_is_the_error_of_the_checks_of_that_column(
    product: Product,
) -> None:
    context = product.context(ROWS)
    frame = pl.read_parquet(context.paths[1]).drop("kind")
    context.paths[1].unlink()
    frame.write_parquet(context.paths[1])
    checks = declared(
        {"check": "schema"},
        {"check": "not_null", "columns": ["id"]},
        {"check": "not_null", "columns": ["kind"]},
        {"check": "row_count_reconciles"},
    )
    results = run_checks(checks, context)
    assert [result.outcome for result in results] == ["FAIL", "PASS", "ERROR", "PASS"]
    assert results[0].detail == "part-00001.parquet: no kind"
    assert results[2].detail.startswith("ColumnNotFoundError: ")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plan_that_crashes_crashes_for_itself(product: Product, workers: int) -> None:
    context = product.context(ROWS, part_rows=3)
    groups = row_groups(context.paths)
    names = ("counts", "exits", "panics", "merges_badly", "counts")
    noted = observe_all(plans(names), partial(plans, names), COLUMNS, groups, workers)
    assert (noted[0], noted[4]) == (10, 10)
    assert noted[1] == Crash("SystemExit: 3")
    assert noted[2].told.startswith("PanicException: ")
    assert noted[3] == Crash("ZeroDivisionError: merged")


def test_what_is_no_finding_about_the_product_is_none(product: Product) -> None:
    groups = row_groups(product.context(ROWS, part_rows=3).paths)
    with pytest.raises(DiskFull, match="no space left"):
        observe_all(
            plans(("fills_the_disk",)), partial(plans, ("fills_the_disk",)), COLUMNS, groups, 1
        )
    for workers, name, error in ((2, "fills_the_disk", DiskFull), (2, "dies", WorkerLost)):
        with pytest.raises(error):
            observe_all(plans((name,)), partial(plans, (name,)), COLUMNS, groups, workers)


def test_row_groups_are_those_of_the_parts_and_none_is_large(tmp_path: Path) -> None:
    sizes = [(250_000, 125_000), (0, 100), (10, 4)]
    paths = []
    for number, (rows, group_rows) in enumerate(sizes):
        paths.append(tmp_path / f"{number}.parquet")
        frame = pl.DataFrame({"x": pl.int_range(rows, eager=True)})
        frame.write_parquet(paths[-1], row_group_size=group_rows)
    groups = row_groups(paths)
    assert [(g.path.stem, g.offset, g.rows) for g in groups] == [
        ("0", 0, 122_880),
        ("0", 122_880, 2_120),
        ("0", 125_000, 122_880),
        ("0", 247_880, 2_120),
        ("1", 0, 0),
        ("2", 0, 4),
        ("2", 4, 4),
        ("2", 8, 2),
    ]
    assert all(after.number == before.number + 1 for before, after in pairwise(groups))
