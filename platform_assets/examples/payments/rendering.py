"""Writes events as compact JSON lines, a column at a time.

The result is one contiguous buffer of lines, each ended by a line feed, and the offsets of the lines
in it; nothing is made per row in Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Lines:
    """Line ``i`` is ``buffer[offsets[i]:offsets[i + 1]]``, with its line feed."""

    buffer: memoryview
    offsets: NDArray[np.int64]

    def __getitem__(self, index: int) -> bytes:
        """Return one line."""
        return bytes(self.buffer[self.offsets[index] : self.offsets[index + 1]])


def authorisation_lines(frame: pl.DataFrame) -> Lines:
    """Render rows of `population.authorisations`."""
    device = pl.when("device").then(
        pl.concat_str(pl.lit('"d'), _digits(pl.col("account") * 31 % 10**8, 8), pl.lit('"}\n'))
    )
    return _lines(
        frame,
        ('{"event_id":"', pl.col("event_id")),
        ('","type":"authorisation","account_id":"a', _digits(pl.col("account"), 8)),
        ('","merchant":{"id":"m', _digits(pl.col("merchant"), 6)),
        ('","mcc":"', _text("mcc")),
        ('","country":"', _text("country")),
        ('"},"card":{"network":"', _text("network")),
        ('","present":', _truth("present")),
        ('},"amount_minor":', pl.col("minor").cast(pl.String)),
        (',"amount":"', _amount()),
        ('","currency":"', _text("currency")),
        ('","occurred_at":"', _moment()),
        ('","response":"', _text("response")),
        ('","device":', device.otherwise(pl.lit("null}\n"))),
    )


def reversal_lines(frame: pl.DataFrame) -> Lines:
    """Render rows of `population.reversals`."""
    kind = pl.when("chargeback").then(pl.lit("chargeback")).otherwise(pl.lit("refund"))
    dispute = pl.concat_str(pl.lit('"reason":"'), _text("reason"), pl.lit('"}\n'))
    refund = pl.concat_str(pl.lit('"partial":'), _truth("partial"), pl.lit("}\n"))
    return _lines(
        frame,
        ('{"event_id":"', pl.col("event_id")),
        ('","type":"', kind),
        ('","authorisation_id":"', pl.col("authorisation_id")),
        ('","account_id":"a', _digits(pl.col("account"), 8)),
        ('","amount":"', _amount()),
        ('","currency":"', _text("currency")),
        ('","occurred_at":"', _moment()),
        ('",', pl.when("chargeback").then(dispute).otherwise(refund)),
    )


#: How each stream's rows become lines.
RENDERERS: dict[str, Callable[[pl.DataFrame], Lines]] = {
    "authorisations": authorisation_lines,
    "reversals": reversal_lines,
}


def _lines(frame: pl.DataFrame, *pieces: tuple[str, pl.Expr]) -> Lines:
    spread = [expression for text, value in pieces for expression in (pl.lit(text), value)]
    series = frame.select(line=pl.concat_str(spread))["line"].rechunk()
    array = pa.array(series.to_arrow()).cast(pa.large_string())
    _, offsets, data = array.buffers()
    at = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return Lines(memoryview(data or b""), at)


def _digits(value: pl.Expr, width: int) -> pl.Expr:
    return value.cast(pl.String).str.zfill(width)


def _text(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String)


def _truth(name: str) -> pl.Expr:
    return pl.when(name).then(pl.lit("true")).otherwise(pl.lit("false"))


def _amount() -> pl.Expr:
    whole = (pl.col("minor") // 100).cast(pl.String)
    return pl.concat_str(whole, pl.lit("."), _digits(pl.col("minor") % 100, 2))


def _moment() -> pl.Expr:
    # A moment with an offset of two hours shows a wall clock two hours ahead of UTC.
    ahead = pl.when(pl.col("zone") == "+02:00").then(7_200_000).otherwise(0)
    local = (pl.col("moment") + ahead).cast(pl.Datetime("ms"))
    return pl.concat_str(local.dt.to_string("%Y-%m-%dT%H:%M:%S%.3f"), _text("zone"))
