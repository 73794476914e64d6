"""Judging records one at a time: the path that decides, and that explains.

1. Read strictly; any reason ends the examination.
2. Tell which event it is.
3. Find the event id; hold the record against the contract; convert it to columns. The reasons of all
   three are collected; what a column says about a value that the contract already refuses is left out,
   unless it says that a number is out of every range.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from platform_assets.contracts.conversion import NotRepresentable, converter_of
from platform_assets.contracts.derivation import derive
from platform_assets.contracts.frames import arrow_field
from platform_assets.contracts.reasons import Reason, ReasonCode, pointer
from platform_assets.contracts.strict import read_strictly
from platform_assets.contracts.violations import violations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platform_assets.contracts.conversion import Converter
    from platform_assets.contracts.events import EventRule

_ALWAYS = (ReasonCode.INTEGER_OUT_OF_RANGE, ReasonCode.NUMBER_OUT_OF_RANGE)


@dataclass(frozen=True)
class Judged:
    """Verdicts of some rows: per event the rows, ids and values, and all refusals."""

    arrow: dict[str, pa.DataType]
    rows: dict[str, list[int]]
    ids: dict[str, list[str]]
    values: dict[str, list[dict[str, Any]]]
    refused: list[tuple[int, str | None, list[dict[str, str]]]] = field(default_factory=list)

    def frame(self, event: str, schema: pl.Schema) -> pl.DataFrame:
        """Return the accepted rows of an event with exactly the given schema."""
        if not self.rows[event]:
            return pl.DataFrame(schema=schema)
        struct = pa.array(self.values[event], type=self.arrow[event])
        columns = pa.Table.from_struct_array(struct)
        frame = pl.DataFrame(
            {
                "_row": pl.Series(self.rows[event], dtype=pl.UInt32),
                "_id": pl.Series(self.ids[event], dtype=pl.String),
                # By name, because a column whose name is empty would be given another.
                **{name: pl.Series(pl.from_arrow(columns[name])) for name in columns.column_names},
            }
        )
        if frame.schema != schema:
            raise RuntimeError(f"rows of {event} came as {frame.schema}, expected {schema}")
        return frame


class OneByOne:
    """The path for single records of a stream."""

    def __init__(self, events: Sequence[EventRule], *, max_depth: int, max_bytes: int) -> None:
        """Prepare validators and converters."""
        self._limits = {"max_depth": max_depth, "max_bytes": max_bytes}
        self._events = [(event, _converter(event)) for event in events]

    def judge(self, values: pl.Series, rows: Iterable[int]) -> Judged:
        """Judge the given rows of a batch; ``values`` is Binary and holds all rows."""
        names = [event.name for event, _ in self._events]
        found = Judged(
            arrow={
                event.name: pa.struct([arrow_field(c) for c in event.contract.columns])
                for event, _ in self._events
            },
            rows={name: [] for name in names},
            ids={name: [] for name in names},
            values={name: [] for name in names},
        )
        for row, data in zip(rows, values, strict=True):
            self._judge(row, data, found)
        return found

    def _judge(self, row: int, data: bytes | None, found: Judged) -> None:
        if data is None:
            found.refused.append((row, None, _listed([Reason("", ReasonCode.NULL_VALUE)])))
            return
        # 1. read strictly
        read = read_strictly(data, **self._limits)
        # 2. tell which event it is
        event, converter = next(
            ((e, c) for e, c in self._events if e.matches(read.value)), (None, None)
        )
        if read.reasons:
            name = event.name if event is not None and read.value is not None else None
            found.refused.append((row, name, _listed(read.reasons)))
            return
        if event is None or converter is None:
            reason = Reason("", ReasonCode.UNKNOWN_EVENT_TYPE, "matches no declared event")
            found.refused.append((row, None, _listed([reason])))
            return
        # 3. the id, the contract, the columns
        reasons: list[Reason] = []
        identity = event.id_of(read.value)
        if identity is None:
            where = pointer(*event.id_path)
            reasons.append(Reason(where, ReasonCode.EVENT_ID_MISSING, "no event id"))
        broken = violations(event.contract.validator, read.value)
        try:
            converted = converter(read.value)
        except NotRepresentable as error:
            reasons += _not_said_yet(error.reasons(), broken)
        if reasons or broken or identity is None:
            found.refused.append((row, event.name, _listed(sorted({*reasons, *broken}))))
            return
        found.rows[event.name].append(row)
        found.ids[event.name].append(identity)
        found.values[event.name].append(converted)


def _converter(event: EventRule) -> Converter:
    return converter_of(derive(event.contract.root, event.contract.library))


def _not_said_yet(reasons: list[Reason], broken: list[Reason]) -> list[Reason]:
    if not broken:
        return reasons
    said = {reason.where for reason in broken}
    return [
        reason
        for reason in reasons
        if reason.code in _ALWAYS or not any(_related(reason.where, where) for where in said)
    ]


def _related(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def _listed(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    return [{"code": r.code.value, "where": r.where, "detail": r.detail} for r in reasons]
