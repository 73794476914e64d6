"""Runs a product's declared checks over its parts.

Every declared check has exactly one result. Checks that look at rows are plans of one pass over the
parts (`check_pass`), python checks get a lazy frame of their own, and a crash is the ERROR of the check
that crashed and of no other. What each check means for null, NaN and no rows stands in `check_values`,
`check_rows`, `check_keys` and `check_drift`; row_count_reconciles passes with no rows where none were
admitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters import check_drift, check_keys, check_rows, check_values
from platform_assets.adapters.check_pass import Crash, attempted, observe_all, row_groups
from platform_assets.adapters.parts import read_parts
from platform_assets.contracts.columns import POSITION_COLUMNS, Column
from platform_assets.contracts.frames import polars_schema
from platform_assets.declarations.checks import CheckDeclaration, check_name_of
from platform_assets.flow.checks import (
    CheckCrashed,
    CheckObservation,
    CheckResult,
    counted,
    judge,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from platform_assets.adapters.check_keys import Room
    from platform_assets.adapters.check_pass import Plan
    from platform_assets.declarations.checks import DriftCheck, ReferentialCheck
    from platform_assets.flow.drift import Baseline

_SHOWN_ROWS = 3
_WITHOUT_PLAN = ("row_count_reconciles", "python")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What checks look at, and with what means.

    ``paths`` and ``parts`` are the parts in order and as the manifest lists them; ``expected_rows`` is
    what the admission receipts say; ``reference_time`` is when the window was pinned. ``referenced``
    gives one column of another certified product: (product, column, history runs) -> frame of that
    column. ``baseline`` gives a pinned baseline of the product by its number. ``load_function`` finds
    a user's ``module:function``. ``workers`` share the pass.
    """

    paths: Sequence[Path]
    parts: Sequence[Mapping[str, Any]]
    columns: tuple[Column, ...]
    sort: tuple[str, ...]
    content_digest: str
    expected_rows: int
    reference_time: dt.datetime
    referenced: Callable[[str, str, int], pl.LazyFrame]
    baseline: Callable[[int], Baseline]
    load_function: Callable[[str], Callable[..., Any]]
    workers: int
    room: Room

    @property
    def schema(self) -> pl.Schema:
        """The schema that the parts are to have."""
        return polars_schema(self.columns)

    def scan(self) -> pl.LazyFrame:
        """Return all rows in order."""
        return read_parts(self.paths, self.columns)


@dataclass(frozen=True, slots=True)
class _Planned:
    """What plans are made of, here and in workers; checks stand under their place in the policy."""

    checks: Mapping[int, CheckDeclaration]
    columns: tuple[Column, ...]
    sort: tuple[str, ...]
    content_digest: str
    reference_time: dt.datetime
    room: Room


def run_checks(checks: Sequence[CheckDeclaration], context: CheckContext) -> list[CheckResult]:
    """Return one result for each declared check, in their order.

    Raises:
        WorkerLost, MemoryExceeded, SpillExhausted, SpillLimit: what the checks were to run with is not
            enough; no check has a result then.
    """
    planned = _Planned(
        checks={n: check for n, check in enumerate(checks) if check.check not in _WITHOUT_PLAN},
        columns=context.columns,
        sort=context.sort,
        content_digest=context.content_digest,
        reference_time=context.reference_time,
        room=context.room,
    )
    plans = {place: attempted(partial(_plan, place, planned, context)) for place in planned.checks}
    noted = _one_pass(plans, planned, context)
    return [
        _result(check, context, plans.get(place), noted.get(place))
        for place, check in enumerate(checks)
    ]


def _one_pass(
    plans: Mapping[int, Plan | Crash], planned: _Planned, context: CheckContext
) -> dict[int, Any]:
    """Return what each plan noted of all rows, or its crash."""
    sound = {place: plan for place, plan in plans.items() if not isinstance(plan, Crash)}
    groups = attempted(partial(row_groups, context.paths))
    if isinstance(groups, Crash):
        return dict.fromkeys(sound, groups)
    planned = replace(planned, checks={place: planned.checks[place] for place in sound})
    return observe_all(sound, partial(_plans, planned), context.columns, groups, context.workers)


def _result(
    check: CheckDeclaration, context: CheckContext, plan: Plan | Crash | None, noted: object
) -> CheckResult:
    observe = partial(_observe, check, context, plan, noted)
    if check.check != "python":  # what a user's function makes of a full disk is its own matter
        observe = partial(_given, attempted(observe))
    return judge(check_name_of(check), check.check, observe)


def _observe(
    check: CheckDeclaration, context: CheckContext, plan: Plan | Crash | None, noted: object
) -> object:
    if not context.paths:
        raise ValueError("there are no parts; a product without rows has one")
    if check.check == "row_count_reconciles":
        return _row_count(context)
    if check.check == "python":
        function = context.load_function(check.function)
        return function(context.scan(), dict(check.parameters))
    if check.check == "schema":
        other = check_rows.other_columns(context.paths, context.columns)
        if other is not None:
            return other
    looked: Plan = _given(plan)
    observation = looked.conclude(_given(noted))
    offending = looked.offending if isinstance(looked, check_values.ValuePlan) else None
    if observation.passed or offending is None:
        return observation
    return replace(observation, detail=_where(offending, context))


def _plans(planned: _Planned) -> dict[int, Plan]:
    return {place: _plan(place, planned) for place in planned.checks}


def _plan(place: int, planned: _Planned, context: CheckContext | None = None) -> Plan:
    """Make the plan of a check; one that looks at other products concludes only with a context."""
    check, columns = planned.checks[place], planned.columns
    match check.check:
        case "schema":
            return check_rows.ForbiddenNulls(columns)
        case "sorted":
            return check_rows.Order(columns, planned.sort)
        case "digest":
            return check_rows.Digest(columns, planned.content_digest)
        case "unique":
            return check_keys.unique(check, columns, planned.room, f"unique-{place}")
        case "referential" | "drift":
            return _comparing(check, columns, context)
        case _:
            return _value_plan(check, polars_schema(columns), planned.reference_time)


def _comparing(
    check: ReferentialCheck | DriftCheck, columns: tuple[Column, ...], context: CheckContext | None
) -> Plan:
    if check.check == "drift":
        return check_drift.Drift(check, columns, None if context is None else context.baseline)
    look_up = None if context is None else partial(_missing, check, context)
    return check_keys.references(check, columns, look_up)


def _value_plan(
    check: CheckDeclaration, schema: pl.Schema, reference_time: dt.datetime
) -> check_values.ValuePlan:
    match check.check:
        case "not_null":
            return check_values.not_null(check, schema)
        case "null_fraction":
            return check_values.null_fraction(check, schema)
        case "range":
            return check_values.value_range(check, schema)
        case "allowed_values":
            return check_values.allowed_values(check, schema)
        case "freshness":
            return check_values.freshness(check, schema, reference_time)
        case _:
            raise RuntimeError(f"{check.check} does not look at rows")


def _missing(check: ReferentialCheck, context: CheckContext) -> int:
    others = context.referenced(check.product, check.references, check.history_runs)
    return check_keys.missing_references(check, context.scan(), others, context.room)


def _given(seen: object) -> Any:
    """Return what was seen; where that is a crash, raise it."""
    if isinstance(seen, Crash):
        raise CheckCrashed(seen.told)
    return seen


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
