"""Columns that are filled in place hold what joining the batches would give."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters.byte_columns import ByteColumn

VALUES = st.lists(st.none() | st.binary(max_size=12), max_size=30)


def large(values: list[bytes | None]) -> pa.LargeBinaryArray:
    return pa.array(values, pa.large_binary())


@given(batches=st.lists(VALUES, max_size=6), skipped=st.integers(0, 5))
def test_a_column_holds_the_values_that_were_added_in_their_order(
    batches: list[list[bytes | None]], skipped: int
) -> None:
    column = ByteColumn()
    for values in batches:
        column.add(large(values).slice(skipped))

    found = column.array()

    found.validate(full=True)
    assert found.to_pylist() == [value for values in batches for value in values[skipped:]]


@given(first=VALUES, second=VALUES)
def test_nothing_of_what_was_cleared_is_left(
    first: list[bytes | None], second: list[bytes | None]
) -> None:
    column = ByteColumn()
    column.add(large(first))
    column.clear()
    column.add(large(second))

    assert column.array().equals(large(second))


def test_the_memory_of_a_cleared_column_is_used_again() -> None:
    column = ByteColumn()
    column.add(large([b"x" * 1000] * 10))
    before = column.array().buffers()[2].address
    column.clear()
    column.add(large([b"y" * 1000] * 10))

    assert column.array().buffers()[2].address == before


def test_bytes_under_a_null_are_no_part_of_a_column() -> None:
    values = large([b"seen", b"hidden", b"seen"])
    mask = pa.array([True, False, True])
    buffers = [mask.buffers()[1], *values.buffers()[1:]]
    hiding = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 3, buffers)
    column = ByteColumn()
    column.add(hiding)

    found = column.array()

    assert found.to_pylist() == [b"seen", None, b"seen"]
    assert pc.sum(pc.binary_length(found)).as_py() == found.buffers()[2].size == 8
