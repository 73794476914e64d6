"""The built-in checks and their thresholds, as declared in YAML.

Every check observes something and holds it against a limit that stands in the declaration. Fractions
and limits are written as numbers or decimal strings and kept as exact decimals, so that the policy's
digest does not depend on how a float prints.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from platform_assets.declarations.model import Declaration, Name
from platform_assets.declarations.rules import FUNCTION


def _exact(value: object) -> object:
    # YAML gives 0.1 as a float; its shortest text is what the user wrote.
    return str(value) if isinstance(value, float) else value


Exact = Annotated[Decimal, BeforeValidator(_exact), Field(allow_inf_nan=False)]
Fraction = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=1, allow_inf_nan=False)]
Columns = Annotated[tuple[str, ...], Field(min_length=1)]


class _Check(Declaration):
    name: Annotated[Name | None, Field(description="Defaults to the kind and its columns.")] = None


class SchemaCheck(_Check):
    """The parts have exactly the manifest's columns and types, and no null where none may be."""

    check: Literal["schema"]


class RowCountReconcilesCheck(_Check):
    """The parts hold exactly the rows that the admission receipts say were admitted."""

    check: Literal["row_count_reconciles"]


class UniqueCheck(_Check):
    """No two rows have the same values in the columns."""

    check: Literal["unique"]
    columns: Columns


class SortedCheck(_Check):
    """Rows stand in the declared total order, within and across parts."""

    check: Literal["sorted"]


class NotNullCheck(_Check):
    """The columns hold no null."""

    check: Literal["not_null"]
    columns: Columns


class RangeCheck(_Check):
    """The column's values lie between min and max, both included; nulls are not counted."""

    check: Literal["range"]
    column: str
    min: Exact | None = None
    max: Exact | None = None
    max_fraction_outside: Fraction = Decimal(0)

    @model_validator(mode="after")
    def _has_a_limit(self) -> RangeCheck:
        if self.min is None and self.max is None:
            raise ValueError("range needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"range has min {self.min} above max {self.max}")
        return self


class AllowedValuesCheck(_Check):
    """The column holds only the listed values; nulls are not counted."""

    check: Literal["allowed_values"]
    column: str
    values: Annotated[tuple[str | int | bool, ...], Field(min_length=1)]
    max_fraction_outside: Fraction = Decimal(0)


class FreshnessCheck(_Check):
    """The newest value of a timestamp column is at most so many seconds older than the pin.

    ``allow_empty`` says that a product without rows is right: a window in which nothing of it came.
    """

    check: Literal["freshness"]
    column: str
    max_age_seconds: Annotated[int, Field(gt=0, strict=True)]
    allow_empty: bool | None = None  # undeclared, it is no part of the policy that is certified


class NullFractionCheck(_Check):
    """At most this share of the column's values is null."""

    check: Literal["null_fraction"]
    column: str
    max_fraction: Fraction


class ReferentialCheck(_Check):
    """The column's values occur in a column of another certified product; nulls are not counted.

    The other product is read through the gate: that of this run, and those of closed runs of this
    feed among the ``history_runs`` before it.
    """

    check: Literal["referential"]
    column: str
    product: Name
    references: str
    history_runs: Annotated[int, Field(ge=0, strict=True)] = 0
    max_fraction_missing: Fraction = Decimal(0)


class DriftCheck(_Check):
    """The column's values are spread as in a pinned baseline; nulls are not counted.

    The baseline is named by its number, so that it is part of the policy. With fewer values than
    ``min_rows`` nothing is judged, and the check passes.
    """

    check: Literal["drift"]
    column: str
    baseline: Annotated[int, Field(ge=1, le=9999, strict=True)]
    statistic: Literal["psi", "ks", "jensen_shannon"]
    at_most: Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, allow_inf_nan=False)]
    min_rows: Annotated[int, Field(ge=1, strict=True)] = 100


class DigestCheck(_Check):
    """The content digest, computed again from the parts, is the manifest's."""

    check: Literal["digest"]


class PythonCheck(_Check):
    """A function of the user: ``(polars.LazyFrame, parameters) -> CheckObservation``."""

    check: Literal["python"]
    name: Name
    function: Annotated[str, Field(pattern=FUNCTION)]
    parameters: dict[str, str | int | bool] = Field(default_factory=dict)


CheckDeclaration = Annotated[
    SchemaCheck
    | RowCountReconcilesCheck
    | UniqueCheck
    | SortedCheck
    | NotNullCheck
    | RangeCheck
    | AllowedValuesCheck
    | FreshnessCheck
    | NullFractionCheck
    | ReferentialCheck
    | DriftCheck
    | DigestCheck
    | PythonCheck,
    Field(discriminator="check"),
]

CHECK_KINDS: tuple[str, ...] = tuple(
    kind.model_fields["check"].annotation.__args__[0]
    for kind in get_args(get_args(CheckDeclaration)[0])
)


def check_name_of(declaration: CheckDeclaration) -> str:
    """Return the check's name: as given, or its kind followed by its columns."""
    if declaration.name is not None:
        return declaration.name
    columns = getattr(declaration, "columns", None) or (getattr(declaration, "column", None),)
    return "_".join([declaration.check, *(c.strip("_").lower() for c in columns if c)])
