"""The behaviour of every store: create-only, whole or absent, readable as written."""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import AlreadyExists, InvalidName, ObjectMissing, RecordConflict
from platform_assets.pipeline.records import write_bytes
from platform_assets_tests.object_stores import PREFIX, open_object_store, open_s3_store
from platform_assets_tests.simulators.store import SimulatedStore

if TYPE_CHECKING:
    from platform_assets.ports.store import Store
    from platform_assets_tests.servers.azure import AzureServer

RACERS = 32
ROUNDS = int(os.environ.get("PLATFORM_TESTS_STORE_ROUNDS", "20"))
LARGE = 40 * 2**20 + 1

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


#: Servers that a test run is given: a variable -> the address of an empty bucket or container there.
GIVEN = {"gcs": "PLATFORM_TESTS_GCS", "azure": "PLATFORM_TESTS_AZURE"}
LISTED = int(os.environ.get("PLATFORM_TESTS_LISTED_OBJECTS", "1100"))


@pytest.fixture(
    params=[
        "local",
        "simulated",
        pytest.param("s3", marks=[pytest.mark.s3, pytest.mark.xdist_group("s3")]),
        pytest.param("azurite", marks=[pytest.mark.azure, pytest.mark.xdist_group("azure")]),
        *(kind for kind, variable in GIVEN.items() if variable in os.environ),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    match request.param:
        case "local":
            return LocalStore(tmp_path / "home" / "store")
        case "simulated":
            return SimulatedStore()
        case "s3":
            request.getfixturevalue("s3_credentials")
            server = request.getfixturevalue("s3_server")
            return open_s3_store(server, request.getfixturevalue("s3_bucket"), tmp_path / "scratch")
        case "azurite":
            request.getfixturevalue("azure_credentials")
            azure: AzureServer = request.getfixturevalue("azure_server")
            address = f"az://{azure.new_container()}/{PREFIX}"
            return open_object_store(address, tmp_path / "scratch", allow_http=True)
        case kind:
            return given_store(kind, tmp_path / "scratch")


def given_store(kind: str, scratch: Path) -> Store:
    """Open a store of a provider under a prefix of its own.

    The variable holds ``ADDRESS``, or ``ADDRESS ENDPOINT`` for a server that stands in for the
    provider; whatever else the provider's client needs is in its usual variables.
    """
    address, _, endpoint = os.environ[GIVEN[kind]].partition(" ")
    options = {"endpoint": endpoint} if endpoint else {}
    address = f"{address}/tests-{uuid.uuid4().hex[:16]}"
    return open_object_store(address, scratch, allow_http=True, **options)


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
    for round_number in range(ROUNDS):
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


def test_of_racing_creators_of_large_parts_one_wins(store: Store, tmp_path: Path) -> None:
    """Large parts are uploaded in pieces, and their completion is as create-only as a small write."""
    racers = 3
    sources = [tmp_path / f"{racer}.parquet" for racer in range(racers)]
    for racer, source in enumerate(sources):
        source.write_bytes(bytes([racer]) * LARGE)

    def create(racer: int) -> bool:
        try:
            store.create_from("runs/x/large", sources[racer])
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(racers) as pool:
        won = list(pool.map(create, range(racers)))
    assert won.count(True) == 1
    assert store.stat("runs/x/large").size == LARGE
    with store.local_path("runs/x/large").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == (
            hashlib.sha256(bytes([won.index(True)]) * LARGE).digest()
        )


def test_more_objects_than_a_page_holds_are_listed_as_soon_as_they_are_there(store: Store) -> None:
    paths = [f"many/{number:05d}" for number in range(LISTED)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda path: store.create(path, b""), paths))
    assert store.list("many") == paths
    store.create("many/last", b"")
    assert store.list("many") == [*paths, "many/last"]


def test_many_are_read_at_once_and_what_is_absent_is_left_out(store: Store) -> None:
    written = {f"runs/x/{number}": b"%d" % number for number in range(40)}
    for path, data in written.items():
        store.create(path, data)
    assert store.read_all([]) == {}
    assert store.read_all([*written, "runs/x/absent"]) == written
    assert store.read_all(iter(["runs/x/7"])) == {"runs/x/7": b"7"}


def test_stores_of_other_places_have_other_names(store: Store) -> None:
    store.create("runs/x", b"")
    store.make_durable("runs")
    store.make_durable("nowhere")
    assert store.identity
    assert store.identity != LocalStore(Path("elsewhere")).identity


def test_a_record_is_agreed_on_and_another_one_in_its_place_is_a_conflict(store: Store) -> None:
    write_bytes(store, "runs/x", b"first")
    write_bytes(store, "runs/x", b"first")
    with pytest.raises(RecordConflict):
        write_bytes(store, "runs/x", b"second")


def test_the_version_stays_while_the_object_is_only_read(store: Store) -> None:
    store.create("runs/x", b"first")
    before = store.stat("runs/x")
    store.read("runs/x")
    assert store.stat("runs/x") == before
