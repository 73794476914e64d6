"""What a walk has read, column by column, before it becomes Arrow.

Texts stay where they are: a value points at its bytes. Each kind can be narrowed to
some rows, spread over more rows (the others are null), and joined with more of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from platform_assets.contracts.columnar.words import Bools, Ints

    Column = NDArray[Any]

T = TypeVar("T", bound=np.generic)


class Value(Protocol):
    """One column of some records."""

    valid: Bools | None

    def __len__(self) -> int: ...

    def take(self, rows: Ints) -> Self:
        """Return some rows, in the given order."""
        ...

    def spread(self, rows: Ints, count: int) -> Self:
        """Return a column of ``count`` rows with these at ``rows``, in rising order, and null else."""
        ...

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one after the other."""
        ...


@dataclass
class Plain:
    """Booleans, integers, floats: one array. Decimals as well, by their unscaled integers."""

    data: Column
    valid: Bools | None = None

    def __len__(self) -> int:
        return len(self.data)

    def take(self, rows: Ints) -> Plain:
        """Return some rows."""
        return Plain(self.data[rows], _take(self.valid, rows))

    def spread(self, rows: Ints, count: int) -> Plain:
        """Return the column with nulls between the rows."""
        return Plain(_spread(self.data, rows, count), _spread_valid(self.valid, rows, count))

    @classmethod
    def join(cls, parts: Sequence[Plain]) -> Plain:
        """Return the rows of all parts."""
        return cls(np.concatenate([part.data for part in parts]), _join_valid(parts))


@dataclass
class Texts:
    """Strings, as Arrow's views on the bytes of the batch: two words each."""

    views: NDArray[np.uint64]
    valid: Bools | None = None

    def __len__(self) -> int:
        return len(self.views)

    def take(self, rows: Ints) -> Texts:
        """Return some rows."""
        return Texts(self.views[rows], _take(self.valid, rows))

    def spread(self, rows: Ints, count: int) -> Texts:
        """Return the column with nulls between the rows."""
        return Texts(_spread(self.views, rows, count), _spread_valid(self.valid, rows, count))

    @classmethod
    def join(cls, parts: Sequence[Texts]) -> Texts:
        """Return the rows of all parts."""
        return cls(np.concatenate([part.views for part in parts]), _join_valid(parts))


@dataclass
class Objects:
    """Nested objects: one value per field, None for a field that no record of the layout has."""

    fields: Mapping[str, Value | None]
    count: int
    valid: Bools | None = None

    def __len__(self) -> int:
        return self.count

    def take(self, rows: Ints) -> Objects:
        """Return some rows."""
        fields = {name: take(value, rows) for name, value in self.fields.items()}
        return Objects(fields, len(rows), _take(self.valid, rows))

    def spread(self, rows: Ints, count: int) -> Objects:
        """Return the column with nulls between the rows."""
        # asked for None, because a value without rows is false
        fields = {
            name: None if value is None else value.spread(rows, count)
            for name, value in self.fields.items()
        }
        return Objects(fields, count, _spread_valid(self.valid, rows, count))

    @classmethod
    def join(cls, parts: Sequence[Objects]) -> Objects:
        """Return the rows of all parts, which have the same fields."""
        fields = {name: join([part.fields[name] for part in parts]) for name in parts[0].fields}
        return cls(fields, sum(len(part) for part in parts), _join_valid(parts))


@dataclass
class Lists:
    """Arrays: how many elements each record has, and all elements one after the other."""

    lengths: Ints
    elements: Value | None
    valid: Bools | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, rows: Ints) -> Lists:
        """Return some rows."""
        lengths = self.lengths[rows]
        starts = (np.cumsum(self.lengths) - self.lengths)[rows]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        elements = take(self.elements, np.repeat(starts, lengths) + within)
        return Lists(lengths, elements, _take(self.valid, rows))

    def spread(self, rows: Ints, count: int) -> Lists:
        """Return the column with nulls, which have no elements, between the rows."""
        lengths = _spread(self.lengths, rows, count)
        return Lists(lengths, self.elements, _spread_valid(self.valid, rows, count))

    @classmethod
    def join(cls, parts: Sequence[Lists]) -> Lists:
        """Return the rows of all parts."""
        lengths = np.concatenate([part.lengths for part in parts])
        some = [part.elements for part in parts if part.elements is not None]
        return cls(lengths, join(some) if some else None, _join_valid(parts))


def take(value: Value | None, rows: Ints) -> Any:
    """Return some rows of a value; None of None."""
    return None if value is None else value.take(rows)


def join(parts: Sequence[Any]) -> Any:
    """Return the rows of all parts, which are of one kind, or all None."""
    return None if parts[0] is None else type(parts[0]).join(parts)


def _take(valid: Bools | None, rows: Ints) -> Bools | None:
    return None if valid is None else valid[rows]


def _spread(data: NDArray[T], rows: Ints, count: int) -> NDArray[T]:
    full = np.zeros((count, *data.shape[1:]), dtype=data.dtype)
    full[rows] = data
    return full


def _spread_valid(valid: Bools | None, rows: Ints, count: int) -> Bools:
    full = np.zeros(count, dtype=np.bool_)
    full[rows] = True if valid is None else valid
    return full


def _join_valid(parts: Sequence[Value]) -> Bools | None:
    if all(part.valid is None for part in parts):
        return None
    return np.concatenate(
        [np.ones(len(p), dtype=np.bool_) if p.valid is None else p.valid for p in parts]
    )
