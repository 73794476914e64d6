"""Account activity: what each account did in one currency, up to its newest event of the run.

*As of* is defined per account and currency: it is the newest ``occurred_at`` among the authorisations
that the run admitted for them, in this run and not in history. A window of length ``w`` holds the
events with ``as_of - w < occurred_at <= as_of``, from this run and from the closed runs before it, so
a late event counts in the window where it happened, and an event of history that is newer than
``as_of`` does not count. Accounts without an event in this run have no row.

Counts are integers and sums are exact decimals, so they do not depend on the order of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.examples.history import current_run

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = ["account_id", "currency"]
_WINDOWS = {"1h": 1, "24h": 24, "7d": 7 * 24}  # hours
_APPROVED = "00"


def account_activity(
    inputs: Mapping[str, pl.LazyFrame], parameters: Mapping[str, str | int | bool]
) -> pl.LazyFrame:
    """Return one row per account and currency with the columns of ``account_activity.v1.json``.

    Args:
        inputs: ``authorisations`` and ``chargebacks``, of this run and of closed runs before it.
        parameters: ``run_id``.
    """
    authorisations = inputs["authorisations"]
    as_of = (
        authorisations.filter(pl.col("_run") == current_run(inputs, parameters))
        .group_by(_KEY)
        .agg(pl.col("occurred_at").max().alias("as_of"))
    )
    spent = (
        authorisations.select(*_KEY, "occurred_at", "amount", "response")
        .join(as_of, on=_KEY, how="inner")
        .group_by(*_KEY, "as_of")
        .agg(*_spending(), _count(_within(24) & (pl.col("response") != _APPROVED), "declined_24h"))
    )
    disputed = (
        inputs["chargebacks"]
        .select(*_KEY, "occurred_at")
        .join(as_of, on=_KEY, how="inner")
        .group_by(_KEY)
        .agg(_count(_within(_WINDOWS["7d"]), "chargebacks_7d"))
    )
    return (
        spent.join(disputed, on=_KEY, how="left")
        .with_columns(pl.col("chargebacks_7d").fill_null(0))
        .sort(_KEY)
    )


def _spending() -> list[pl.Expr]:
    expressions = []
    for name, hours in _WINDOWS.items():
        inside = _within(hours)
        total = pl.col("amount").filter(inside).sum().cast(pl.Decimal(24, 2))
        expressions += [_count(inside, f"count_{name}"), total.alias(f"amount_{name}")]
    return expressions


def _within(hours: int) -> pl.Expr:
    age = pl.col("as_of") - pl.col("occurred_at")
    return (age >= pl.duration(hours=0)) & (age < pl.duration(hours=hours))


def _count(inside: pl.Expr, name: str) -> pl.Expr:
    return inside.sum().cast(pl.Int64).alias(name)
