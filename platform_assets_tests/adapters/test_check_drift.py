"""The drift check: far from the baseline fails, and what cannot be told is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import UnknownThing
from platform_assets.flow.checks import CheckResult, Outcome
from platform_assets.flow.drift import Baseline
from platform_assets_tests.adapters.checked_product import (
    COLUMNS,
    ROWS,
    Product,
    profile_of,
    row,
    run_one,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path)


def drift(
    product: Product,
    rows: list[dict[str, Any]],
    column: str,
    before: list[dict[str, Any]] | None = None,
    **declared: Any,
) -> CheckResult:
    pinned = Baseline(3, "sha256:feed", profile_of(ROWS if before is None else before, COLUMNS))
    context = product.context(rows, baseline=lambda _number: pinned)
    settings = {"baseline": 3, "statistic": "psi", "at_most": 0.1, "min_rows": 1, **declared}
    return run_one(context, "drift", column=column, **settings)


@pytest.mark.parametrize(
    ("column", "moved"),
    [
        ("count", 1_000_000),
        ("score", 1e6),
        ("amount", 99_999),
        ("kind", "new"),
        ("place", {"city": "Paris", "lat": 48.9}),
    ],
)
@pytest.mark.parametrize("statistic", ["psi", "jensen_shannon"])
def test_a_product_like_the_baseline_passes_and_one_that_moved_fails(
    product: Product, column: str, moved: Any, statistic: str
) -> None:
    path = "place.city" if column == "place" else column
    same = drift(product, ROWS, path, statistic=statistic)
    assert (same.outcome, same.observed) == (
        Outcome.PASS,
        f"{statistic} 0.000000 over 10 values of {path}",
    )
    rows = [{**each, column: moved} for each in ROWS]
    far = drift(product, rows, path, statistic=statistic)
    assert far.outcome is Outcome.FAIL
    assert far.expected == f"{statistic} at most 0.1 against baseline 3, sha256:feed"


def test_the_limit_itself_is_allowed(product: Product) -> None:
    rows = [row(number) for number in range(5)]
    for limit, outcome in (("0.5", Outcome.PASS), ("0.499999", Outcome.FAIL)):
        result = drift(product, rows, "count", statistic="ks", at_most=limit)
        assert (result.outcome, result.observed) == (outcome, "ks 0.500000 over 5 values of count")


def test_nulls_and_nans_are_no_values(product: Product) -> None:
    rows = [*ROWS, row(10, score=None), row(11, score=float("nan"))]
    result = drift(product, rows, "score", at_most=0)
    assert (result.outcome, result.observed) == (
        Outcome.PASS,
        "psi 0.000000 over 10 values of score",
    )


def test_few_values_are_not_judged_and_the_result_says_so(product: Product) -> None:
    rows = [row(number, count=10**6) for number in range(9)]
    result = drift(product, rows, "count", min_rows=10)
    assert result.outcome is Outcome.PASS
    assert result.observed == "9 values of count; fewer than 10 are not judged"
    assert drift(product, rows, "count", min_rows=9).outcome is Outcome.FAIL


def test_a_baseline_that_is_not_there_is_an_error_however_few_the_rows(product: Product) -> None:
    def missing(number: int) -> Baseline:
        raise UnknownThing(f"baseline {number}", expected="one", found="none", remedy="Pin it.")

    context = product.context([], baseline=missing)
    result = run_one(context, "drift", column="count", baseline=1, statistic="psi", at_most=1)
    assert result.outcome is Outcome.ERROR
    assert "baseline 1" in result.detail


def test_a_baseline_without_the_column_or_without_values_is_an_error(product: Product) -> None:
    other = Baseline(3, "sha256:feed", profile_of([{"id": "a"}], COLUMNS[:1]))
    context = product.context(ROWS, baseline=lambda _number: other)
    result = run_one(context, "drift", column="count", baseline=3, statistic="psi", at_most=1)
    assert (result.outcome, result.detail) == (
        Outcome.ERROR,
        "ValueError: baseline 3 has no column count of that type",
    )
    result = drift(product, ROWS, "count", [])
    assert result.detail == "ValueError: baseline 3 has no value of count"


def test_more_values_than_a_profile_lists_are_an_error(product: Product) -> None:
    rows = [row(number, kind=f"k{number}") for number in range(300)]
    result = drift(product, rows, "kind")
    assert result.outcome is Outcome.ERROR
    assert "too many different values in the product" in result.detail
