"""A check of the payments feed's own, as a user writes one: both amounts say the same.

Every authorisation states its amount twice, in major units as an exact decimal and in minor units as
an integer. A contract looks at one property at a time and cannot hold them against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.flow.checks import CheckObservation, counted

if TYPE_CHECKING:
    from collections.abc import Mapping


def amounts_agree(
    frame: pl.LazyFrame, parameters: Mapping[str, str | int | bool]
) -> CheckObservation:
    """Pass if ``amount`` times ``minor_units`` is ``amount_minor`` in every row."""
    units = int(parameters["minor_units"])
    # 128 bits hold any amount of 18 digits times a hundred; 64 would not.
    stated = pl.col("amount").cast(pl.Decimal(38, 2)) * units
    differing = pl.col("amount_minor").cast(pl.Decimal(38, 2)) != stated
    counts = frame.select(differing.sum(), rows=pl.len()).collect(engine="streaming")
    differ, rows = counts.row(0)
    return CheckObservation(
        observed=f"{counted(differ, 'row')} of {rows:,} where the two differ",
        expected="0 rows",
        passed=differ == 0,
        figures={"differing": int(differ), "rows": int(rows)},
    )
