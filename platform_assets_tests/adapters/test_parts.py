from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters.column_types import columns_of
from platform_assets.adapters.file_hashes import sha256_file, sha256_files
from platform_assets.adapters.part_format import ROW_GROUP_ROWS
from platform_assets.adapters.parts import read_parts, sort_frame, write_frame, write_parts
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.columns import Column, Decimal, Scalar
from platform_assets.contracts.frames import polars_schema
from platform_assets_tests import strategies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 250_000  # more than two row groups


def wide_frame(rows: int = ROWS) -> pl.DataFrame:
    index = pl.int_range(rows, dtype=pl.Int64, eager=True)
    scattered = (index * 7919) % 100_003
    return pl.DataFrame(
        {
            "at": (index * 1_000).cast(pl.Datetime("us", "UTC")),
            "name": "name-" + scattered.cast(pl.String),
            "amount": scattered.cast(pl.Decimal(18, 0)).cast(pl.Decimal(18, 2)),
            "score": (scattered / 7).set(scattered % 11 == 0, None),
            "place": pl.DataFrame({"lat": scattered / 3, "note": "n" + index.cast(pl.String)})
            .to_struct()
            .set(scattered % 5 == 0, None),
            "_stream": pl.repeat("s", rows, eager=True),
            "_partition": (scattered % 3).cast(pl.String),
            "_offset": index,
        }
    ).with_columns(tags=pl.concat_list("name", "_partition"))


COLUMNS = columns_of(wide_frame(1).schema)


def digests(frame: pl.DataFrame, directory: Path, part_rows: int = 200_000) -> list[str]:
    return [
        part.sha256 for part in write_parts(frame, COLUMNS, directory, part_rows=part_rows).parts
    ]


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from platform_assets_tests.adapters.test_parts import COLUMNS, wide_frame
from platform_assets.adapters.parts import sort_frame, write_parts
frame = sort_frame(wide_frame().reverse(), ["name", "at"])
for attempt in range(2):
    parts = write_parts(frame, COLUMNS, Path(sys.argv[2]) / str(attempt), part_rows=200_000).parts
    print(*(part.sha256 for part in parts))
