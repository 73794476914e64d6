"""Running the fast path over a batch.

1. Set aside what it never takes: nulls, bytes that are not UTF-8, records that are too large, and
   records with a backslash or a control character.
2. For each event, learn a layout from a few of the records that are left, and plan its readers.
3. Walk over all of them, a few thousand at a time; keep the records that are proven from their first
   byte to their last.
4. Try the next layout on the rest, as long as a layout proves a worthwhile share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from platform_assets.contracts.columnar.arrow import arrow_array
from platform_assets.contracts.columnar.batch import MAX_BATCH_BYTES, Batch
from platform_assets.contracts.columnar.judged import Validators
from platform_assets.contracts.columnar.keywords import NotColumnar
from platform_assets.contracts.columnar.layout import Layout, learn_layout
from platform_assets.contracts.columnar.plan import Demands, plan_record
from platform_assets.contracts.columnar.text import LEAD, Cursor, Text
from platform_assets.contracts.columnar.values import Objects, Texts, join
from platform_assets.contracts.columns import Column, ListOf, Scalar, Struct
from platform_assets.contracts.derivation import derive
from platform_assets.contracts.frames import polars_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platform_assets.contracts.columnar.composites import ObjectReader
    from platform_assets.contracts.columnar.words import Ints
    from platform_assets.contracts.derivation import Derived
    from platform_assets.contracts.events import EventRule

#: As many as keep the columns of a step in the second-level cache. Threads do not help: steps are so
#: short that they would hand the interpreter's lock to and fro (measured: 0.7 times the speed).
_CHUNK_ROWS = 8_192
_MAX_LAYOUTS = 4
_LEAST_ROWS = 64


@dataclass(frozen=True)
class Proven:
    """The accepted records of one event: their rows in the batch, in order, and their columns."""

    event: str
    rows: Ints
    frame: pl.DataFrame


class ColumnarPath:
    """The fast path of a stream. It keeps nothing between batches."""

    def __init__(self, events: Sequence[EventRule], *, max_depth: int, max_bytes: int) -> None:
        """Find out which events can be read in columns at all."""
        self._max_bytes = max_bytes
        self._events = [
            _Event(event, derived, alone=len(events) == 1)
            for index, event in enumerate(events)
            if (derived := derive(event.contract.root, event.contract.library))
            and _can_be_columnar(event, derived, max_depth)
            and all(_disjoint(event, earlier) for earlier in events[:index])
        ]

    def judge(self, values: pl.Series) -> list[Proven]:
        """Return the records that are proven, for each event in the order of the batch."""
        size = int(values.bin.size().sum() or 0)
        if not self._events or not size or size > MAX_BATCH_BYTES:
            return []
        batch = Batch(values, self._max_bytes)
        proven: dict[str, list[Proven]] = {}
        for event in self._events:
            for _ in range(_MAX_LAYOUTS):
                rows = batch.candidates(event.hint)
                found = event.prove(batch, rows)
                if found is None:
                    break
                proven.setdefault(found.event, []).append(found)
                batch.left[found.rows] = False
                if len(found.rows) < max(_LEAST_ROWS, len(rows) // 100):
                    break
        return [_in_order(parts) for parts in proven.values()]


class _Event:
    def __init__(self, event: EventRule, derived: Derived, *, alone: bool) -> None:
        self.name = event.name
        self._id_path = event.id_path
        self._derived = derived
        self._columns = event.contract.columns
        self._validators = Validators(event.contract.root, event.contract.library)
        present = {event.id_path, *event.when}
        present |= {path[:length] for path in present for length in range(1, len(path))}
        self._demands = Demands(frozenset(present), dict(event.when), event.id_path)
        texts = [value for value in event.when.values() if isinstance(value, str)]
        self.hint = f'"{texts[0]}"' if texts and not alone else None

    def prove(self, batch: Batch, rows: Ints) -> Proven | None:
        """Learn a layout from the rows and return those that have it; None if nothing has."""
        # 2. learn and plan
        layout = learn_layout(batch.samples(rows), self._derived) if rows.size else None
        reader = self._plan(layout) if layout is not None else None
        if reader is None:
            return None
        # 3. walk
        chunks = [rows[at : at + _CHUNK_ROWS] for at in range(0, len(rows), _CHUNK_ROWS)]
        walked = [part for chunk in chunks if (part := _walk(batch, chunk, reader)) is not None]
        if not walked:
            return None
        proven = np.concatenate([chunk for chunk, _ in walked])
        values: Objects = join([objects for _, objects in walked])
        return Proven(self.name, proven, self._frame(Text(batch.data, LEAD, LEAD), values))

    def _plan(self, layout: Layout) -> ObjectReader | None:
        try:
            return plan_record(self._derived, layout, self._demands, self._validators)
        except NotColumnar:
            return None

    def _frame(self, text: Text, values: Objects) -> pl.DataFrame:
        schema = polars_schema(self._columns)
        columns = {
            column.name: pl.Series(
                pl.from_arrow(
                    arrow_array(column.type, values.fields.get(column.name), text, len(values))
                )
            )
            for column in self._columns
        }
        identity = self._identity(values)
        ids = pl.Series(pl.from_arrow(arrow_array(identity[0], identity[1], text, len(values))))
        frame = pl.DataFrame({"_id": ids.cast(pl.String), **columns})
        if frame.drop("_id").schema != schema:
            raise RuntimeError(f"rows of {self.name} came as {frame.schema}, expected {schema}")
        return frame

    def _identity(self, values: Objects) -> tuple[Scalar, Any]:
        value: Any = values
        for name in self._id_path:
            value = value.fields[name]
        return (Scalar.STRING if isinstance(value, Texts) else Scalar.INT64), value


def _walk(batch: Batch, rows: Ints, reader: ObjectReader) -> tuple[Ints, Objects] | None:
    starts, ends = batch.starts[rows], batch.ends[rows]
    text = Text(batch.data, int(starts[0]), int(ends[-1]))
    cursor = Cursor(text, starts, np.ones(len(rows), dtype=np.bool_))
    suspects = text.suspects()
    if suspects.size:
        owner = np.searchsorted(starts, suspects, side="right") - 1
        cursor.ok[owner[suspects < ends[owner]]] = False
    objects = reader.read(cursor)
    cursor.require(cursor.at == ends)
    if cursor.ok.all():
        return rows, objects
    kept = np.flatnonzero(cursor.ok)
    return (rows[kept], objects.take(kept)) if kept.size else None


def _in_order(parts: Sequence[Proven]) -> Proven:
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    frame = pl.concat([part.frame for part in parts])
    return Proven(parts[0].event, rows[order], frame[order])


def _can_be_columnar(event: EventRule, derived: Derived, max_depth: int) -> bool:
    declared = event.contract.columns
    kind: Any = Struct(declared)
    for name in event.id_path:
        fields = {f.name: f.type for f in kind.fields} if isinstance(kind, Struct) else {}
        kind = fields.get(name)
    return kind in (Scalar.STRING, Scalar.INT64) and _depth(declared) <= max_depth and bool(derived)


def _depth(columns: Iterable[Column]) -> int:
    return 1 + max((_type_depth(column.type) for column in columns), default=0)


def _type_depth(kind: Any) -> int:
    match kind:
        case Struct(fields):
            return _depth(fields)
        case ListOf(element):
            return 1 + _type_depth(element)
        case _:
            return 0


def _disjoint(one: EventRule, other: EventRule) -> bool:
    """Tell whether no record can be both, because one place would need two values."""
    return any(
        path in other.when and (type(value), value) != (type(other.when[path]), other.when[path])
        for path, value in one.when.items()
    )
