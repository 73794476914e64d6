"""The drift check: how far the values of a column are from those of a pinned baseline.

What the product holds is computed from its rows, in the pass of all checks, and not taken from the
profile beside it. The distance, and what counts as a value, are those of `flow.drift`. A baseline that
is not there, or tells nothing of the column, is the error of the check. So are different values that
are too many to be listed. With fewer values than ``min_rows`` the check passes, and says that nothing
was judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.column_types import columns_of, resolve
from platform_assets.adapters.profiling import profile_array
from platform_assets.contracts.frames import polars_schema
from platform_assets.flow.checks import CheckObservation, counted
from platform_assets.flow.drift import Baseline, distance, values_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platform_assets.adapters.check_pass import RowGroup
    from platform_assets.contracts.columns import Column
    from platform_assets.declarations.checks import DriftCheck
    from platform_assets.flow.profile import ColumnProfile

_OLDEST = pl.CompatLevel.oldest()


@dataclass(frozen=True)
class Drift:
    """The profile of a column, held against a baseline; one without it concludes nothing."""

    check: DriftCheck
    declared: Sequence[Column]
    baseline: Callable[[int], Baseline] | None

    @property
    def columns(self) -> frozenset[str]:
        """The column that it looks at."""
        expression, _ = resolve(polars_schema(self.declared), self.check.column)
        return frozenset(expression.meta.root_names())

    def observe(self, rows: pl.DataFrame, group: RowGroup) -> ColumnProfile:
        """Return the profile of the column in a row group."""
        del group
        path = self.check.column
        frame = rows.select(resolve(rows.schema, path)[0].alias(path))
        (column,) = columns_of(frame.schema)
        array = frame.to_arrow(compat_level=_OLDEST).column(0).combine_chunks()
        return profile_array(array, path, column.type)

    def merge(self, before: ColumnProfile, after: ColumnProfile) -> ColumnProfile:
        """Return the profile of both."""
        return before.merge(after)

    def conclude(self, noted: ColumnProfile) -> CheckObservation:
        """Observe the distance, beside what it may be at most."""
        assert self.baseline is not None  # workers do not conclude
        check = self.check
        pinned = self.baseline(check.baseline)
        before = pinned.profile.column(check.column)
        if before is None or before.type != noted.type:
            raise ValueError(f"baseline {check.baseline} has no column {check.column} of that type")
        if not values_in(before):
            raise ValueError(f"baseline {check.baseline} has no value of {check.column}")
        limit = f"{check.statistic} at most {check.at_most:f}"
        expected = f"{limit} against baseline {pinned.number}, {pinned.digest}"
        values = values_in(noted)
        seen = f"{counted(values, 'value')} of {check.column}"
        if values < check.min_rows:
            text = f"{seen}; fewer than {check.min_rows:,} are not judged"
            return CheckObservation(text, expected, passed=True, figures={"values": values})
        found = distance(check.statistic, before, noted)
        assert found is not None  # both have values
        return CheckObservation(
            observed=f"{check.statistic} {found:f} over {seen}",
            expected=expected,
            passed=found <= check.at_most,
            figures={"values": values, check.statistic: f"{found:f}"},
        )
