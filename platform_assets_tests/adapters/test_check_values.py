from __future__ import annotations

import datetime as dt
from decimal import Decimal as Number
from typing import Any

import pytest

from platform_assets_tests.adapters.checked_product import (
    PINNED,
    ROWS,
    Product,
    row,
    run_one,
    with_values,
)

#: Kind, rows, declaration, outcome, a piece of what was observed.
Case = tuple[str, list[dict[str, Any]], dict[str, Any], str, str]

NULLS: list[Case] = [
    ("not_null", ROWS, {"columns": ["id", "place.city"]}, "PASS", "no null in 10 rows"),
    ("not_null", [], {"columns": ["count"]}, "PASS", "no null in 0 rows"),
    (
        "not_null",
        with_values("count", 1, None),
        {"columns": ["id", "count"]},
        "FAIL",
        "1 null in count",
    ),
    (
        "not_null",
        with_values("count", None, None),
        {"columns": ["count"]},
        "FAIL",
        "2 nulls in count",
    ),
    (
        "not_null",
        with_values("place", None),
        {"columns": ["place.city"]},
        "FAIL",
        "1 null in place.city",
    ),
    ("not_null", with_values("score", float("nan")), {"columns": ["score"]}, "PASS", "no null"),
    ("null_fraction", ROWS, {"column": "kind", "max_fraction": 0}, "PASS", "0 of 10 values"),
    ("null_fraction", [], {"column": "kind", "max_fraction": 0}, "PASS", "0 of 0 values"),
    (
        "null_fraction",
        with_values("kind", None, *"abcabcabc"),
        {"column": "kind", "max_fraction": 0.1},
        "PASS",
        "1 of 10 values",
    ),
    (
        "null_fraction",
        with_values("kind", None, *"abcabcab"),
        {"column": "kind", "max_fraction": 0.1},
        "FAIL",
        "1 of 9 values",
    ),
    (
        "null_fraction",
        with_values("kind", None, None),
        {"column": "kind", "max_fraction": "0.999"},
        "FAIL",
        "2 of 2 values",
    ),
    (
        "null_fraction",
        with_values("place", None, {"city": "x", "lat": None}, {"city": "x", "lat": 1.0}),
        {"column": "place.lat", "max_fraction": "0.5"},
        "FAIL",
        "2 of 3 values",
    ),
]

RANGES: list[Case] = [
    (
        "range",
        ROWS,
        {"column": "count", "min": 0, "max": 9},
        "PASS",
        "0 of 10 values of count outside 0..9",
    ),
    ("range", ROWS, {"column": "count", "min": 1, "max": 8}, "FAIL", "2 of 10 values"),
    (
        "range",
        ROWS,
        {"column": "count", "min": "0.5"},
        "FAIL",
        "1 of 10 values of count outside 0.5..",
    ),
    ("range", ROWS, {"column": "count", "max": "8.5"}, "FAIL", "outside ..8.5"),
    ("range", [], {"column": "count", "min": 5}, "PASS", "0 of 0 values"),
    (
        "range",
        with_values("count", None, None),
        {"column": "count", "min": 5},
        "PASS",
        "0 of 0 values",
    ),
    (
        "range",
        with_values("count", None, 4),
        {"column": "count", "min": 5},
        "FAIL",
        "1 of 1 value of count outside 5.. (1 null not counted)",
    ),
    ("range", ROWS, {"column": "count", "min": 1, "max_fraction_outside": 0.1}, "PASS", "1 of 10"),
    ("range", ROWS, {"column": "count", "min": 2, "max_fraction_outside": 0.1}, "FAIL", "2 of 10"),
    ("range", ROWS, {"column": "count", "min": "1e30"}, "FAIL", "10 of 10"),
    ("range", ROWS, {"column": "count", "max": "1e30"}, "PASS", "0 of 10"),
    ("range", ROWS, {"column": "count", "max": "-1e30"}, "FAIL", "10 of 10"),
    ("range", ROWS, {"column": "count", "min": "-1e30"}, "PASS", "0 of 10"),
    ("range", ROWS, {"column": "amount", "min": 0, "max": 9}, "PASS", "0 of 10"),
    (
        "range",
        with_values("amount", Number("9.01")),
        {"column": "amount", "max": "9.005"},
        "FAIL",
        "1 of 1",
    ),
    (
        "range",
        with_values("amount", Number("9.00")),
        {"column": "amount", "max": "9.005"},
        "PASS",
        "0 of 1",
    ),
    (
        "range",
        with_values("amount", Number("9.00")),
        {"column": "amount", "min": "9.001"},
        "FAIL",
        "1 of 1",
    ),
    (
        "range",
        with_values("count", 9_007_199_254_740_993),
        {"column": "count", "max": "9007199254740992"},
        "FAIL",
        "1 of 1",
    ),
    (
        "range",
        with_values("score", 0.1, 0.3),
        {"column": "score", "min": 0.1, "max": 0.3},
        "PASS",
        "0 of 2",
    ),
    ("range", with_values("score", 0.1 + 0.2), {"column": "score", "max": 0.3}, "FAIL", "1 of 1"),
    ("range", with_values("score", float("nan")), {"column": "score", "min": 0}, "FAIL", "1 of 1"),
    ("range", with_values("score", float("nan")), {"column": "score", "max": 0}, "FAIL", "1 of 1"),
    (
        "range",
        with_values("score", float("inf")),
        {"column": "score", "max": "1e308"},
        "FAIL",
        "1 of 1",
    ),
    ("range", ROWS, {"column": "place.lat", "min": -90, "max": 90}, "PASS", "0 of 10"),
    ("range", ROWS, {"column": "place.lat", "min": 57, "max": 90}, "FAIL", "10 of 10"),
]