"""


def test_i05_parts_are_the_same_bytes_whatever_the_thread_count(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    printed = set()
    for threads in ("1", "2", "3"):
        answer = subprocess.run(
            [sys.executable, "-c", WRITER, str(pytestconfig.rootpath), str(tmp_path / threads)],
            env={**os.environ, "POLARS_MAX_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        )
        printed |= set(answer.stdout.splitlines())
    assert len(printed) == 1
    assert len(printed.pop().split()) == 2


FORMS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "chunks": lambda frame: pl.concat(
        [frame.slice(start, 7_777) for start in range(0, frame.height, 7_777)], rechunk=False
    ),
    "gathered": lambda frame: frame[ORDER][np.argsort(ORDER)],
    "sliced": lambda frame: pl.concat([frame, frame, frame]).rechunk()[frame.height :].head(ROWS),
    "filtered": lambda frame: pl.concat([frame, frame]).filter(pl.int_range(pl.len()) < ROWS),
    "arrow": lambda frame: pl.DataFrame(pa.table(frame)),
}
ORDER = np.random.default_rng(5).permutation(ROWS)


@pytest.mark.parametrize("form", FORMS)
def test_i05_parts_are_the_same_bytes_whatever_the_frame_looks_like_in_memory(
    tmp_path: Path, form: str
) -> None:
    frame = wide_frame()
    other = FORMS[form](frame)
    assert other.equals(frame)
    assert digests(other, tmp_path / "b") == digests(frame, tmp_path / "a")


def test_i05_parts_read_back_and_written_again_are_the_same_bytes(tmp_path: Path) -> None:
    frame = wide_frame()
    written = write_parts(frame, COLUMNS, tmp_path / "a", part_rows=200_000).parts
    again = read_parts([part.path for part in written], COLUMNS).collect()
    assert digests(again, tmp_path / "b") == [part.sha256 for part in written]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("columns", [["name", "score"], ["place", "tags"]])
def test_i05_files_of_frames_do_not_follow_chunks_or_borrowed_memory(
    tmp_path: Path, form: str, columns: list[str]
) -> None:
    frame = wide_frame().select(columns)
    first, second = (
        write_frame(each, tmp_path / name)
        for each, name in ((frame, "a.parquet"), (FORMS[form](frame), "b.parquet"))
    )
    assert first.sha256 == second.sha256


def test_i05_what_lies_hidden_under_nulls_does_not_reach_the_bytes(tmp_path: Path) -> None:
    absent = pa.array([True, False] * 50)
    numbers = pa.array(range(100))
    lists = pa.LargeListArray.from_arrays(pa.array(range(101), pa.int64()), numbers, mask=absent)
    frame = pl.DataFrame(
        {
            "s": pl.Series(pa.StructArray.from_arrays([numbers], names=["x"], mask=absent)),
            "l": pl.Series(lists),
        }
    )
    clean = pl.DataFrame(frame.to_dicts(), schema=frame.schema)
    first, second = (
        write_frame(each, tmp_path / name)
        for each, name in ((frame, "a.parquet"), (clean, "b.parquet"))
    )
    assert first.sha256 == second.sha256


def test_i05_minus_zero_and_odd_nans_are_written_as_zero_and_the_one_nan(tmp_path: Path) -> None:
    odd = np.array([0x8000_0000_0000_0000, 0xFFF8_0000_0000_0ABC], dtype=np.uint64).view(float)
    plain = np.array([0, 0x7FF8_0000_0000_0000], dtype=np.uint64).view(float)
    written = [
        write_frame(
            pl.DataFrame({"f": v}).with_columns(
                s=pl.struct(x="f", y="f"),
                l=pl.concat_list("f", "f"),
                n=pl.concat_list(pl.struct("f")),
            ),
            tmp_path / f"{number}.parquet",
        ).sha256
        for number, v in enumerate((odd, plain))
    ]
    assert written[0] == written[1]


def test_i05_another_value_or_order_gives_other_bytes(tmp_path: Path) -> None:
    frame = wide_frame(1_000)
    first = digests(frame, tmp_path / "a")
    assert digests(frame.reverse(), tmp_path / "b") != first
    assert digests(frame.with_columns(name=pl.lit("x")), tmp_path / "c") != first


def test_parts_are_named_by_position_and_described_as_they_are(tmp_path: Path) -> None:
    frame = wide_frame(1_050)
    written = write_parts(frame, COLUMNS, tmp_path / "new", part_rows=500).parts
    assert [part.name for part in written] == [f"part-0000{n}.parquet" for n in range(3)]
    assert [part.rows for part in written] == [500, 500, 50]
    for part in written:
        data = part.path.read_bytes()
        assert part.path == tmp_path / "new" / part.name
        assert (part.size, part.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert sha256_file(part.path) == part.sha256
    assert sha256_files([p.path for p in written]) == [p.sha256 for p in written]
    paths = [part.path for part in written]
    assert read_parts(paths, COLUMNS).collect().equals(frame)
    swapped = read_parts(paths[::-1], COLUMNS).collect()
    assert swapped.equals(pl.concat([frame[1000:], frame[500:1000], frame[:500]]))


def test_no_rows_make_one_part_that_holds_the_schema(tmp_path: Path) -> None:
    columns = [Column("a", Decimal(5, 2)), Column("b", Scalar.TIMESTAMP)]
    frame = pl.DataFrame(schema=polars_schema(columns))
    (part,) = write_parts(frame, columns, tmp_path, part_rows=10).parts
    assert (part.name, part.rows) == ("part-00000.parquet", 0)
    read = read_parts([part.path], columns).collect()
    assert read.schema == frame.schema
    assert read.height == 0


def test_columns_are_written_in_declared_order_and_others_left_out(tmp_path: Path) -> None:
    frame = pl.DataFrame({"b": [1], "extra": [0], "a": [2]})
    columns = [Column("a", Scalar.INT64), Column("b", Scalar.INT64)]
    (part,) = write_parts(frame, columns, tmp_path, part_rows=1).parts
    assert pl.read_parquet(part.path).columns == ["a", "b"]


def test_parts_are_never_written_over_standing_ones(tmp_path: Path) -> None:
    digests(wide_frame(10), tmp_path)
    with pytest.raises(FileExistsError):
        digests(wide_frame(10), tmp_path)


def test_a_frame_of_other_types_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a is Int32, not Int64"):
        write_parts(
            pl.DataFrame({"a": [1]}, schema={"a": pl.Int32}),
            [Column("a", Scalar.INT64)],
            tmp_path,
            part_rows=1,
        )
    with pytest.raises(ValueError, match="at least one row"):
        write_parts(wide_frame(1), COLUMNS, tmp_path, part_rows=0)


def test_parts_with_other_columns_than_asked_for_are_not_read(tmp_path: Path) -> None:
    write_frame(pl.DataFrame({"a": [1], "b": ["x"]}), tmp_path / "p.parquet")
    a, b = Column("a", Scalar.INT64), Column("b", Scalar.STRING)
    for asked in ([a], [a, b, Column("c", Scalar.INT64)], [Column("a", Scalar.FLOAT64), b]):
        with pytest.raises(pl.exceptions.PolarsError):
            read_parts([tmp_path / "p.parquet"], asked).collect()
    with pytest.raises(ValueError, match="at least one part"):
        read_parts([], [a])


def test_a_part_whose_name_looks_like_a_pattern_is_read_as_itself(tmp_path: Path) -> None:
    write_frame(pl.DataFrame({"a": [1]}), tmp_path / "x.parquet")
    write_frame(pl.DataFrame({"a": [2]}), tmp_path / "*.parquet")
    read = read_parts([tmp_path / "*.parquet"], [Column("a", Scalar.INT64)]).collect()
    assert read["a"].to_list() == [2]


def test_i05_rows_of_equal_keys_stand_by_stream_partition_and_offset() -> None:
    frame = wide_frame(2_000).with_columns(at=pl.lit(None, dtype=pl.Datetime("us", "UTC")))
    ordered = sort_frame(frame.sample(fraction=1, shuffle=True, seed=3), ["at"])
    positions = ordered.select("_stream", "_partition", "_offset").rows()
    assert positions == sorted(positions)


def test_keys_ascend_with_nan_above_numbers_and_null_last_inside_structs_too() -> None:
    values = [2.0, None, float("nan"), float("-inf"), 1.0]
    frame = pl.DataFrame({"v": values}).select(s=pl.struct("v"))
    found = [row["v"] for row in sort_frame(frame, ["s.v"])["s"].to_list()]
    assert str(found) == "[-inf, 1.0, 2.0, nan, None]"


def test_a_sort_key_that_is_no_column_is_refused() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        sort_frame(wide_frame(1), ["nowhere"])


@settings(max_examples=60, deadline=None)
@given(
    strategies.tables(max_rows=8).flatmap(lambda t: st.tuples(st.just(t), st.permutations(t[1])))
)
def test_i05_any_rows_in_any_order_are_sorted_into_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, drawn: Any
) -> None:
    (columns, rows), shuffled = drawn
    folder = tmp_path_factory.mktemp("p")
    schema = polars_schema(columns)
    written = []
    for number, order in enumerate((rows, shuffled)):
        frame = sort_frame(pl.DataFrame(order, schema=schema, orient="row"), [columns[0].name])
        written += write_parts(frame, columns, folder / str(number), part_rows=100).parts
        assert content_digest(
            read_parts([written[-1].path], columns).collect(), columns
        ).rows == len(rows)
    assert written[0].sha256 == written[1].sha256


def test_i05_row_groups_are_of_fixed_size(tmp_path: Path) -> None:
    (part,) = write_parts(wide_frame(), COLUMNS, tmp_path, part_rows=10**9).parts
    groups = pq.ParquetFile(part.path).metadata
    sizes = [groups.row_group(n).num_rows for n in range(groups.num_row_groups)]
    assert sizes == [ROW_GROUP_ROWS, ROW_GROUP_ROWS, ROWS - 2 * ROW_GROUP_ROWS]
