"""Rows of a part come back as they were added, whatever stood in the memory before."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters.part_rows import PartRows
from platform_assets.ports.streams import LANDING_SCHEMA

MAX_ROWS, USUAL_BYTES = 64, 40
BYTES = st.none() | st.binary(max_size=12)
ROW = st.fixed_dictionaries(
    {
        "partition": st.just("0"),
        "offset": st.integers(0, 2**62),
        "native": st.none() | st.text(max_size=3),
        "timestamp": st.none() | st.integers(0, 2**50),
        "key": BYTES,
        "headers": st.none() | st.lists(st.tuples(st.text(max_size=3), BYTES), max_size=2),
        "value": BYTES,
    }
)


def batch(*values: bytes | None) -> pa.RecordBatch:
    rows = [{"partition": "0", "offset": n, "value": value} for n, value in enumerate(values)]
    return pa.RecordBatch.from_pylist(rows, schema=LANDING_SCHEMA)


@given(
    parts=st.lists(st.lists(ROW, min_size=1, max_size=MAX_ROWS), min_size=1, max_size=3),
    cuts=st.sets(st.integers(1, MAX_ROWS - 1)),
)
def test_rows_come_back_in_one_chunk_however_they_were_cut(
    parts: list[list[dict[str, object]]], cuts: set[int]
) -> None:
    rows = PartRows(MAX_ROWS, USUAL_BYTES)
    for part in parts:
        whole = pa.RecordBatch.from_pylist(part, schema=LANDING_SCHEMA)
        bounds = [0, *sorted(cut for cut in cuts if cut < len(part)), len(part)]
        for low, high in pairwise(bounds):
            rows.add(whole.slice(low, high - low))

        table = rows.table()

        table.validate(full=True)
        assert table.equals(pa.Table.from_batches([whole]))
        assert {column.num_chunks for column in table.columns} == {1}
        assert rows.rows == len(part)
        rows.clear()


def test_what_was_added_need_not_stay() -> None:
    rows = PartRows(MAX_ROWS, USUAL_BYTES)
    memory = bytearray(b"first")
    value = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        1,
        [None, pa.array([0, 5], pa.int64()).buffers()[1], pa.py_buffer(memory)],
    )
    rows.add(batch(b"").set_column(6, "value", value))

    memory[:] = b"other"

    assert rows.table().column("value").to_pylist() == [b"first"]


def test_a_record_larger_than_usual_takes_memory_and_gives_it_back() -> None:
    rows = PartRows(MAX_ROWS, USUAL_BYTES)
    large = bytes(range(256)) * 40
    rows.add(batch(b"a", None))

    rows.add(batch(large, b"z"))

    assert rows.table().column("value").to_pylist() == [b"a", None, large, b"z"]
    grown = rows.table().column("value").chunk(0).buffers()[2].address
    rows.clear()
    rows.add(batch(b"again"))
    assert rows.table().column("value").to_pylist() == [b"again"]
    assert rows.table().column("value").chunk(0).buffers()[2].address != grown
