from __future__ import annotations

from decimal import Decimal as Number
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters.polars_checks import CheckContext
from platform_assets.contracts.columns import Column, Decimal, Scalar
from platform_assets.flow.checks import Outcome
from platform_assets_tests.adapters.checked_product import (
    COLUMNS,
    PINNED,
    ROWS,
    Product,
    row,
    run_one,
    with_values,
)


def test_parts_as_in_the_manifest_have_the_schema(product: Product) -> None:
    assert run_one(product.context(ROWS), "schema").outcome is Outcome.PASS
    assert run_one(product.context([]), "schema").outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (COLUMNS[:-1], "also _offset"),
        ((*COLUMNS, Column("more", Scalar.INT64)), "no more"),
        ((Column("id", Scalar.INT64), *COLUMNS[1:]), "id is String, not Int64"),
        ((*COLUMNS[1:], COLUMNS[0]), "another order"),
        ((COLUMNS[0], Column("amount", Decimal(12, 3)), *COLUMNS[2:]), "amount is Decimal"),
    ],
)
def test_parts_with_other_columns_fail_the_schema(
    product: Product, columns: tuple[Column, ...], said: str
) -> None:
    result = run_one(product.context(ROWS, columns=COLUMNS), "schema")
    assert result.outcome is Outcome.PASS
    written = product.context(ROWS)
    context = CheckContext(
        **{**{f: getattr(written, f) for f in CheckContext.__slots__}, "columns": columns}
    )
    result = run_one(context, "schema")
    assert (result.outcome, said in result.detail) == (Outcome.FAIL, True)
    assert "part-00002.parquet" in result.detail


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"id": None}, "id"),
        ({"place": {"city": None, "lat": 1.0}}, "place"),
        ({"tags": [None]}, "tags"),
        ({"tags": [{"city": "x", "lat": 1.0}, {"city": None, "lat": 1.0}]}, "tags"),
    ],
)
def test_a_null_where_none_may_be_fails_the_schema_at_any_depth(
    product: Product, changed: dict[str, Any], name: str
) -> None:
    result = run_one(product.context([*ROWS, row(10, **changed)]), "schema")
    assert result.outcome is Outcome.FAIL
    assert f"1 in {name}" in result.detail
    allowed = {"place": None, "tags": None, "count": None}
    assert run_one(product.context([row(0, **allowed)]), "schema").outcome is Outcome.PASS


@pytest.mark.parametrize("part_rows", [1, 4, 100])
def test_rows_in_order_are_sorted_whatever_the_parts(product: Product, part_rows: int) -> None:
    rows = [*ROWS, row(10, at=None), row(11, at=None)]
    assert run_one(product.context(rows, part_rows=part_rows), "sorted").outcome is Outcome.PASS
    assert run_one(product.context([]), "sorted").outcome is Outcome.PASS


@pytest.mark.parametrize("part_rows", [1, 2, 4, 5, 100])
@pytest.mark.parametrize("swapped", [0, 3, 8])
def test_two_rows_in_the_wrong_order_are_found_within_and_across_parts(
    product: Product, part_rows: int, swapped: int
) -> None:
    rows = list(ROWS)
    rows[swapped], rows[swapped + 1] = rows[swapped + 1], rows[swapped]
    result = run_one(product.context(rows, ordered=False, part_rows=part_rows), "sorted")
    assert result.outcome is Outcome.FAIL
    assert result.observed == "1 of 10 rows out of order"
    assert f"row {swapped + 1} " in result.detail


def test_null_before_a_value_and_ties_against_the_offset_are_out_of_order(
    product: Product,
) -> None:
    null_first = [row(0, at=None), row(1)]
    ties = [row(5, at=PINNED), row(4, at=PINNED)]
    nulls = [row(5, at=None), row(4, at=None)]
    for rows in (null_first, ties, nulls):
        assert run_one(product.context(rows, ordered=False), "sorted").outcome is Outcome.FAIL


def test_without_positions_ties_stand_in_the_order_of_the_whole_row(product: Product) -> None:
    columns = (Column("k", Scalar.INT64), Column("v", Scalar.STRING))
    rows = [{"k": 1, "v": value} for value in ("b", "a", "c", "a")]
    context = product.context(rows, columns=columns, sort=("k",), part_rows=2)
    assert run_one(context, "sorted").outcome is Outcome.PASS
    unordered = product.context(rows, columns=columns, sort=("k",), part_rows=3, ordered=False)
    result = run_one(unordered, "sorted")
    assert (result.outcome, result.observed) == (Outcome.FAIL, "2 of 4 rows out of order")


SORTABLE = st.lists(
    st.fixed_dictionaries(
        {
            "f": st.none() | st.sampled_from([float("nan"), -0.0, 0.0, 1.5, float("-inf")]),
            "s": st.none() | st.sampled_from(["", "a", "\u00e9", "\U0001f30d"]),
            "b": st.none() | st.booleans(),
        }
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(rows=SORTABLE, part_rows=st.integers(1, 4))
def test_what_sort_frame_gives_is_sorted_and_nothing_else_is(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], part_rows: int
) -> None:
    columns = (
        Column("f", Scalar.FLOAT64, nullable=True),
        Column("s", Scalar.STRING, nullable=True),
        Column("b", Scalar.BOOLEAN, nullable=True),
    )
    maker = Product(tmp_path_factory.mktemp("p"))
    options: dict[str, Any] = {"columns": columns, "sort": ("f", "s"), "part_rows": part_rows}
    given_order = maker.context(rows, ordered=False, **options)
    total_order = maker.context(rows, **options)
    assert run_one(total_order, "sorted").outcome is Outcome.PASS
    same = given_order.scan().collect().equals(total_order.scan().collect())
    assert (run_one(given_order, "sorted").outcome is Outcome.PASS) == same


def test_unique_counts_the_repeats(product: Product) -> None:
    assert run_one(product.context(ROWS), "unique", columns=["id"]).outcome is Outcome.PASS
    assert run_one(product.context([]), "unique", columns=["id"]).outcome is Outcome.PASS
    rows = [*ROWS, row(10, id="e001"), row(11, id="e001")]
    result = run_one(product.context(rows), "unique", columns=["id"])
    assert (result.outcome, result.figures["repeated"]) == (Outcome.FAIL, 2)
    both = run_one(product.context(rows), "unique", columns=["id", "_offset"])
    assert both.outcome is Outcome.PASS
    inner = run_one(product.context(ROWS), "unique", columns=["place.city"])
    assert inner.figures["repeated"] == 9


@pytest.mark.parametrize("name", ["count", "score"])
def test_two_nulls_and_two_nans_are_not_unique(product: Product, name: str) -> None:
    twice = {"count": None, "score": float("nan")}[name]
    result = run_one(product.context(with_values(name, twice, twice)), "unique", columns=[name])
    assert result.outcome is Outcome.FAIL
    assert (
        run_one(product.context(with_values(name, None)), "unique", columns=[name]).outcome
        == "PASS"
    )


def test_i05_the_digest_is_computed_again_from_the_parts(product: Product) -> None:
    assert run_one(product.context(ROWS), "digest").outcome is Outcome.PASS
    assert run_one(product.context([]), "digest").outcome is Outcome.PASS
    of_others = product.context([*ROWS[:-1], row(9, amount=Number("9.01"))]).content_digest
    result = run_one(product.context(ROWS, content_digest=of_others), "digest")
    assert (result.outcome, result.expected) == (Outcome.FAIL, of_others)
    assert run_one(product.context(ROWS[:-1], content_digest=of_others), "digest").outcome == "FAIL"