ALLOWED: list[Case] = [
    ("allowed_values", ROWS, {"column": "kind", "values": ["a", "b", "c"]}, "PASS", "0 of 10"),
    ("allowed_values", ROWS, {"column": "kind", "values": ["a", "b"]}, "FAIL", "3 of 10"),
    (
        "allowed_values",
        ROWS,
        {"column": "kind", "values": ["a", "b"], "max_fraction_outside": 0.3},
        "PASS",
        "3 of 10",
    ),
    ("allowed_values", [], {"column": "kind", "values": ["a"]}, "PASS", "0 of 0"),
    (
        "allowed_values",
        with_values("kind", None),
        {"column": "kind", "values": ["a"]},
        "PASS",
        "0 of 0",
    ),
    (
        "allowed_values",
        with_values("kind", "A"),
        {"column": "kind", "values": ["a"]},
        "FAIL",
        "1 of 1",
    ),
    ("allowed_values", ROWS, {"column": "count", "values": list(range(10))}, "PASS", "0 of 10"),
    ("allowed_values", ROWS, {"column": "count", "values": [1, 2]}, "FAIL", "8 of 10"),
    ("allowed_values", ROWS, {"column": "ok", "values": [True, False]}, "PASS", "0 of 10"),
    ("allowed_values", ROWS, {"column": "ok", "values": [True]}, "FAIL", "5 of 10"),
    ("allowed_values", ROWS, {"column": "place.city", "values": ["Riga"]}, "PASS", "0 of 10"),
    ("allowed_values", ROWS, {"column": "place.city", "values": ["Ulm"]}, "FAIL", "10 of 10"),
]

FRESH: list[Case] = [
    ("freshness", ROWS, {"column": "at", "max_age_seconds": 91}, "PASS", "91 seconds before"),
    ("freshness", ROWS, {"column": "at", "max_age_seconds": 90}, "FAIL", "91 seconds before"),
    ("freshness", [], {"column": "at", "max_age_seconds": 90}, "FAIL", "no value of at in 0 rows"),
    (
        "freshness",
        [],
        {"column": "at", "max_age_seconds": 90, "allow_empty": True},
        "PASS",
        "no value of at in 0 rows",
    ),
    (
        "freshness",
        with_values("at", None),
        {"column": "at", "max_age_seconds": 90, "allow_empty": True},
        "FAIL",
        "no value of at in 1 row",
    ),
    (
        "freshness",
        with_values("at", None),
        {"column": "at", "max_age_seconds": 90},
        "FAIL",
        "no value of at in 1 row",
    ),
    (
        "freshness",
        with_values("at", PINNED - dt.timedelta(seconds=90, microseconds=1)),
        {"column": "at", "max_age_seconds": 90},
        "FAIL",
        "90 seconds before",
    ),
    (
        "freshness",
        with_values("at", PINNED + dt.timedelta(seconds=5)),
        {"column": "at", "max_age_seconds": 90},
        "PASS",
        "5 seconds after",
    ),
]


@pytest.mark.parametrize("case", [*NULLS, *RANGES, *ALLOWED, *FRESH])
def test_i06_values_are_held_against_the_declared_limit(product: Product, case: Case) -> None:
    kind, rows, declaration, outcome, observed = case
    result = run_one(product.context(rows), kind, **declaration)
    assert (result.outcome, result.detail if result.outcome == "ERROR" else "") == (outcome, "")
    assert observed in result.observed


def test_a_failed_check_says_where_and_shows_no_values(product: Product) -> None:
    rows = [row(n, kind="secret" if n > 3 else "a") for n in range(10)]
    result = run_one(product.context(rows), "allowed_values", column="kind", values=["a"])
    assert "row 4 s 0 4; row 5 s 0 5; row 6 s 0 6" in result.detail
    assert "secret" not in str(result)
