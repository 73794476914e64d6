"""Runs a product's declared checks over its parts.

Every declared check has exactly one result. Checks that look at single values share one pass over the
parts; where that pass fails, each is computed alone, so that a crash is the ERROR of the check that
crashed and of no other. What each check means for null, NaN and no rows stands in `check_values` and
`check_rows`; row_count_reconciles passes with no rows where none were admitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from platform_assets.adapters import check_rows, check_values
from platform_assets.adapters.parts import read_parts
from platform_assets.contracts.columns import POSITION_COLUMNS, Column
from platform_assets.contracts.frames import polars_schema
from platform_assets.declarations.checks import CheckDeclaration, check_name_of
from platform_assets.flow.checks import CheckObservation, CheckResult, counted, judge

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_T = TypeVar("_T")
_VALUE_CHECKS = {"not_null", "null_fraction", "range", "allowed_values", "freshness"}
_SHOWN_ROWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What checks look at.

    ``paths`` and ``parts`` are the parts in order and as the manifest lists them; ``expected_rows`` is
    what the admission receipts say; ``reference_time`` is when the window was pinned. ``referenced``
    gives one column of another certified product: (product, column, history runs) -> frame of that
    column. ``load_function`` finds a user's ``module:function``.
    """

    paths: Sequence[Path]
    parts: Sequence[Mapping[str, Any]]
    columns: tuple[Column, ...]
    sort: tuple[str, ...]
    content_digest: str
    expected_rows: int
    reference_time: dt.datetime
    referenced: Callable[[str, str, int], pl.LazyFrame]
    load_function: Callable[[str], Callable[..., Any]]

    @property
    def schema(self) -> pl.Schema:
        """The schema that the parts are to have."""
        return polars_schema(self.columns)

    def scan(self) -> pl.LazyFrame:
        """Return all rows in order."""
        return read_parts(self.paths, self.columns)


def run_checks(checks: Sequence[CheckDeclaration], context: CheckContext) -> list[CheckResult]:
    """Return one result for each declared check, in their order. Nothing raises but an interrupt."""
    together = _one_pass([c for c in checks if c.check in _VALUE_CHECKS], context)
    return [
        judge(
            check_name_of(check),
            check.check,
            partial(_observe, check, context, together.get(check_name_of(check))),
        )
        for check in checks
    ]


def _observe(
    check: CheckDeclaration, context: CheckContext, seen: Mapping[str, Any] | None
) -> object:
    paths, columns, schema = context.paths, context.columns, context.schema
    if not paths:
        raise ValueError("there are no parts; a product without rows has one")
    seeing: object
    match check.check:
        case "schema":
            seeing = check_rows.schema_holds(paths, columns)
        case "row_count_reconciles":
            seeing = _row_count(context)
        case "sorted":
            seeing = check_rows.sorted_rows(paths, columns, context.sort)
        case "unique":
            seeing = check_rows.unique_rows(check, context.scan(), schema)
        case "digest":
            seeing = check_rows.same_digest(paths, columns, context.content_digest)
        case "referential":
            seeing = check_rows.references_exist(check, context.scan(), schema, context.referenced)
        case "python":
            function = context.load_function(check.function)
            seeing = function(context.scan(), dict(check.parameters))
        case _:
            seeing = _observe_values(check, context, seen)
    return seeing


def _plan(check: CheckDeclaration, context: CheckContext) -> check_values.ValuePlan:
    match check.check:
        case "not_null":
            return check_values.not_null(check, context.schema)
        case "null_fraction":
            return check_values.null_fraction(check, context.schema)
        case "range":
            return check_values.value_range(check, context.schema)
        case "allowed_values":
            return check_values.allowed_values(check, context.schema)
        case "freshness":
            return check_values.freshness(check, context.schema, context.reference_time)
        case _:
            raise RuntimeError(f"{check.check} is no check of single values")


def _one_pass(
    checks: Sequence[CheckDeclaration], context: CheckContext
) -> dict[str, Mapping[str, Any]]:
    """Return the aggregates of checks by name; those of a check that does not work out are absent."""
    plans = {check_name_of(check): _or_nothing(partial(_plan, check, context)) for check in checks}
    sound = {name: plan for name, plan in plans.items() if plan is not None}
    return _or_nothing(partial(_aggregate, sound, context)) or {}


def _aggregate(
    plans: Mapping[str, check_values.ValuePlan], context: CheckContext
) -> dict[str, Mapping[str, Any]]:
    structs = [
        pl.struct([value.alias(key) for key, value in plan.aggregates.items()]).alias(name)
        for name, plan in plans.items()
    ]
    frame = context.scan().select(structs).collect(engine="streaming") if structs else None
    return {} if frame is None else frame.row(0, named=True)


def _observe_values(
    check: CheckDeclaration, context: CheckContext, seen: Mapping[str, Any] | None
) -> CheckObservation:
    plan = _plan(check, context)
    if seen is None:
        seen = _aggregate({"alone": plan}, context)["alone"]
    observation = plan.conclude(seen)
    if observation.passed or plan.offending is None:
        return observation
    return replace(observation, detail=_where(plan.offending, context))


def _where(offending: pl.Expr, context: CheckContext) -> str:
    """Say where the first offending rows stand, without their values."""
    positions = [c.name for c in POSITION_COLUMNS if c.name in context.schema]
    found = (
        context.scan()
        .with_row_index("row")
        .filter(offending)
        .head(_SHOWN_ROWS)
        .select("row", *positions)
        .collect(engine="streaming")
    )
    said = [
        " ".join([f"row {row[0]:,}", *(str(part) for part in row[1:])]) for row in found.iter_rows()
    ]
    heading = "first rows (counted from 0" + (", with stream, partition, offset" * bool(positions))
    return f"{heading}): {'; '.join(said)}"


def _row_count(context: CheckContext) -> CheckObservation:
    counts = [
        pl.scan_parquet(p, glob=False).select(pl.len()).collect().item() for p in context.paths
    ]
    listed = [part["rows"] for part in context.parts]
    other = [
        f"{part['name']} holds {found:,}, the manifest says {part['rows']:,}"
        for part, found in zip(context.parts, counts, strict=False)
        if found != part["rows"]
    ]
    if len(counts) != len(listed):
        other.append(f"{len(counts)} parts, the manifest lists {len(listed)}")
    return CheckObservation(
        observed=f"{counted(sum(counts), 'row')} in {counted(len(counts), 'part')}",
        expected=f"{counted(context.expected_rows, 'row')} admitted, parts as listed",
        passed=bool(counts) and sum(counts) == context.expected_rows and not other,
        detail="; ".join(other),
        figures={"rows": sum(counts), "expected_rows": context.expected_rows},
    )


def _or_nothing(make: Callable[[], _T]) -> _T | None:
    # What fails here is computed once more for its check alone, and is that check's ERROR there.
    try:
        return make()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - an engine's panic is no Exception
        return None
