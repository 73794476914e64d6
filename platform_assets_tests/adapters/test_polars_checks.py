from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from platform_assets.adapters.polars_checks import run_checks
from platform_assets.contracts.columns import Column, Scalar
from platform_assets.declarations.checks import CHECK_KINDS
from platform_assets.flow.checks import Outcome, verdict_of
from platform_assets_tests.adapters.checked_product import (
    ROWS,
    Product,
    declared,
    run_one,
    with_values,
)


@pytest.mark.parametrize(
    ("kind", "declaration"),
    [
        ("range", {"column": "kind", "min": 1}),
        ("range", {"column": "place", "min": 1}),
        ("allowed_values", {"column": "count", "values": ["1"]}),
        ("allowed_values", {"column": "kind", "values": [1]}),
        ("allowed_values", {"column": "count", "values": [True]}),
        ("allowed_values", {"column": "score", "values": [1]}),
        ("freshness", {"column": "count", "max_age_seconds": 1}),
        ("not_null", {"columns": ["nowhere"]}),
        ("unique", {"columns": ["place.nowhere"]}),
        ("null_fraction", {"column": "kind.inner", "max_fraction": 1}),
        ("referential", {"column": "count", "product": "p", "references": "x"}),
        ("python", {"name": "mine", "function": "m:nothing_of_that_name"}),
        ("python", {"name": "mine", "function": "m:raises"}),
        ("python", {"name": "mine", "function": "m:exits"}),
        ("python", {"name": "mine", "function": "m:returns_true"}),
        ("python", {"name": "mine", "function": "m:fails_in_the_engine"}),
    ],
)
def test_i06_a_check_that_cannot_be_made_is_an_error_and_the_others_still_run(
    product: Product, kind: str, declaration: dict[str, Any]
) -> None:
    checks = declared(
        {"check": "range", "column": "count", "min": 0},
        {"check": kind, **declaration, "name": "broken"},
        {"check": "sorted"},
        {"check": "not_null", "columns": ["id"]},
    )
    results = run_checks(checks, product.context(ROWS))
    assert [result.outcome for result in results] == ["PASS", "ERROR", "PASS", "PASS"]
    assert verdict_of([result.name for result in results], results) == "FAIL"
    assert results[1].detail


def test_i03_rows_reconcile_with_the_receipts(product: Product) -> None:
    passed = run_one(product.context(ROWS), "row_count_reconciles")
    assert (passed.outcome, passed.observed) == (Outcome.PASS, "10 rows in 3 parts")
    assert run_one(product.context([]), "row_count_reconciles").outcome is Outcome.PASS
    for other in (9, 11, 0):
        result = run_one(product.context(ROWS, expected_rows=other), "row_count_reconciles")
        assert result.outcome is Outcome.FAIL


def test_i03_a_part_with_other_rows_than_listed_does_not_reconcile(product: Product) -> None:
    context = product.context(ROWS)
    swapped = [*context.parts[1:], context.parts[0]]
    result = run_one(
        product.context(ROWS, parts=swapped, paths=context.paths), "row_count_reconciles"
    )
    assert result.outcome is Outcome.FAIL
    assert "the manifest says" in result.detail
    fewer = product.context(ROWS, parts=context.parts[:-1])
    assert run_one(fewer, "row_count_reconciles").outcome is Outcome.FAIL


def test_no_parts_at_all_pass_no_check(product: Product) -> None:
    context = product.context([], paths=[], parts=[])
    kinds = declared(
        {"check": "schema"},
        {"check": "row_count_reconciles"},
        {"check": "sorted"},
        {"check": "digest"},
        {"check": "not_null", "columns": ["id"]},
        {"check": "unique", "columns": ["id"]},
    )
    assert all(result.outcome is not Outcome.PASS for result in run_checks(kinds, context))


def referring(known: list[Any]) -> dict[str, Any]:
    return {"referenced": lambda *_: pl.LazyFrame({"x": known}, schema={"x": pl.String})}


REFERS = {"column": "kind", "product": "kinds", "references": "x"}


