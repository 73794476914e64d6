"""Turnover: what each account ordered in one currency in one run.

Counts are integers and sums are exact decimals, so they do not depend on the order of the rows.
Accounts without an order in the run have no row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = ["account_id", "currency"]


def turnover(
    inputs: Mapping[str, pl.LazyFrame], parameters: Mapping[str, str | int | bool]
) -> pl.LazyFrame:
    """Return one row per account and currency with the columns of ``turnover.v1.json``.

    Args:
        inputs: ``orders`` of this run.
        parameters: none are used.
    """
    del parameters
    ordered = pl.col("lines").list.eval(pl.element().struct.field("units")).list.sum()
    return (
        inputs["orders"]
        .select(*_KEY, "amount", "placed_at", units=ordered)
        .group_by(_KEY)
        .agg(
            pl.len().cast(pl.Int64).alias("orders"),
            pl.col("units").sum(),
            pl.col("amount").sum().cast(pl.Decimal(24, 2)),
            pl.col("placed_at").max().alias("last_placed_at"),
        )
        .sort(_KEY)
    )
