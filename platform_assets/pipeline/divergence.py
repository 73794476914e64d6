"""Where exactly a rebuilt table diverges from the recorded one: part, row, position and column."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from platform_assets.flow.replay import Compared, Divergence
from platform_assets.flow.replay_comparison import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.adapters.row_difference import RowDifference
    from platform_assets.errors import Refusal

#: What was compared, and where it diverged, if it did.
Held = tuple[Compared, Divergence | None]


def refused(step: str, thing: str, refusal: Refusal) -> Held:
    """Return a step that refused where the run did not."""
    problem = f"{refusal.code}: expected {refusal.expected}, found {refusal.found}"
    compared = Compared(step, thing).with_problems([problem])
    return compared, Divergence(step, thing, problem)


def first_problem(
    step: str, thing: str, problems: Sequence[str], part: str = ""
) -> Divergence | None:
    """Return the first of some problems that are of no row."""
    return Divergence(step, thing, problems[0], part) if problems else None


def first_part(recorded: Sequence[Table], rebuilt: Sequence[Table]) -> str:
    """Return the path of the first part that is another one, or nothing."""
    theirs = {table.name: table for table in rebuilt}
    parts = [t.first_other_part(theirs.get(t.name, Table(t.name, ()))) for t in recorded]
    return next((part for part in parts if part), "")


def divergence_of(
    step: str, thing: str, recorded: Table, rebuilt: Table, difference: RowDifference
) -> Divergence:
    """Return the divergence that a differing row of a table is."""
    stream = thing if step == "land" else None
    sides = [_named(side, stream) for side in (difference.recorded, difference.rebuilt)]
    known = [side for side in sides if side is not None]
    if difference.column:
        problem, position = "another value", sides[0]
    else:
        told = [_text(side) for side in sides]
        problem = f"recorded {told[0]}, rebuilt {told[1]}"
        position = min(known, key=_key) if known else None
    if difference.missing:
        problem = f"{recorded.rows} rows recorded, {rebuilt.rows} rebuilt"
    table = recorded if difference.row < recorded.rows else rebuilt
    return Divergence(
        step,
        thing,
        f"{table.name}: {problem}" if table.name != thing else problem,
        part=_part_of_row(table, difference.row),
        row=difference.row,
        position=position,
        column=difference.column,
    )


def _part_of_row(table: Table, row: int) -> str:
    ends = accumulate(part["rows"] for part in table.parts)
    return next((str(p["path"]) for p, end in zip(table.parts, ends, strict=True) if row < end), "")


def _named(position: Mapping[str, Any] | None, stream: str | None) -> dict[str, Any] | None:
    return None if position is None else {"stream": stream, **position}


def _text(position: Mapping[str, Any] | None) -> str:
    return "no row" if position is None else "{stream} {partition}:{offset}".format(**position)


def _key(position: Mapping[str, Any]) -> tuple[str, str, int]:
    return str(position["stream"]), str(position["partition"]), int(position["offset"])


def order_of(divergence: Divergence) -> tuple[Any, ...]:
    """Order divergences by the position of their row, those without one last."""
    return (0, *_key(divergence.position)) if divergence.position else (1,)
