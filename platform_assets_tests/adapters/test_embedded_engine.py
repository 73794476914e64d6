from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from platform_assets.adapters.budget import Budget
from platform_assets.adapters.embedded_engine import EmbeddedEngine
from platform_assets.adapters.parts import read_parts, sort_frame, write_frame
from platform_assets.contracts.columns import POSITION_COLUMNS, Column, Scalar, Struct
from platform_assets.errors import AdmissionInconsistent, MemoryExceeded, SpillExhausted
from platform_assets.pipeline.scratch import spill_folder
from platform_assets.ports.engines import AdmittedRows, ProductJob

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.ports.engines import ProductParts

MIB = 1024**2
PLACE = Struct((Column("lat", Scalar.FLOAT64, nullable=True),))
COLUMNS = [
    Column("k", Scalar.INT64),
    Column("text", Scalar.STRING),
    Column("place", PLACE, nullable=True),
    *POSITION_COLUMNS,
]
SORT = ["place.lat", "k"]


def numbered(rows: int) -> pl.DataFrame:
    at = pl.int_range(rows, dtype=pl.Int64, eager=True)
    text = pl.concat_str([at.hash(seed).cast(pl.String) for seed in range(12)], separator="")
    lat = pl.Series([0.0, -0.0, float("nan"), None, 1.5]).gather(at % 5)
    return pl.select(
        k=(at * 7919) % 1_003,
        text=text,
        place=pl.when(at % 7 != 0).then(pl.struct(lat=lat)),
        _stream=pl.lit("s"),
        _partition=(at % 3).cast(pl.String),
        _offset=at,
    )


def job_of(frame: pl.DataFrame, folder: Path, **changed: Any) -> ProductJob:
    """A job over the frame in four files, of which every tenth row is excluded."""
    quarter = frame.height // 4 + 1
    files = [
        write_frame(frame[start : start + quarter], folder / f"accepted-{start}").path
        for start in range(0, frame.height, quarter)
    ]
    out = frame.filter(pl.col("_offset") % 10 == 3).select("_partition", "_offset")
    excluded = write_frame(out, folder / "excluded").path
    rows = frame.height - out.height
    job = ProductJob(AdmittedRows(files, [excluded], rows), COLUMNS, SORT, 20_000)
    return replace(job, **changed)


def made(job: ProductJob, folder: Path, in_memory: int, cores: int = 2) -> ProductParts:
    budget = Budget.of(1024 * MIB, cores, folder / "spill")
    with spill_folder(budget) as spill:
        return EmbeddedEngine(budget, spill, in_memory).make(job, folder)


@pytest.mark.parametrize("cores", [1, 2])
def test_i05_rows_sorted_in_memory_and_spilled_give_the_same_part_bytes(
    tmp_path: Path, cores: int
) -> None:
    frame = numbered(50_000)
    job = job_of(frame, tmp_path)
    small = made(job, tmp_path / "small", in_memory=10**9, cores=cores)
    large = made(job, tmp_path / "large", in_memory=-1, cores=cores)
    assert [part.rows for part in small.parts] == [20_000, 20_000, 5_000]
    assert [part.sha256 for part in large.parts] == [part.sha256 for part in small.parts]
    assert large.content_digest == small.content_digest
    expected = sort_frame(frame.filter(pl.col("_offset") % 10 != 3), SORT)
    found = read_parts([part.path for part in large.parts], COLUMNS).collect()
    assert found.select("_partition", "_offset").equals(expected.select("_partition", "_offset"))


@pytest.mark.parametrize("in_memory", [-1, 10**9])
def test_i03_more_or_fewer_rows_than_the_receipt_says_are_refused(
    tmp_path: Path, in_memory: int
) -> None:
    job = job_of(numbered(1_000), tmp_path)
    for rows in (job.admitted.rows - 1, job.admitted.rows + 1):
        wrong = replace(job, admitted=replace(job.admitted, rows=rows))
        with pytest.raises(AdmissionInconsistent, match="as the receipt says"):
            made(wrong, tmp_path / str(rows), in_memory)


@pytest.mark.parametrize("in_memory", [-1, 10**9])
def test_nothing_admitted_makes_one_part_of_no_rows(tmp_path: Path, in_memory: int) -> None:
    job = job_of(numbered(10), tmp_path)
    some = replace(job, admitted=AdmittedRows([], [], 0))
    (part,) = made(some, tmp_path / "none", in_memory).parts
    assert part.rows == 0
    every = write_frame(numbered(10), tmp_path / "every").path
    out = replace(job, admitted=AdmittedRows([every], [every], 0))
    (emptied,) = made(out, tmp_path / "out", in_memory).parts
    assert emptied.sha256 == part.sha256


def test_a_key_that_is_a_whole_struct_is_sorted_as_ever(tmp_path: Path) -> None:
    job = job_of(numbered(2_000), tmp_path, sort=["place", "k"])
    small, large = (made(job, tmp_path / str(n), in_memory=n) for n in (10**9, -1))
    assert [part.sha256 for part in large.parts] == [part.sha256 for part in small.parts]


def test_a_sort_beyond_the_spill_limit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    job = job_of(numbered(450_000), tmp_path)
    budget = Budget.of(840 * MIB, 1, tmp_path / "spill", 2 * MIB)  # a few MiB for the engine
    with (
        pytest.raises(SpillExhausted, match="failed to offload"),
        spill_folder(budget) as spill,
    ):
        EmbeddedEngine(budget, spill, -1).make(job, tmp_path / "parts")
    assert not list((tmp_path / "spill").iterdir())


def test_memory_that_does_not_suffice_to_sort_is_said(tmp_path: Path) -> None:
    job = job_of(numbered(100_000), tmp_path)
    budget = Budget.of(720 * MIB, 2, tmp_path / "spill")
    with pytest.raises(MemoryExceeded, match="memory_budget"), spill_folder(budget) as spill:
        EmbeddedEngine(budget, spill, -1).make(job, tmp_path / "parts")


def test_the_engine_says_its_name_and_version(tmp_path: Path) -> None:
    identity = EmbeddedEngine(Budget.of(1024 * MIB, 1, tmp_path), tmp_path).identity
    assert identity["name"] == "embedded"
    assert "duckdb" in identity["version"]
