"""The verdict on each record of a stream: accepted as rows of an event, or refused with reasons.

1. The columnar path takes the records that it can prove right, whole batches at a time.
2. Every other record is judged one by one: read strictly, told apart, held against its contract, and
   converted to columns without coercion. All reasons of a refusal come from here.

Both paths give the same verdict and the same row for every record that both accept; the columnar path
refuses nothing, it only declines. Each record ends in exactly one of accepted and refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from platform_assets.contracts.columnar.path import ColumnarPath
from platform_assets.contracts.events import EventRule
from platform_assets.contracts.frames import polars_schema
from platform_assets.contracts.one_by_one import OneByOne
from platform_assets.contracts.strict import DEFAULT_MAX_BYTES, DEFAULT_MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.contracts.columnar.path import Proven
    from platform_assets.contracts.one_by_one import Judged

__all__ = ["REFUSED_SCHEMA", "EventRule", "StreamJudge", "Verdicts", "polars_schema"]

_REASON = pl.Struct({"code": pl.String(), "where": pl.String(), "detail": pl.String()})
REFUSED_SCHEMA = pl.Schema({"_row": pl.UInt32(), "event": pl.String(), "reasons": pl.List(_REASON)})


@dataclass(frozen=True)
class Verdicts:
    """What became of a batch; ``_row`` is the index in the batch.

    ``accepted`` has for each event ``_row``, ``_id`` (the event id as text) and exactly the contract's
    columns; ``refused`` has ``_row``, ``event`` (where it could be told) and ``reasons``. Both are in
    the order of the batch. ``columnar`` and ``one_by_one`` count the records that each path judged.
    """

    accepted: dict[str, pl.DataFrame]
    refused: pl.DataFrame
    columnar: int
    one_by_one: int


class StreamJudge:
    """Judges the records of one stream, batch by batch. It keeps nothing between batches."""

    def __init__(
        self,
        events: Sequence[EventRule],
        *,
        max_depth: int = DEFAULT_MAX_DEPTH,
        max_record_bytes: int = DEFAULT_MAX_BYTES,
        _columnar: bool = True,
    ) -> None:
        """Prepare the events, in the order in which they are tried.

        Tests turn the columnar path off, to hold it against the other.

        Raises:
            RuntimeError: there is no event, or one name stands twice.
        """
        names = [event.name for event in events]
        if not names or len(set(names)) != len(names):
            raise RuntimeError(f"a stream needs events with different names, found {names}")
        self._events = tuple(events)
        self._schemas = {
            event.name: pl.Schema(
                {
                    "_row": pl.UInt32(),
                    "_id": pl.String(),
                    **polars_schema(event.contract.columns),
                }
            )
            for event in events
        }
        self._one_by_one = OneByOne(self._events, max_depth=max_depth, max_bytes=max_record_bytes)
        self._columnar = ColumnarPath(
            self._events if _columnar else (), max_depth=max_depth, max_bytes=max_record_bytes
        )

    def judge(self, values: pl.Series) -> Verdicts:
        """Judge a batch of record values (Binary; null is a record without a value)."""
        if values.dtype != pl.Binary:
            raise RuntimeError(f"values must be Binary, found {values.dtype}")
        # 1. the columnar path takes what it can prove
        proven = self._columnar.judge(values)
        left = np.ones(len(values), dtype=np.bool_)
        for part in proven:
            left[part.rows] = False
        # 2. the rest, one by one
        rows = np.flatnonzero(left)
        found = self._one_by_one.judge(values.gather(rows), rows.tolist())
        accepted = {event.name: self._accepted(event.name, found, proven) for event in self._events}
        refused = pl.DataFrame(found.refused, schema=REFUSED_SCHEMA, orient="row")
        return Verdicts(accepted, refused, len(values) - len(rows), len(rows))

    def _accepted(self, event: str, found: Judged, proven: Sequence[Proven]) -> pl.DataFrame:
        schema = self._schemas[event]
        frames = [found.frame(event, schema)] if found.rows[event] else []
        for part in proven:
            if part.event == event:
                rows = pl.Series("_row", part.rows, dtype=pl.UInt32)
                frames.append(part.frame.insert_column(0, rows))
        if not frames:
            return pl.DataFrame(schema=schema)
        return frames[0] if len(frames) == 1 else pl.concat(frames).sort("_row")
