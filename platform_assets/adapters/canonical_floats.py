"""Floats as parts hold them: one zero and one NaN, as in the content digest.

Otherwise rows that compare as equal could stand in either order with different bytes.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from platform_assets.adapters.column_types import element_of, fields_of


def canonical_floats(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with minus zero as zero and every NaN as the one NaN, at any depth."""
    floats = {name: kind for name, kind in frame.schema.items() if _holds_floats(kind)}
    return frame.with_columns(
        _canonical(pl.col(name), kind).alias(name) for name, kind in floats.items()
    )


def holds_floats(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type is a float or holds one."""
    if pa.types.is_nested(kind):
        return any(holds_floats(kind.field(n).type) for n in range(kind.num_fields))
    return bool(pa.types.is_floating(kind))


def _holds_floats(kind: pl.DataType) -> bool:
    if isinstance(kind, pl.List):
        return _holds_floats(element_of(kind))
    if isinstance(kind, pl.Struct):
        return any(_holds_floats(inner) for inner in fields_of(kind).values())
    return kind.is_float()


def _canonical(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.List):
        return value.list.eval(_canonical(pl.element(), element_of(kind)))
    if isinstance(kind, pl.Struct):
        fields = {name: k for name, k in fields_of(kind).items() if _holds_floats(k)}
        return value.struct.with_fields(
            _canonical(pl.field(name), k).alias(name) for name, k in fields.items()
        )
    # Not `value + 0.0`: Polars takes that for the value itself and keeps minus zero.
    nan, zero = (pl.lit(number, dtype=kind) for number in (float("nan"), 0.0))
    return pl.when(value.is_nan()).then(nan).when(value == 0).then(zero).otherwise(value)
