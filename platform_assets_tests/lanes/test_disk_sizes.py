"""How much disk a lane takes, and that closed runs are not walked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.lanes import disk_sizes
from platform_assets.lanes.disk_sizes import OTHER, DiskSizes

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 4096


@pytest.fixture
def sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskSizes:
    monkeypatch.setattr(disk_sizes, "_LEAST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(disk_sizes, "_PAUSES", 0)
    for run in ("load-00000001", "load-00000002"):
        (tmp_path / "store" / "runs" / run / "landing").mkdir(parents=True)
    kinds = {tmp_path / "store": "store_size", tmp_path / "store" / "log": "log_size"}
    return DiskSizes((tmp_path,), kinds, tmp_path / "store" / "runs")


def write(path: Path, blocks: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * blocks * _BLOCK)


def test_a_file_counts_where_the_closest_folder_says(sizes: DiskSizes, tmp_path: Path) -> None:
    write(tmp_path / "store" / "runs" / "load-00000001" / "landing" / "part", 3)
    write(tmp_path / "store" / "log" / "entry", 2)
    write(tmp_path / "data" / "0.ndjson", 5)
    found = sizes.look()
    assert found == {"store_size": 3 * _BLOCK, "log_size": 2 * _BLOCK, OTHER: 5 * _BLOCK}
    assert sizes.total == 10 * _BLOCK


def test_a_closed_run_is_walked_once_more_and_then_never_again(
    sizes: DiskSizes, tmp_path: Path
) -> None:
    closed, open_run = (tmp_path / "store" / "runs" / f"load-0000000{n}" for n in (1, 2))
    write(closed / "part", 1)
    sizes.look()
    write(closed / "landing" / "more", 1)
    sizes.close("load-00000001")
    assert sizes.look()["store_size"] == 2 * _BLOCK
    write(closed / "announced", 1)
    write(open_run / "part", 1)
    assert sizes.look()["store_size"] == 3 * _BLOCK


def test_a_look_that_comes_too_soon_tells_what_the_last_one_found(tmp_path: Path) -> None:
    sizes = DiskSizes((tmp_path,), {}, tmp_path / "runs")
    write(tmp_path / "one", 1)
    assert sizes.look()[OTHER] == _BLOCK
    write(tmp_path / "two", 1)
    assert sizes.look()[OTHER] == _BLOCK
