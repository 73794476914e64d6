"""A7: a disk that is full or read-only at any moment of a run, from pin to log.

What is met is an error of the platform that exits 1 or 3 and says what to do. Nothing half-written is
in the store, and after relief a later run finishes with the same records.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import StoreUnwritable
from platform_assets_tests.cli.calls import call
from platform_assets_tests.stores_that_fail.homes import (
    STRIDE,
    WatchedStore,
    failure_of,
    logged,
    records_of,
    require_whole,
    run_all,
    small_shop,
)
from platform_assets_tests.stores_that_fail.small_disk import SmallDisk, small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.errors import PlatformError

_HARM = {"full": SmallDisk.fill, "read-only": SmallDisk.refuse_writes}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small") as disk:
        yield disk


@pytest.fixture
def home(tmp_path: Path, disk: SmallDisk) -> Path:
    return small_shop(tmp_path / "home", disk.folder / "store")


def _undisturbed(home: Path, store: Path) -> tuple[dict[str, bytes], list[str]]:
    """Return the records of a run that nothing disturbs, and its durable writes, in their order."""
    watched = WatchedStore(store, lambda _number, _path: None)
    run_all(home, watched)
    records = records_of(home, store)
    shutil.rmtree(store)
    return records, watched.paths


@pytest.mark.parametrize("shard", range(4))
@pytest.mark.parametrize("harm", _HARM)
def test_a7_a_disk_that_takes_no_more_at_one_write_and_after_it(
    harm: str, shard: int, home: Path, disk: SmallDisk
) -> None:
    store = disk.folder / "store"
    expected, writes = _undisturbed(home, store)
    for number in range(1 + shard * STRIDE, len(writes) + 1, 4 * STRIDE):

        def before(reached: int, _path: str, at: int = number) -> None:
            if reached == at:
                _HARM[harm](disk)

        failed = failure_of(lambda: run_all(home, WatchedStore(store, before)))
        _said(failed, writes[number - 1])
        disk.relieve()
        require_whole(store)
        run_all(home)
        assert records_of(home, store) == expected, writes[number - 1]
        assert logged(store) == ["shop-00000001"]
        shutil.rmtree(store)


@pytest.mark.parametrize("shard", range(2))
def test_a7_a_disk_that_fills_up_in_the_middle_of_a_write(
    shard: int, home: Path, disk: SmallDisk
) -> None:
    store = disk.folder / "store"
    expected, _ = _undisturbed(home, store)
    failures = 0
    pages = list(range(1 + shard * STRIDE, 90, 2 * STRIDE))
    for free in pages:
        disk.fill(free_pages=free)
        failures += failure_of(lambda: run_all(home)) is not None
        disk.relieve()
        require_whole(store)
        run_all(home)
        assert records_of(home, store) == expected, free
        shutil.rmtree(store)
    assert failures >= len(pages) // 2


@pytest.mark.parametrize("harm", _HARM)
@pytest.mark.parametrize("command", [("run", "shop"), ("run", "shop", "--json"), ("pin", "shop")])
def test_a7_the_command_line_says_what_to_do_and_exits_3(
    harm: str, command: tuple[str, ...], home: Path, disk: SmallDisk
) -> None:
    _HARM[harm](disk)
    called = call(*command, "--home", home)
    told = called.out + called.err
    assert called.code == 3
    assert "StoreUnwritable" in told
    assert "Traceback" not in told
    assert {"full": "Free space", "read-only": "writable"}[harm] in told
    disk.relieve()
    assert call(*command, "--home", home).code == 0


def test_a7_a_full_disk_lets_closed_runs_be_read_verified_and_told(
    home: Path, disk: SmallDisk
) -> None:
    assert call("run", "shop", "--home", home).code == 0
    disk.fill()
    for command in (
        ("verify", "shop-00000001"),
        ("show", "shop-00000001"),
        ("runs", "shop"),
        ("read", "orders", "--run", "shop-00000001"),
        ("export", "shop-00000001", "--out", str(home / "bundle.tar")),
    ):
        called = call(*command, "--home", home)
        assert called.code == 0, called.err


@pytest.mark.parametrize(("free", "orders"), [(0, 6), (9, 4000)])
def test_a7_full_scratch_is_an_outage_and_not_a_defect(
    free: int, orders: int, tmp_path: Path, disk: SmallDisk
) -> None:
    home = small_shop(tmp_path / "other", tmp_path / "store", orders=orders)
    with (home / "platform.yaml").open("a") as settings:
        settings.write(f"scratch: {disk.folder / 'scratch'}\n")
    disk.fill(free_pages=free)
    called = call("run", "shop", "--home", home)
    assert called.code == 3, called.err
    assert "Traceback" not in called.err
    assert "space" in called.err.lower()
    disk.relieve()
    assert call("run", "shop", "--home", home).code == 0
    assert call("verify", "shop-00000001", "--home", home).code == 0


@pytest.mark.parametrize("ending", ["parquet", "ndjson"])
def test_a7_an_output_on_a_full_disk_is_an_outage_and_nothing_is_left(
    ending: str, tmp_path: Path, disk: SmallDisk
) -> None:
    home = small_shop(tmp_path / "other", tmp_path / "store", orders=4000)
    assert call("run", "shop", "--home", home).code == 0
    disk.fill()
    target = disk.folder / f"orders.{ending}"
    command = ("read", "orders", "--run", "shop-00000001", "--out", target)
    called = call(*command, "--home", home)
    assert called.code == 3, called.err
    assert "Traceback" not in called.err
    assert list(disk.folder.iterdir()) == []
    disk.relieve()
    assert call(*command, "--home", home).code == 0


def _said(failed: PlatformError | None, path: str) -> None:
    """A write that fails is told, unless the run is closed already and only the log has to wait."""
    if failed is None:
        assert path.startswith("log/") or path.endswith(("log.json", "beat.1")), path
    elif isinstance(failed, StoreUnwritable):
        assert "nothing was written" in failed.found
