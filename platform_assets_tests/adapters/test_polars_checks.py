from __future__ import annotations

import datetime as dt
from decimal import Decimal as Number
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from platform_assets.adapters.parts import sort_frame, write_parts
from platform_assets.adapters.polars_checks import CheckContext, run_checks
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.columns import (
    POSITION_COLUMNS,
    Column,
    Decimal,
    ListOf,
    Scalar,
    Struct,
)
from platform_assets.contracts.frames import polars_schema
from platform_assets.declarations.checks import CHECK_KINDS, CheckDeclaration
from platform_assets.flow.checks import CheckObservation, CheckResult, Outcome, verdict_of

if TYPE_CHECKING:
    from pathlib import Path

PINNED = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
PLACE = Struct((Column("city", Scalar.STRING), Column("lat", Scalar.FLOAT64, nullable=True)))
COLUMNS = (
    Column("id", Scalar.STRING),
    Column("amount", Decimal(12, 2)),
    Column("count", Scalar.INT64, nullable=True),
    Column("score", Scalar.FLOAT64, nullable=True),
    Column("kind", Scalar.STRING, nullable=True),
    Column("ok", Scalar.BOOLEAN, nullable=True),
    Column("at", Scalar.TIMESTAMP, nullable=True),
    Column("place", PLACE, nullable=True),
    Column("tags", ListOf(PLACE), nullable=True),
    *POSITION_COLUMNS,
)
SCHEMA = polars_schema(COLUMNS)


def row(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"e{number:03d}",
        "amount": Number(number),
        "count": number,
        "score": number / 10,
        "kind": "abc"[number % 3],
        "ok": number % 2 == 0,
        "at": PINNED - dt.timedelta(seconds=100 - number),
        "place": {"city": "Riga", "lat": 56.9},
        "tags": [{"city": "Ulm", "lat": None}],
        "_stream": "s",
        "_partition": "0",
        "_offset": number,
        **changed,
    }


ROWS = [row(number) for number in range(10)]


class Product:
    """Parts on disk, as a certifier finds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    def context(
        self,
        rows: list[dict[str, Any]],
        *,
        columns: tuple[Column, ...] = COLUMNS,
        sort: tuple[str, ...] = ("at",),
        part_rows: int = 4,
        ordered: bool = True,
        **changed: Any,
    ) -> CheckContext:
        frame = pl.DataFrame(rows, schema=polars_schema(columns), orient="row")
        frame = sort_frame(frame, sort) if ordered else frame
        self.made += 1
        parts = write_parts(frame, columns, self.folder / str(self.made), part_rows=part_rows)
        values: dict[str, Any] = {
            "paths": [part.path for part in parts],
            "parts": [{"name": part.name, "rows": part.rows} for part in parts],
            "columns": columns,
            "sort": sort,
            "content_digest": content_digest(frame, columns).value,
            "expected_rows": len(rows),
            "reference_time": PINNED,
            "referenced": lambda _product, _column, _runs: pl.LazyFrame({"x": ["a", "b", "c"]}),
            "load_function": lambda reference: globals()[reference.partition(":")[2]],
        }
        return CheckContext(**{**values, **changed})


#: Kind, rows, declaration, outcome, a piece of what was observed.
Case = tuple[str, list[dict[str, Any]], dict[str, Any], str, str]


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path)


def declared(*checks: dict[str, Any]) -> tuple[CheckDeclaration, ...]:
    return TypeAdapter(tuple[CheckDeclaration, ...]).validate_python(checks)


def run_one(context: CheckContext, kind: str, **declaration: Any) -> CheckResult:
    (result,) = run_checks(declared({"check": kind, **declaration}), context)
    return result


# --- single values -------------------------------------------------------------------------------


def with_values(name: str, *values: Any) -> list[dict[str, Any]]:
    return [row(number, **{name: value}) for number, value in enumerate(values)]


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


# --- rows together -------------------------------------------------------------------------------


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


def test_a_refused_reference_is_an_error_not_an_empty_product(product: Product) -> None:
    def refuses(*_: Any) -> pl.LazyFrame:
        raise PermissionError("the gate says no")

    result = run_one(product.context([], referenced=refuses), "referential", **REFERS)
    assert result.outcome is Outcome.ERROR
    assert "the gate says no" in result.detail


# --- the user's own ------------------------------------------------------------------------------


def sum_below(frame: pl.LazyFrame, parameters: dict[str, Any]) -> CheckObservation:
    total = frame.select(pl.col("count").sum()).collect().item()
    limit = parameters["limit"]
    return CheckObservation(f"sum {total}", f"below {limit}", passed=total < limit)


def raises(_frame: pl.LazyFrame, _parameters: dict[str, Any]) -> CheckObservation:
    raise ZeroDivisionError


def exits(_frame: pl.LazyFrame, _parameters: dict[str, Any]) -> CheckObservation:
    raise SystemExit(0)


def returns_true(_frame: pl.LazyFrame, _parameters: dict[str, Any]) -> bool:
    return True


def fails_in_the_engine(frame: pl.LazyFrame, _parameters: dict[str, Any]) -> object:
    return frame.select(pl.col("id").cast(pl.Int64)).collect()


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
