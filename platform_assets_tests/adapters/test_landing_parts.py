"""Landed parts: their bytes follow from the records, not from how those arrived."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_assets.adapters import landing_parts
from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.adapters.landing_parts import LandingParts
from platform_assets.ports.streams import LANDING_SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.ports.part_files import PartFile


def batch(values: list[bytes | None], first: int = 0, partition: str = "0") -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [
            {"partition": partition, "offset": first + index, "value": value}
            for index, value in enumerate(values)
        ],
        schema=LANDING_SCHEMA,
    )


def listed(part: PartFile) -> dict[str, object]:
    return {"name": part.name, "rows": part.rows, "sha256": part.sha256, "path": part.path}


def write(folder: Path, partitions: dict[str, list[pa.RecordBatch]]) -> list[dict[str, Any]]:
    folder.mkdir()
    with LandingParts(folder, listed) as parts:
        for batches in partitions.values():
            for each in batches:
                parts.add(each)
            parts.end_partition()
        return parts.finish()


def test_parts_give_back_what_was_landed(tmp_path: Path) -> None:
    values = [b"", b"\xff\x00", None, "Zürich".encode()]

    (part,) = write(tmp_path / "a", {"0": [batch(values, first=2**40)]})

    table = pq.read_table(part["path"])
    assert table.schema.remove_metadata().equals(LANDING_SCHEMA)
    assert table.column("value").to_pylist() == values
    assert table.column("offset").to_pylist() == [2**40 + index for index in range(4)]


def test_a_part_holds_records_of_one_partition(tmp_path: Path) -> None:
    partitions = {name: [batch([b"a"] * 3, partition=name)] for name in ("0", "1", "2")}

    parts = write(tmp_path / "a", partitions)

    assert [part["name"] for part in parts] == [f"part-0000{n}.parquet" for n in range(3)]
    found = [pq.read_table(part["path"]).column("partition").unique().to_pylist() for part in parts]
    assert found == [["0"], ["1"], ["2"]]


def test_a_part_ends_with_the_record_that_fills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_parts, "PART_BYTES", 10)
    monkeypatch.setattr(landing_parts, "PART_ROWS", 4)
    values = [b"x" * size for size in (4, 6, 1, 1, 1, 1, 30, 9, 1, 0)]

    parts = write(tmp_path / "a", {"0": [batch(values)]})

    assert [part["rows"] for part in parts] == [2, 4, 1, 2, 1]


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
)
def test_i15_parts_do_not_depend_on_how_batches_were_cut(
    sizes: list[int], cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    whole = batch([bytes([65 + index % 20]) * size for index, size in enumerate(sizes)])
    bounds = sorted({0, len(sizes), *(cut for cut in cuts if cut < len(sizes))})
    pieces = [whole.slice(low, high - low) for low, high in pairwise(bounds)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing_parts, "PART_BYTES", 30)
        patch.setattr(landing_parts, "PART_ROWS", 7)

        once = write(folder / "once", {"0": [whole]})
        again = write(folder / "again", {"0": pieces})

    assert [part["sha256"] for part in once] == [part["sha256"] for part in again]
    assert sum(part["rows"] for part in once) == len(sizes)


def test_large_parts_do_not_depend_on_how_batches_were_cut(tmp_path: Path) -> None:
    whole = batch([b"%d" % (index * 7919) * (20 + index % 13) for index in range(40_000)])
    pieces = [whole.slice(at, 777) for at in range(0, 40_000, 777)]

    (once,), (again,) = (
        write(tmp_path / name, {"0": batches}) for name, batches in (("a", [whole]), ("b", pieces))
    )

    assert once["sha256"] == again["sha256"]


def test_a_part_has_the_bytes_of_its_records_written_at_once(tmp_path: Path) -> None:
    rows = [
        {
            "partition": "3",
            "offset": 7 * index,
            "timestamp": None if index % 5 else 1_700_000_000_000_000 + index,
            "key": None if index % 3 else b"k%d" % index,
            "headers": None if index % 7 else [("a", b"1"), ("b", None)],
            "value": None if index % 11 == 0 else b"%d" % (index * 7919) * (20 + index % 13),
        }
        for index in range(5_000)
    ]
    whole = pa.RecordBatch.from_pylist(rows, schema=LANDING_SCHEMA)

    (part,) = write(
        tmp_path / "a", {"3": [whole.slice(at, 333) for at in range(0, whole.num_rows, 333)]}
    )

    pq.write_table(
        pa.Table.from_batches([whole]),
        tmp_path / "at once",
        row_group_size=whole.num_rows,
        compression="zstd",
        compression_level=1,
        data_page_size=1024**2,
        use_dictionary=["partition"],
        write_statistics=["partition", "offset"],
        version="2.6",
    )
    assert part["sha256"] == sha256_file(tmp_path / "at once")


def test_many_parts_in_the_same_memory_give_back_what_was_landed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_parts, "PART_ROWS", 5)
    values = [None if index % 4 == 0 else b"%d" % index for index in range(203)]

    parts = write(tmp_path / "a", {"0": [batch(values).slice(at, 7) for at in range(0, 203, 7)]})

    tables = [pq.read_table(part["path"]) for part in parts]
    assert len(tables) == 41
    assert pa.concat_tables(tables).column("value").to_pylist() == values


def test_parts_are_stored_in_order_and_a_failure_reaches_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_parts, "PART_ROWS", 1)
    stored: list[str] = []

    def store(part: PartFile) -> dict[str, object]:
        if len(stored) == 5:
            raise OSError("no room")
        stored.append(part.name)
        return {}

    with LandingParts(tmp_path, store) as parts, pytest.raises(OSError, match="no room"):
        parts.add(batch([b"a"] * 20))

    assert stored == [f"part-0000{n}.parquet" for n in range(5)]


def test_after_a_part_that_was_not_stored_none_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_parts, "PART_ROWS", 1)
    added = threading.Event()
    asked: list[str] = []

    def store(part: PartFile) -> dict[str, object]:
        assert added.wait(30)
        asked.append(part.name)
        if len(asked) == 3:
            raise OSError("no room")
        return {}

    with LandingParts(tmp_path, store) as parts:
        parts.add(batch([b"a"] * 6))
        added.set()
        with pytest.raises(OSError, match="no room"):
            parts.finish()

    assert asked == [f"part-0000{n}.parquet" for n in range(3)]


def test_a_slow_store_does_not_stop_the_reading_and_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_parts, "PART_ROWS", 1)
    read, stored = threading.Event(), []

    def store(part: PartFile) -> dict[str, object]:
        assert read.wait(30)
        stored.append(part.name)
        return {"name": part.name}

    with LandingParts(tmp_path, store) as parts:
        parts.add(batch([b"a"] * landing_parts.WAITING))
        assert not stored
        read.set()
        listed_ = parts.finish()

    assert [part["name"] for part in listed_] == stored
    assert len(stored) == landing_parts.WAITING
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("landing", "storing"))]


def test_parts_that_cannot_be_written_reach_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_parts, "PART_ROWS", 1)
    nowhere = tmp_path / "gone"

    with LandingParts(nowhere, listed) as parts, pytest.raises(FileNotFoundError, match="gone"):
        parts.add(batch([b"a"] * 20))  # more than there is memory for
