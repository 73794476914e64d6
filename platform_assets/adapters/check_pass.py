"""One pass over the rows of a product, for all checks that look at rows.

A check that looks at rows is a plan: what it notes of one row group, how two notes become one, and
what follows from the note of all rows. Each row group is read once, in a worker, whatever number of
plans look at it; a plan is shown the columns that it names and no others. Notes are merged in the
order of the rows. So memory is bounded by a row group for each worker, and by the notes.

A plan that crashes on a row group, or while notes are merged, crashes for itself: the others go on.
Where a row group cannot be read with the columns of all plans, each plan reads its own. What cannot
be a finding about the product passes through: an interrupt, an outage, a lost worker, exhausted
spill space.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pyarrow.parquet as pq

from platform_assets.adapters.full_disks import DiskFull, disk_problem
from platform_assets.adapters.part_format import ROW_GROUP_ROWS
from platform_assets.adapters.parts import read_parts
from platform_assets.adapters.spilling import SpillLimit, spill_problem
from platform_assets.adapters.workers import workers
from platform_assets.errors import OUTAGES, MemoryExceeded, SpillExhausted
from platform_assets.flow.checks import CheckCrashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from platform_assets.contracts.columns import Column
    from platform_assets.flow.checks import CheckObservation

_T = TypeVar("_T")

#: Rows that keep a worker busy for longer than it takes to start.
ROWS_OF_A_WORKER = 8 * ROW_GROUP_ROWS
_NO_FINDINGS = (*OUTAGES, MemoryExceeded, SpillExhausted, SpillLimit, DiskFull)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of a part that are read at once; ``number`` counts over all parts."""

    number: int
    path: Path
    offset: int
    rows: int


class Plan(Protocol):
    """What one check does with rows. Notes go from process to process."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it looks at; at least one."""

    def observe(self, rows: pl.DataFrame, group: RowGroup) -> Any:
        """Return what is noted of a row group."""

    def merge(self, before: Any, after: Any) -> Any:
        """Return the note of rows and of those that come right after them."""

    def conclude(self, noted: Any) -> CheckObservation:
        """Return what follows from the note of all rows."""


@dataclass(frozen=True, slots=True)
class Crash:
    """What went wrong, in the words of a result. Not every engine's panic goes between processes."""

    told: str


def attempted(act: Callable[[], _T]) -> _T | Crash:
    """Return what an act returns, or its crash.

    Raises:
        KeyboardInterrupt: somebody wants to stop.
        DependencyUnreachable, UnknownOutcome: nothing could be seen of the rows; a lost worker too.
        MemoryExceeded, SpillExhausted, SpillLimit, DiskFull: there is not enough to work with, whatever
            the rows are.
    """
    try:
        return act()
    except (KeyboardInterrupt, *_NO_FINDINGS):
        raise
    except CheckCrashed as crash:
        return Crash(str(crash))
    except BaseException as error:  # an engine's panic is no Exception
        if full := disk_problem(error):
            raise DiskFull(full) from error
        if exhausted := spill_problem(error):
            raise SpillLimit(exhausted) from error
        return Crash(f"{type(error).__name__}: {error}")


def row_groups(paths: Sequence[Path]) -> list[RowGroup]:
    """Return how the rows of parts are cut: at their row groups, and these where they are large.

    A part without rows has one group without rows: its columns are looked at all the same.
    """
    found: list[RowGroup] = []
    for path in paths:
        cuts = list(_cuts(path)) or [(0, 0)]
        found += [RowGroup(len(found) + n, path, at, rows) for n, (at, rows) in enumerate(cuts)]
    return found


def read_group(
    group: RowGroup, columns: Sequence[Column], wanted: frozenset[str] | set[str]
) -> pl.DataFrame:
    """Return some columns of a row group, in the order of the declared ones.

    Raises:
        Exception: the part has other columns than the declared ones, as the engine says it.
    """
    names = [column.name for column in columns if column.name in wanted]
    return read_parts([group.path], columns).slice(group.offset, group.rows).select(names).collect()


def observe_all(
    plans: Mapping[int, Plan],
    make: Callable[[], Mapping[int, Plan]],
    columns: Sequence[Column],
    groups: Sequence[RowGroup],
    count: int,
) -> dict[int, Any]:
    """Return each plan's note of all rows, or its crash.

    Args:
        plans: the plans, by the place of their checks.
        make: what makes the same plans in a worker; it can be pickled.
        columns: the product's columns.
        groups: where the rows stand.
        count: how many workers there are.

    Raises:
        WorkerLost: a worker died.
        SpillLimit: there is no room for what does not fit in memory.
    """
    noted: dict[int, Any] = {}
    if not plans:
        return noted
    with workers(count, _prepared, make, tuple(columns)) as processes:
        for each in processes.map(_observed, groups):
            for place, note in each.items():
                noted[place] = _merged(plans[place], noted[place], note) if place in noted else note
    return noted


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all tasks of a worker share."""

    plans: Mapping[int, Plan]
    columns: tuple[Column, ...]


def _prepared(make: Callable[[], Mapping[int, Plan]], columns: tuple[Column, ...]) -> _Shared:
    return _Shared(make(), columns)


def _observed(shared: _Shared, group: RowGroup) -> dict[int, Any]:
    """Return the note of each plan of one row group, or its crash."""
    wanted = frozenset[str]().union(*(plan.columns for plan in shared.plans.values()))
    together = attempted(lambda: read_group(group, shared.columns, wanted))

    def observe(plan: Plan) -> Any:
        if isinstance(together, Crash):  # whose fault that is shows where each reads alone
            rows = read_group(group, shared.columns, plan.columns)
        else:
            rows = together.select([name for name in together.columns if name in plan.columns])
        return plan.observe(rows, group)

    return {place: attempted(partial(observe, plan)) for place, plan in shared.plans.items()}


def _merged(plan: Plan, before: Any, after: Any) -> Any:
    for note in (before, after):
        if isinstance(note, Crash):
            return note
    return attempted(lambda: plan.merge(before, after))


def _cuts(path: Path) -> Iterator[tuple[int, int]]:
    """Yield first row and number of rows of each piece of a part."""
    held = pq.read_metadata(path)
    at = 0
    for number in range(held.num_row_groups):
        end = at + held.row_group(number).num_rows
        while at < end:
            rows = min(ROW_GROUP_ROWS, end - at)
            yield at, rows
            at += rows
