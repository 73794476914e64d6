"""What the footers of Parquet parts say of their rows: how large they are, and what never varies.

A text column whose statistics name one value, the same in every row group, and no null, holds nothing
else. Statistics that a writer shortened never do that: it shortens the least value down and the
greatest up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_TEXT = "STRING"


@dataclass(frozen=True, slots=True)
class Footers:
    """Parts, and what their footers say.

    ``size`` is their rows' bytes before compression, ``row_bytes`` the mean of a row in the row group
    that has the longest ones, at least 1. ``constant`` has the value of each top-level text column that
    is the same in all rows; none where there are no rows.
    """

    files: Sequence[Path]
    size: int
    row_bytes: int
    constant: Mapping[str, str]

    @classmethod
    def read(cls, files: Sequence[Path]) -> Self:
        """Read the footers of parts.

        Raises:
            OSError, pyarrow.ArrowException: a file is not there, or is no Parquet.
        """
        size, widths = 0, [1]
        constant: dict[str, str] | None = None
        for footer in map(pq.read_metadata, files):
            for group in _groups(footer):
                size += group.total_byte_size
                widths.append(group.total_byte_size // group.num_rows)
                here = dict(_constant_texts(footer, group))
                constant = here if constant is None else dict(constant.items() & here.items())
        return cls(files, size, max(widths), constant or {})


def _groups(footer: pq.FileMetaData) -> Iterator[pq.RowGroupMetaData]:
    """Return the row groups that have rows."""
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        if group.num_rows:
            yield group


def _constant_texts(
    footer: pq.FileMetaData, group: pq.RowGroupMetaData
) -> Iterator[tuple[str, str]]:
    for number in range(group.num_columns):
        column = group.column(number)
        # with a dot it may be a field of a struct
        if "." in column.path_in_schema or column.statistics is None:
            continue
        seen = column.statistics
        is_text = footer.schema.column(number).logical_type.type == _TEXT
        if is_text and seen.has_min_max and seen.null_count == 0 and seen.min == seen.max:
            yield column.path_in_schema, seen.min
