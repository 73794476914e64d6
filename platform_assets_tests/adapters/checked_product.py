"""A small product on disk, as a certifier finds it, and a user's own checks, good and bad."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as Number
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import TypeAdapter

from platform_assets.adapters.check_keys import Room
from platform_assets.adapters.parts import sort_frame, write_parts
from platform_assets.adapters.polars_checks import CheckContext, run_checks
from platform_assets.adapters.profiling import profile_arrays
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
from platform_assets.declarations.checks import CheckDeclaration
from platform_assets.flow.checks import CheckObservation
from platform_assets.flow.drift import Baseline

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.flow.checks import CheckResult
    from platform_assets.flow.profile import Profile

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
        spill = self.folder / f"spill-{self.made}"
        spill.mkdir()
        folder = self.folder / str(self.made)
        parts = write_parts(frame, columns, folder, part_rows=part_rows).parts
        values: dict[str, Any] = {
            "paths": [part.path for part in parts],
            "parts": [{"name": part.name, "rows": part.rows} for part in parts],
            "columns": columns,
            "sort": sort,
            "content_digest": content_digest(frame, columns).value,
            "expected_rows": len(rows),
            "reference_time": PINNED,
            "referenced": lambda _product, _column, _runs: pl.LazyFrame({"x": ["a", "b", "c"]}),
            "baseline": lambda number: Baseline(number, "sha256:0", profile_of(rows, columns)),
            "load_function": lambda reference: globals()[reference.partition(":")[2]],
            "workers": 1,
            "room": Room(spill, memory=2**26, threads=1),
        }
        return CheckContext(**{**values, **changed})


def profile_of(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> Profile:
    frame = pl.DataFrame(rows, schema=polars_schema(columns), orient="row")
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    return profile_arrays([column.combine_chunks() for column in table.columns], columns)


def declared(*checks: dict[str, Any]) -> tuple[CheckDeclaration, ...]:
    return TypeAdapter(tuple[CheckDeclaration, ...]).validate_python(checks)


def run_one(context: CheckContext, kind: str, **declaration: Any) -> CheckResult:
    (result,) = run_checks(declared({"check": kind, **declaration}), context)
    return result


def with_values(name: str, *values: Any) -> list[dict[str, Any]]:
    return [row(number, **{name: value}) for number, value in enumerate(values)]


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
