"""The behaviour of every store: create-only, whole or absent, readable as written."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import AlreadyExists, InvalidName, ObjectMissing
from platform_assets_tests.simulators.store import SimulatedStore

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.ports.store import Store

RACERS = 32

CLIMBING = [
    "",
    "/etc/passwd",
    "../outside",
    "runs/../../outside",
    "runs/./x",
    "runs//x",
    "runs/x/",
    "runs\\x",
    "runs/x\0",
    "runs/x\n",
    ".incoming/x",
    "runs/.hidden",
    "runs/ä",
    "runs/" + "x" * 300,
    "x/" * 500 + "x",
]


@pytest.fixture(params=["local", "simulated"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return LocalStore(tmp_path / "home" / "store") if request.param == "local" else SimulatedStore()


def test_what_was_created_is_read_as_it_was_written(store: Store) -> None:
    for path, data in (
        ("a", b""),
        ("runs/x/0001.claim", b"\0\xff"),
        ("runs/x/big", b"x" * 5_000_000),
    ):
        store.create(path, data)
        assert store.read(path) == data
        assert store.stat(path).size == len(data)
        assert store.exists(path)
        assert store.local_path(path).read_bytes() == data


def test_a_path_that_is_taken_is_refused_even_for_the_same_bytes(store: Store) -> None:
    store.create("runs/x", b"first")
    for data in (b"first", b"second"):
        with pytest.raises(AlreadyExists):
            store.create("runs/x", data)
    assert store.read("runs/x") == b"first"


def test_a_file_is_moved_in_and_a_taken_path_leaves_the_file_alone(
    store: Store, tmp_path: Path
) -> None:
    source = tmp_path / "part.parquet"
    source.write_bytes(b"rows")
    store.create_from("runs/x/part", source)
    assert store.read("runs/x/part") == b"rows"
    source.unlink(missing_ok=True)
    source.write_bytes(b"other rows")
    with pytest.raises(AlreadyExists):
        store.create_from("runs/x/part", source)
    assert source.read_bytes() == b"other rows"
    assert store.read("runs/x/part") == b"rows"


def test_nothing_is_there_is_told_by_every_way_of_asking(store: Store) -> None:
    store.create("runs/x/part", b"rows")
    for path in ("absent", "runs/absent", "runs/x", "runs/x/part/below"):
        assert not store.exists(path)
        for ask in (store.read, store.stat, store.local_path):
            with pytest.raises(ObjectMissing):
                ask(path)


@pytest.mark.parametrize("path", CLIMBING)
def test_a_path_that_climbs_hides_or_is_not_portable_is_refused(store: Store, path: str) -> None:
    with pytest.raises(InvalidName):
        store.create(path, b"")
    with pytest.raises(InvalidName):
        store.read(path)
    with pytest.raises(InvalidName):
        store.stat(path)
    with pytest.raises(InvalidName):
        store.exists(path)
    assert store.list("") == []


def test_a_listing_is_sorted_recursive_and_ends_at_the_folder(store: Store) -> None:
    for path in ("runs/b/2", "runs/b/10", "runs/a", "runs2/c", "log/1"):
        store.create(path, b"")
    assert store.list("runs") == ["runs/a", "runs/b/10", "runs/b/2"]
    assert store.list("runs/") == store.list("runs")
    assert store.list("") == ["log/1", "runs/a", "runs/b/10", "runs/b/2", "runs2/c"]
    assert store.list("nowhere") == []


def test_of_32_racing_creators_one_wins_and_the_object_is_its_own(store: Store) -> None:
    for round_number in range(20):
        path = f"race/{round_number}"
        start = threading.Barrier(RACERS)

        def create(racer: int, path: str = path, start: threading.Barrier = start) -> bool:
            start.wait()
            try:
                store.create(path, b"%d" % racer * 1000)
            except AlreadyExists:
                return False
            return True

        with ThreadPoolExecutor(RACERS) as pool:
            won = list(pool.map(create, range(RACERS)))
        assert won.count(True) == 1
        assert store.read(path) == b"%d" % won.index(True) * 1000


def test_the_version_stays_while_the_object_is_only_read(store: Store) -> None:
    store.create("runs/x", b"first")
    before = store.stat("runs/x")
    store.read("runs/x")
    assert store.stat("runs/x") == before
