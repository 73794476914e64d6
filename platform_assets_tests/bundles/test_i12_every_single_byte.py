"""I12: of a small bundle every byte of every file, not a sample; and every file as a whole.

Each byte is changed to one other value, which depends on its place, and the whole verification runs:
over the files, and over the archive. Then each byte is changed to every other value, and what has to
notice is asked by itself: for a file at the root what opens it, for all others the digest under which
it is listed.

All of it takes half an hour of one core. ``PLATFORM_TESTS_EVERY_BYTE=1`` does it; otherwise one byte of
`_EVERY` is taken, beginning at another place each day.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.archive import open_bundle
from platform_assets.adapters.key_files import KeyTrust
from platform_assets.canonical import digest_bytes
from platform_assets.errors import BundleUnreadable, PlatformError
from platform_assets.flow.evidence import BUNDLE_FILE, LOG_ENTRY_FILE, LOG_PROOF_FILE, SEAL_FILE
from platform_assets.flow.signing import CLOSURE, EVIDENCE, open_statement
from platform_assets.flow.verification import verify
from platform_assets.flow.verification_of_log import place_in_log
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, caught_up, export_run, verify_bundle
from platform_assets.pipeline.run import Silence
from platform_assets.pipeline.verify import bundled_keys
from platform_assets_tests.shop import append, make_shop, order, redeclare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

RUN = RunId("shop", 1)
SHARDS = 4
_EVERY = 1 if os.environ.get("PLATFORM_TESTS_EVERY_BYTE") else 499
_TODAY = int(time.time() // 86_400)


class Held:
    """A bundle held in memory, one file of which may be changed."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self._known = {path: self.measured(path) for path in files}

    def measured(self, path: str) -> tuple[int, str]:
        return _measured(self.files[path])

    def put(self, path: str, data: bytes) -> None:
        self.files[path] = data
        self._known[path] = self.measured(path)

    def problems(self) -> Sequence[tuple[str, str]]:
        return ()

    def paths(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, path: str) -> bytes:
        return self.files[path]

    def fingerprints(self, paths: Iterable[str]) -> Mapping[str, tuple[int, str]]:
        return {path: self._known[path] for path in paths}


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first of two runs of a shop that sells one thing, and the second one; the home is gone."""
    target = tmp_path_factory.mktemp("every-byte")
    home = make_shop(target / "home", orders=2)
    redeclare(home, _one_product)
    platform = Platform.open(home)
    assert len(list(caught_up(platform, "shop", Silence()))) == 1
    append(home, "orders", 0, [order(8)])
    assert len(list(caught_up(platform, "shop", Silence()))) == 1
    export_run(platform, RUN, target / "folder", with_data=True)
    export_run(platform, RUN, target / "archive.tar", with_data=True)
    export_run(platform, RunId("shop", 2), target / "other", with_data=True)
    shutil.rmtree(home)
    return target


def _one_product(feed: dict[str, Any]) -> None:
    del feed["streams"]["changes"], feed["consumers"]
    feed["products"] = {"orders": feed["products"]["orders"]}


@pytest.fixture
def held(exported: Path) -> Held:
    bundle = open_bundle(exported / "folder")
    return Held({path: bundle.read(path) for path in bundle.paths()})


def _places(sizes: Mapping[str, int], shard: int) -> Iterator[tuple[str, int]]:
    """Return the places that a shard takes: each byte of each file, or one of `_EVERY`."""
    number = _TODAY
    for path, size in sorted(sizes.items()):
        for where in range(size):
            if number % _EVERY == 0 and number // _EVERY % SHARDS == shard:
                yield path, where
            number += 1


def _measured(data: bytes) -> tuple[int, str]:
    return len(data), hashlib.sha256(data).hexdigest()


def _changed(data: bytes, where: int, by: int) -> bytes:
    return data[:where] + bytes([(data[where] + by) % 256]) + data[where + 1 :]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_i12_each_byte_of_each_file_is_verified(shard: int, held: Held) -> None:
    trust = KeyTrust(bundled_keys(held))
    assert verify(held, trust, self_asserted=False).ok
    tried, survived = 0, []
    for path, where in _places({path: len(data) for path, data in held.files.items()}, shard):
        before = held.files[path]
        held.put(path, _changed(before, where, 1 + where % 255))
        if verify(held, trust, self_asserted=False).ok:
            survived.append((path, where))
        held.put(path, before)
        tried += 1
    assert survived == []
    assert tried > 10
    assert verify(held, trust, self_asserted=False).ok, "every change was undone"


@pytest.mark.parametrize("shard", range(SHARDS))
def test_i12_each_byte_of_the_archive_is_verified(
    shard: int, exported: Path, tmp_path: Path
) -> None:
    data = (exported / "archive.tar").read_bytes()
    changed = tmp_path / "changed.tar"
    tried, survived = 0, []
    for _, where in _places({"archive": len(data)}, shard):
        changed.write_bytes(_changed(data, where, 1 + where % 255))
        if _verifies(changed):
            survived.append(where)
        tried += 1
    assert survived == []
    assert tried > 10
    changed.write_bytes(data)
    assert _verifies(changed)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_i12_every_other_value_of_each_byte_is_noticed(shard: int, held: Held) -> None:
    notices = _noticing(held)
    survived = []
    for path, where in _places({path: len(data) for path, data in held.files.items()}, shard):
        noticed = notices[path]
        data = bytearray(held.files[path])
        old = data[where]
        for value in set(range(256)) - {old}:
            data[where] = value
            if not noticed(bytes(data)):
                survived.append((path, where, value))
    assert survived == []
    assert not any(noticed(held.files[path]) for path, noticed in notices.items())


def _noticing(held: Held) -> dict[str, Callable[[bytes], bool]]:
    """Return for each file what tells its bytes from others, given the rest of the bundle as it is."""
    trust = KeyTrust(bundled_keys(held))

    def opens(path: str, kind: str, data: bytes) -> bool:
        try:
            open_statement(data, trust, thing=path, predicate_type=kind)
        except PlatformError:
            return True
        return False

    bundle = open_statement(
        held.files[BUNDLE_FILE], trust, thing=BUNDLE_FILE, predicate_type=EVIDENCE
    )
    evidence, bundle_digest = bundle.predicate, digest_bytes(held.files[BUNDLE_FILE])
    of_log = {path: held.files[path] for path in (LOG_ENTRY_FILE, LOG_PROOF_FILE)}

    def unplaced(path: str, data: bytes) -> bool:
        return bool(place_in_log({**of_log, path: data}, evidence, bundle_digest, ()).problems)

    def unlisted(path: str, data: bytes) -> bool:
        return _measured(data) != listed[path]

    listed = {
        entry["path"]: (entry["size"], entry["sha256"])
        for entry in [*evidence["records"], *evidence["data"]]
    }
    found: dict[str, Callable[[bytes], bool]] = {path: partial(unlisted, path) for path in listed}
    found |= {path: partial(unplaced, path) for path in of_log}
    found[SEAL_FILE] = partial(opens, SEAL_FILE, CLOSURE)
    found[BUNDLE_FILE] = partial(opens, BUNDLE_FILE, EVIDENCE)
    assert sorted(found) == list(held.paths())
    return found


def test_i12_each_file_removed_added_renamed_and_taken_from_another_run(
    exported: Path, tmp_path: Path
) -> None:
    other = exported / "other"
    names = [p.relative_to(exported / "folder") for p in (exported / "folder").rglob("*")]
    swapped = 0
    for number, name in enumerate(n for n in names if (exported / "folder" / n).is_file()):
        folder = tmp_path / str(number)
        shutil.copytree(exported / "folder", folder)
        data = (folder / name).read_bytes()
        (folder / name).unlink()
        assert not _verifies(folder), f"without {name}"
        (folder / f"{name}.old").write_bytes(data)
        assert not _verifies(folder), f"{name} renamed"
        (folder / name).write_bytes(data)
        assert not _verifies(folder), f"{name} there twice"
        (folder / f"{name}.old").unlink()
        assert _verifies(folder), f"{name} as it was"
        same = other / str(name).replace(str(RUN), "shop-00000002")
        if same.is_file() and same.read_bytes() != data:
            (folder / name).unlink()
            (folder / name).write_bytes(same.read_bytes())
            assert not _verifies(folder), f"{name} of another run"
            swapped += 1
        shutil.rmtree(folder)
    assert swapped > 10


def _verifies(path: Path) -> bool:
    try:
        return verify_bundle(path).ok
    except BundleUnreadable:
        return False
