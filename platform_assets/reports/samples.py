"""Chooses the quarantined records that a report shows: for each reason code, the first few.

Only the chosen rows' bytes are read from the quarantine parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_POSITION = ["_stream", "_partition", "_offset"]


def choose_samples(parts: Sequence[Path], *, per_reason: int = 2) -> list[dict[str, Any]]:
    """Return rows ``{stream, partition, offset, event, value, reasons}`` of quarantine parts.

    Args:
        parts: quarantine parts of one run, possibly of several streams.
        per_reason: so many records at most are chosen for each reason code.
    """
    if not parts:
        return []
    frame = pl.scan_parquet(list(parts), glob=False)
    chosen = (
        frame.select(
            *_POSITION, pl.col("reasons").list.eval(pl.element().struct.field("code")).alias("code")
        )
        .explode("code")
        .unique()
        .sort("code", *_POSITION)
        .group_by("code", maintain_order=True)
        .head(per_reason)
        .select(_POSITION)
        .unique()
    )
    rows = frame.join(chosen, on=_POSITION, how="semi").sort(_POSITION).collect()
    return [
        {
            "stream": row["_stream"],
            "partition": row["_partition"],
            "offset": row["_offset"],
            "event": row["event"],
            "value": row["value"],
            "reasons": row["reasons"],
        }
        for row in rows.to_dicts()
    ]
