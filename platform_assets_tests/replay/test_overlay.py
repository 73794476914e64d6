"""An overlay shows what it is told to, hides the rest, and writes above only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import AlreadyExists, InvalidName, ObjectMissing
from platform_assets.pipeline.overlay import Overlay

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lower(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "lower")
    for path in ("a/shown", "a/hidden", "b/shown"):
        store.create(path, path.encode())
    return store


@pytest.fixture
def overlay(tmp_path: Path, lower: LocalStore) -> Overlay:
    return Overlay(LocalStore(tmp_path / "upper"), lower, ["a/shown", "b/shown"])


def test_shown_files_are_read_and_hidden_ones_are_not_there(overlay: Overlay) -> None:
    assert overlay.read("a/shown") == b"a/shown"
    assert overlay.local_path("a/shown").read_bytes() == b"a/shown"
    assert overlay.stat("a/shown").size == 7
    assert overlay.list("a") == ["a/shown"]
    assert overlay.list("") == ["a/shown", "b/shown"]
    assert not overlay.exists("a/hidden")
    for read in (overlay.read, overlay.local_path, overlay.stat):
        with pytest.raises(ObjectMissing):
            read("a/hidden")
    assert overlay.read_all(["a/shown", "a/hidden"]) == {"a/shown": b"a/shown"}


def test_what_is_written_lies_above(overlay: Overlay, lower: LocalStore, tmp_path: Path) -> None:
    overlay.create("a/hidden", b"new")
    (tmp_path / "part").write_bytes(b"part")
    overlay.create_from("a/part", tmp_path / "part")
    overlay.make_durable("a")
    assert overlay.read("a/hidden") == b"new"
    assert overlay.list("a") == ["a/hidden", "a/part", "a/shown"]
    assert lower.read("a/hidden") == b"a/hidden"
    assert not lower.exists("a/part")


def test_a_shown_file_is_never_replaced(overlay: Overlay, tmp_path: Path) -> None:
    with pytest.raises(AlreadyExists):
        overlay.create("a/shown", b"a/shown")
    (tmp_path / "part").write_bytes(b"part")
    with pytest.raises(AlreadyExists):
        overlay.create_from("a/shown", tmp_path / "part")
    assert (tmp_path / "part").exists()
    with pytest.raises(InvalidName):
        overlay.create("../a", b"")