def test_references_are_looked_up_in_the_other_product(product: Product) -> None:
    asked: list[tuple[str, str, int]] = []

    def referenced(name: str, column: str, runs: int) -> pl.LazyFrame:
        asked.append((name, column, runs))
        return pl.LazyFrame({"x": ["a", "b", "c", "c", None]})

    context = product.context(ROWS, referenced=referenced)
    assert run_one(context, "referential", **REFERS, history_runs=3).outcome is Outcome.PASS
    assert asked == [("kinds", "x", 3)]


@pytest.mark.parametrize(
    "case",
    [
        (ROWS, ["a", "b"], 0, "FAIL", "3 of 10 values of kind not in kinds.x"),
        (ROWS, ["a", "b"], 0.3, "PASS", "3 of 10"),
        (ROWS, ["a", "b"], 0.29, "FAIL", "3 of 10"),
        (ROWS, [], 0, "FAIL", "10 of 10"),
        (ROWS, [None], 0, "FAIL", "10 of 10"),
        ([], [], 0, "PASS", "0 of 0"),
        (with_values("kind", None, None), [None], 0, "PASS", "0 of 0"),
    ],
)
def test_values_that_refer_to_nothing_are_counted(
    product: Product, case: tuple[list[dict[str, Any]], list[Any], float, str, str]
) -> None:
    rows, known, limit, outcome, observed = case
    context = product.context(rows, **referring(known))
    result = run_one(context, "referential", **REFERS, max_fraction_missing=limit)
    assert result.outcome == outcome
    assert observed in result.observed


def test_a_reference_of_another_type_is_an_error_that_names_both(product: Product) -> None:
    result = run_one(product.context(ROWS), "referential", **{**REFERS, "column": "count"})
    assert (result.outcome, result.detail) == (
        Outcome.ERROR,
        "TypeError: count is Int64, x is String",
    )


def test_a_refused_reference_is_an_error_not_an_empty_product(product: Product) -> None:
    def refuses(*_: Any) -> pl.LazyFrame:
        raise PermissionError("the gate says no")

    result = run_one(product.context([], referenced=refuses), "referential", **REFERS)
    assert result.outcome is Outcome.ERROR
    assert "the gate says no" in result.detail


def test_a_users_function_decides_by_its_observation(product: Product) -> None:
    context = product.context(ROWS)
    for limit, outcome in ((46, "PASS"), (45, "FAIL")):
        result = run_one(
            context, "python", name="mine", function="m:sum_below", parameters={"limit": limit}
        )
        assert (result.outcome, result.observed) == (outcome, "sum 45")


def test_every_kind_of_check_that_can_be_declared_is_run(product: Product) -> None:
    needed: dict[str, dict[str, Any]] = {
        "unique": {"columns": ["id"]},
        "not_null": {"columns": ["id"]},
        "range": {"column": "count", "min": 0},
        "allowed_values": {"column": "kind", "values": ["a", "b", "c"]},
        "freshness": {"column": "at", "max_age_seconds": 3600},
        "null_fraction": {"column": "kind", "max_fraction": 0},
        "referential": REFERS,
        "drift": {
            "column": "count",
            "baseline": 1,
            "statistic": "psi",
            "at_most": 0,
            "min_rows": 1,
        },
        "python": {"name": "mine", "function": "m:sum_below", "parameters": {"limit": 100}},
    }
    checks = declared(*({"check": kind, **needed.get(kind, {})} for kind in CHECK_KINDS))
    results = run_checks(checks, product.context(ROWS))
    assert [(r.check, r.outcome, r.detail) for r in results] == [
        (k, "PASS", "") for k in CHECK_KINDS
    ]
    assert verdict_of([result.name for result in results], results) == "PASS"
    assert run_checks((), product.context(ROWS)) == []


def test_columns_called_like_figures_do_not_disturb_them(product: Product) -> None:
    columns = (Column("rows", Scalar.INT64, nullable=True), Column("values", Scalar.INT64))
    rows = [{"rows": None, "values": 1}, {"rows": 2, "values": 2}]
    context = product.context(rows, columns=columns, sort=("values",))
    result = run_one(context, "not_null", columns=["rows", "values"])
    assert (result.outcome, result.observed) == (Outcome.FAIL, "1 null in rows in 2 rows")
