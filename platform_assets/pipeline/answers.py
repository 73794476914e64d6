"""What a consumer's function returned, as a file, held against its contract.

Names and types are exactly those of the contract: nothing is coerced. No column has a null where none
may be, and no two rows have the same key. All of it is found by scans that hold a few rows at a time,
so a consumer's output may be larger than the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.external_sort import different_rows
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import ConsumerFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.adapters.external_sort import Room
    from platform_assets.contracts.columns import Column


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its type, its schema where it is a frame, and its rows in a file if they fit that.

    An answer of other columns than the contract's is not written.
    """

    kind: str
    schema: pl.Schema | None
    file: Path
    rows: int = 0


def written_answer(answer: Any, columns: Sequence[Column], file: Path) -> Answer:
    """Write a frame of the contract's columns to a file; a lazy one is computed as it is written."""
    if not isinstance(answer, (pl.DataFrame, pl.LazyFrame)):
        return Answer(type(answer).__name__, None, file)
    schema = answer.collect_schema()
    expected = polars_schema(columns)
    if dict(schema) != dict(expected):
        return Answer(type(answer).__name__, schema, file)
    rows = answer.lazy().select(expected.names())
    rows.sink_parquet(file, compression="lz4", engine="streaming")
    return Answer(type(answer).__name__, schema, file, _count(file))


def require_conforming(
    answer: Answer, columns: Sequence[Column], key: Sequence[str], room: Room, thing: str
) -> None:
    """Hold an answer against its contract.

    Raises:
        ConsumerFailed: with everything in which it differs.
    """
    problems = _problems_of_schema(answer, columns)
    if not problems:
        problems = _problems_of_values(answer, columns, key, room)
    if problems:
        raise ConsumerFailed(
            thing,
            expected="exactly the columns of its contract, no null where none may be, unique keys",
            found="; ".join(problems),
            remedy="Mend the function or its contract.",
        )


def _problems_of_schema(answer: Answer, columns: Sequence[Column]) -> list[str]:
    if answer.schema is None:
        return [f"a {answer.kind} instead of a frame"]
    expected, found = polars_schema(columns), answer.schema
    problems = [
        f"column {name} is {found.get(name, 'absent')}, not {dtype}"
        for name, dtype in expected.items()
        if found.get(name) != dtype
    ]
    return problems + [f"column {name} is undeclared" for name in found if name not in expected]


def _problems_of_values(
    answer: Answer, columns: Sequence[Column], key: Sequence[str], room: Room
) -> list[str]:
    required = [column.name for column in columns if not column.nullable]
    rows = pl.scan_parquet(answer.file, glob=False, hive_partitioning=False)
    nulls = rows.select(pl.col(required).null_count()).collect(engine="streaming")
    problems = [
        f"column {name} has {nulls[name].item()} nulls" for name in required if nulls[name].item()
    ]
    repeated = answer.rows - different_rows([answer.file], columns, key, room)
    if repeated:
        problems.append(f"{repeated} rows repeat the key {', '.join(key)}")
    return problems


def _count(file: Path) -> int:
    rows = pl.scan_parquet(file, glob=False, hive_partitioning=False).select(pl.len())
    return int(rows.collect().item())
