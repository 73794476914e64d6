"""A profile is a value of the rows alone: any split, order and engine gives the same."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from decimal import Decimal as Number
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters.part_format import arrow_schema
from platform_assets.adapters.profiling import profile_arrays
from platform_assets.contracts.columns import Column, Decimal, ListOf, Scalar, Struct
from platform_assets.contracts.frames import polars_schema
from platform_assets.flow.profile import (
    LISTED,
    SMALLEST,
    TEXT,
    ColumnProfile,
    Profile,
    bucket_start,
    quantile,
)

if TYPE_CHECKING:
    import random

    import pyarrow as pa

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
COLUMNS = (
    Column("text", Scalar.STRING, nullable=True),
    Column("number", Scalar.INT64, nullable=True),
    Column("real", Scalar.FLOAT64, nullable=True),
    Column("amount", Decimal(38, 2), nullable=True),
    Column("at", Scalar.TIMESTAMP, nullable=True),
    Column("day", Scalar.DATE, nullable=True),
    Column("ok", Scalar.BOOLEAN, nullable=True),
    Column("more", Scalar.JSON, nullable=True),
    Column("place", Struct((Column("city", Scalar.STRING, nullable=True),)), nullable=True),
    Column("tags", ListOf(Scalar.STRING), nullable=True),
)
INT64 = st.integers(-(2**63), 2**63 - 1)
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=70),
        "number": st.none() | INT64 | st.integers(0, 3),
        "real": st.none() | st.floats(width=64),
        "amount": st.none() | st.decimals(-(10**35), 10**35, places=2),
        "at": st.none()
        | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)).map(  # noqa: DTZ001 - below
            lambda moment: moment.replace(tzinfo=dt.UTC)
        ),
        "day": st.none() | st.dates(),
        "ok": st.none() | st.booleans(),
        "more": st.none() | st.just('{"a":1}'),
        "place": st.none() | st.fixed_dictionaries({"city": st.none() | st.text(max_size=3)}),
        "tags": st.none() | st.lists(st.text(max_size=2), max_size=5),
    }
)


def arrays_of(rows: list[dict[str, Any]], columns: tuple[Column, ...] = COLUMNS) -> list[pa.Array]:
    frame = pl.DataFrame(rows, schema=polars_schema(columns), orient="row")
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(arrow_schema(columns))
    return [column.combine_chunks() for column in table.columns]


def profile_of(rows: list[dict[str, Any]], columns: tuple[Column, ...] = COLUMNS) -> Profile:
    return profile_arrays(arrays_of(rows, columns), columns)


def of_values(kind: Any, values: list[Any]) -> ColumnProfile:
    (column,) = profile_of([{"x": v} for v in values], (Column("x", kind, nullable=True),)).columns
    return column


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, max_size=20), cuts=st.lists(st.integers(0, 20)), seed=st.randoms())
def test_any_split_and_order_of_the_rows_gives_the_same_profile(
    rows: list[dict[str, Any]], cuts: list[int], seed: random.Random
) -> None:
    whole = profile_of(rows)
    shuffled = list(rows)
    seed.shuffle(shuffled)
    borders = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    pieces = [profile_of(shuffled[a:b]) for a, b in pairwise(borders)]
    seed.shuffle(pieces)
    merged = pieces[0]
    for piece in pieces[1:]:
        merged = merged.merge(piece)
    assert merged.as_json() == whole.as_json()
    assert Profile.from_json(whole.as_json()).as_json() == whole.as_json()


@pytest.mark.parametrize("different", [LISTED, LISTED + 1])
def test_values_are_listed_up_to_a_number_of_them_however_the_rows_are_split(
    different: int,
) -> None:
    values = [f"v{number % different}" for number in range(3 * different)]
    whole = of_values(Scalar.STRING, values)
    merged = of_values(Scalar.STRING, values[:200])
    for start in range(200, len(values), 200):
        merged = merged.merge(of_values(Scalar.STRING, values[start : start + 200]))
    for found in (whole, merged):
        assert found.values == (Counter(values) if different <= LISTED else None)
        assert found.distinct is not None
        assert abs(found.distinct - different) <= different // 4


def test_a_value_that_is_too_long_keeps_all_values_of_its_column_from_the_list() -> None:
    assert of_values(Scalar.STRING, ["a", "b" * TEXT]).values == {"a": 1, "b" * TEXT: 1}
    assert of_values(Scalar.STRING, ["a", "b" * (TEXT + 1)]).values is None


def test_limits_are_exact_and_those_of_texts_are_their_beginnings() -> None:
    assert (of_values(Scalar.INT64, [2**63 - 1, -(2**63)]).low) == -(2**63)
    assert (of_values(Scalar.INT64, [2**63 - 1, 5]).high) == 2**63 - 1
    amounts = of_values(Decimal(38, 2), [Number("-1.25"), Number("99999999999999999999999.99")])
    assert (amounts.low, amounts.high) == (-125, 9999999999999999999999999)
    texts = of_values(Scalar.STRING, ["z" * 100, "ä", "b"])
    assert (texts.low, texts.high) == ("b", "ä")
    assert of_values(Scalar.STRING, ["z" * 100]).low == "z" * TEXT
    reals = of_values(Scalar.FLOAT64, [math.inf, -0.0, math.nan])
    assert (reals.low, reals.high, reals.nans) == (0.0, math.inf, 1)


def test_the_number_of_different_values_is_within_five_standard_errors() -> None:
    exact = of_values(Scalar.INT64, list(range(SMALLEST - 1)) * 2)
    assert exact.distinct == SMALLEST - 1
    for kind, values in (
        (Scalar.INT64, list(range(40_000))),
        (Scalar.STRING, [f"id-{number}" for number in range(40_000)]),
        (Scalar.FLOAT64, [number / 7 for number in range(40_000)]),
        (Decimal(20, 2), [Number(number) for number in range(40_000)]),
    ):
        found = of_values(kind, values).distinct
        assert found is not None
        assert abs(found - 40_000) < 5 * 40_000 / math.sqrt(SMALLEST - 2)


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_a_quantile_is_within_its_relative_error(values: list[float]) -> None:
    column = of_values(Scalar.FLOAT64, values)
    for share in (0, 250_000, 500_000, 990_000, 1_000_000):
        place = max(1, math.ceil(len(values) * share / 1_000_000))
        exact = sorted(values)[place - 1]
        found = quantile(column, share)
        assert found is not None
        assert abs(found - exact) <= max(abs(exact) / 64, 2.0**-1022)


@given(number=st.floats(allow_nan=False))
def test_a_number_lies_between_the_borders_of_its_bucket(number: float) -> None:
    (bucket,) = of_values(Scalar.FLOAT64, [number]).buckets
    assert abs(bucket_start(bucket)) <= abs(number)
    if not math.isinf(number):
        beyond = bucket_start(bucket + 1 if bucket >= 0 else bucket - 1)
        assert abs(number) < abs(beyond)


def test_decimals_of_any_size_and_sign_fall_where_their_doubles_do() -> None:
    unscaled = [0, 5, -5, 2**63, -(2**63), 2**64, -(2**64), 10**30, -(10**30)]
    found = of_values(Decimal(38, 0), [Number(each) for each in unscaled])
    assert found.buckets == of_values(Scalar.FLOAT64, [float(each) for each in unscaled]).buckets


def test_instants_are_counted_by_the_quarter_hour_of_their_day() -> None:
    moments = [
        EPOCH,
        EPOCH - dt.timedelta(microseconds=1),
        EPOCH + dt.timedelta(days=9, minutes=31),
    ]
    assert of_values(Scalar.TIMESTAMP, moments).buckets == {0: 1, 95: 1, 2: 1}


def test_fields_of_absent_structs_are_absent_and_lists_are_told_by_their_lengths() -> None:
    profile = profile_of([{"place": None, "tags": ["a", "b"]}, {"place": {"city": None}}])
    found = {column.path: column for column in profile.columns}
    assert (found["place"].nulls, found["place.city"].nulls) == (1, 2)
    (bucket,) = found["tags"].buckets
    assert (bucket_start(bucket), found["tags"].nulls) == (2.0, 1)


def test_hashes_are_those_that_are_published() -> None:
    # XXH64 with seed 0; SplitMix64 from the state 0 gives e220a8397b1dcdaf first
    assert of_values(Scalar.STRING, [""]).hashes == (0xEF46DB3751D8E999,)
    assert of_values(Scalar.STRING, ["abc"]).hashes == (0x44BC2CF5AD770999,)
    assert of_values(Scalar.INT64, [0]).hashes == (0xE220A8397B1DCDAF,)


def test_the_smallest_hashes_are_found_among_many_equal_ones() -> None:
    rare = [float(each) for each in range(SMALLEST)]
    common = [0.5] * 5_000
    found = of_values(Scalar.FLOAT64, [*common, *rare])
    assert len(found.hashes) == SMALLEST
    expected = sorted(
        {*of_values(Scalar.FLOAT64, rare).hashes, *of_values(Scalar.FLOAT64, [0.5]).hashes}
    )
    assert list(found.hashes) == expected[:SMALLEST]
    assert np.all(np.diff(np.array(found.hashes, dtype=np.uint64)) > 0)


def test_what_is_told_of_a_strict_product_holds_no_value() -> None:
    told = profile_of([{"text": "secret", "number": 7}, {"text": None}]).without_values().as_json()
    assert told["rows"] == 2
    assert told["columns"][0] == {"path": "text", "type": "string", "nulls": 1}
    assert all(set(column) == {"path", "type", "nulls"} for column in told["columns"])


def test_profiles_of_different_columns_do_not_merge() -> None:
    with pytest.raises(ValueError, match="is not"):
        of_values(Scalar.INT64, [1]).merge(of_values(Scalar.STRING, ["1"]))
