"""Seismic activity per day and network.

A row is one UTC day as one network saw it. Whenever a run brings an event of a day and network, that
row is stated anew, over the events of the run and of the closed runs before it. Counts and sums are
over integers, and the maximum does not depend on an order, so the same inputs give the same rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.examples.history import current_run

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = ["day", "network"]


def daily_activity(
    inputs: Mapping[str, pl.LazyFrame], parameters: Mapping[str, str | int | bool]
) -> pl.LazyFrame:
    """Return the days that this run touches, with the columns of ``daily_activity.v1.json``."""
    event = pl.col("properties").struct
    events = inputs["earthquakes"].select(
        pl.col("_run"),
        event.field("time").alias("time"),
        event.field("time").dt.date().alias("day"),
        event.field("net").alias("network"),
        event.field("mag").alias("magnitude"),
        event.field("sig").alias("significance"),
        event.field("tsunami").alias("tsunami"),
    )
    touched = events.filter(pl.col("_run") == current_run(inputs, parameters)).select(_KEY).unique()
    return (
        events.join(touched, on=_KEY, how="semi")
        .group_by(_KEY)
        .agg(
            pl.len().cast(pl.Int64).alias("events"),
            pl.col("magnitude").max().cast(pl.Float64).alias("max_magnitude"),
            pl.col("significance").sum().cast(pl.Int64),
            pl.col("tsunami").sum().cast(pl.Int64).alias("tsunami_flags"),
            pl.col("time").max().alias("newest"),
        )
        .sort(_KEY)
    )
