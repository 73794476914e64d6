"""The first of an identity stands, whatever the sources, the buckets and how often an id repeats."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from platform_assets.adapters import dedupe, hash_buckets, suspects
from platform_assets.adapters.dedupe import read_settled, settle, suspected
from platform_assets.adapters.full_disks import DiskFull
from platform_assets.adapters.hash_buckets import cells_of, key_hashes, spill_hashes
from platform_assets.adapters.judged_parts import spilled
from platform_assets.adapters.suspects import SuspectFile, SuspectRows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def suspect_file(folder: Path, number: int, rows: Iterable[tuple[str, str]]) -> SuspectFile:
    """Write suspects of one source, given as id and content, at offsets from 0 on."""
    ids, contents = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {
            "event": "placed",
            "id": ids,
            "run": pl.Series(["shop-00000001" if number < 0 else None] * len(ids), dtype=pl.String),
            "_stream": "orders",
            "_partition": "0",
            "_offset": range(len(ids)),
            "whole": pl.Series([None] * len(ids) if number < 0 else contents, dtype=pl.String),
            "shared": contents,
        }
    )
    cells, order = cells_of(key_hashes(frame.select("event", "id")))
    path = folder / f"suspects{number:+d}"
    frame[order].write_ipc(path, compression="uncompressed")
    return SuspectFile(number, path, len(ids), cells)


@pytest.mark.parametrize("memory", [1, 100 * 512, 2**30])
def test_i04_an_id_that_every_row_has_is_settled_piece_by_piece(
    memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        suspect_file(tmp_path, n, [("one", "a" if row % 3 else "b") for row in range(60)])
        for n in range(20)
    ]
    held: list[int] = []
    later = dedupe._later

    def counted(rows: pl.DataFrame, firsts: pl.DataFrame) -> pl.DataFrame:
        held.append(rows.height)
        assert firsts.height == 1
        return later(rows, firsts)

    monkeypatch.setattr(dedupe, "_later", counted)
    settled = settle(files, tmp_path, memory)

    assert sum(held) == 20 * 60
    assert max(held) <= max(60, memory // 512 + 60)
    for number in range(20):
        rows = read_settled(settled.slices(number))
        offsets = list(range(1 if number == 0 else 0, 60))  # only the very first row stands
        assert rows["_offset"].to_list() == offsets
        assert rows["same"].to_list() == [offset % 3 == 0 for offset in offsets]
        assert set(rows["first_offset"]) == {0}


def test_i04_what_an_earlier_run_admitted_stands_and_the_earliest_of_several(
    tmp_path: Path,
) -> None:
    files = [
        suspect_file(tmp_path, 0, [("one", "new"), ("two", "old"), ("three", "x"), ("three", "x")]),
        suspect_file(tmp_path, -1, [("one", "new"), ("two", "new")]),
        suspect_file(tmp_path, -2, [("two", "old"), ("one", "old")]),
    ]
    settled = settle(files, tmp_path, 1)
    rows = read_settled(settled.slices(0)).select("id", "same", "first_run", "first_offset").rows()
    assert rows == [
        ("one", False, "shop-00000001", 1),
        ("two", True, "shop-00000001", 0),
        ("three", True, None, 2),
    ]
    assert settled.slices(-1) == settled.slices(-2) == []


def test_i04_ids_with_equal_hashes_are_told_apart(tmp_path: Path) -> None:
    alike = np.full(3, 7, np.uint64)
    bits = suspected([spill_hashes(alike, tmp_path / "hashes", 0)], [], 2**20)
    assert np.unpackbits(bits[0], count=3).tolist() == [1, 1, 1]
    rows = [("one", "a"), ("two", "a"), ("one", "a")]
    settled = settle([suspect_file(tmp_path, 0, rows)], tmp_path, 2**20)
    assert read_settled(settled.slices(0))["_offset"].to_list() == [2]


def test_suspects_of_a_long_part_are_read_a_stretch_at_a_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(suspects, "ROWS_AT_A_TIME", 4)
    chosen = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0, 1], np.uint8)
    rows = SuspectRows("placed", tmp_path / "part", 10, np.packbits(chosen))
    assert [(begin, which.tolist()) for begin, which in rows.slices()] == [
        (4, [False, True, False, False]),
        (8, [False, True]),
    ]


def test_a_full_spill_disk_is_said_to_be_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("platform_assets.adapters.judged_parts.spill_hashes", full)
    with pytest.raises(DiskFull, match="no space left"):
        spilled(pl.DataFrame({"id": ["a"]}), tmp_path / "hashes", 0)
    assert len(cells_of(np.empty(0, np.uint64))[0]) - 1 == hash_buckets.CELLS
