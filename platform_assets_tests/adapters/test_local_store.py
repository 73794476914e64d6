"""What the local store promises beyond the port: durable, whole after a crash, never through links."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters import local_folders, local_store
from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import (
    AlreadyExists,
    DependencyUnreachable,
    ObjectMissing,
    PartNotRegular,
    StoreUnwritable,
    UnknownOutcome,
)

if TYPE_CHECKING:
    from pathlib import Path

RACE = """
import sys
from pathlib import Path
from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import AlreadyExists
store, racer = LocalStore(Path(sys.argv[1])), sys.argv[2].encode()
sys.stdin.read(1)
won = []
for n in range(50):
    try:
        store.create(f"race/{n}/object", racer * 5000)
    except AlreadyExists:
        continue
    won.append(n)
print(*won)
"""

DIE = """
import os, signal, sys
from pathlib import Path
from platform_assets.adapters.local_store import LocalStore
real = getattr(os, sys.argv[2])
calls = 0
def dying(*args, **kwargs):
    global calls
    calls += 1
    if calls == int(sys.argv[3]) and sys.argv[4] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(*args, **kwargs)
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(os, sys.argv[2], dying)
store = LocalStore(Path(sys.argv[1]))
if sys.argv[5] == "create":
    store.create("runs/x/object", b"whole" * 1000)
else:
    source = Path(sys.argv[1]).with_name("source")
    source.write_bytes(b"whole" * 1000)
    store.create_from("runs/x/object", source)
"""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_of_racing_processes_one_wins_each_object(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path / "store"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in "abcd"
    ]
    won = []
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"x")
        racer.stdin.flush()
    for name, racer in zip(b"abcd", racers, strict=True):
        out, _ = racer.communicate(timeout=60)
        assert racer.returncode == 0
        won += [(int(n), name) for n in out.split()]
    assert sorted(n for n, _ in won) == list(range(50))
    store = LocalStore(tmp_path / "store")
    for n, name in won:
        assert store.read(f"race/{n}/object") == bytes([name]) * 5000


@pytest.mark.crash
@pytest.mark.parametrize("act", ["create", "create_from"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("call", "nth"),
    [
        ("mkdir", 1),
        ("fsync", 1),
        ("fsync", 2),
        ("fsync", 3),
        ("fsync", 4),
        ("fchmod", 1),
        ("link", 1),
        ("unlink", 1),
    ],
)
def test_i15_a_kill_at_any_call_leaves_no_object_or_a_whole_one(
    tmp_path: Path, call: str, nth: int, moment: str, act: str
) -> None:
    root = tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "-c", DIE, str(root), call, str(nth), moment, act], check=False
    )
    killed = done.returncode == -signal.SIGKILL
    assert killed or (done.returncode, act) == (0, "create_from")  # which moves: fewer calls
    store = LocalStore(root)
    assert store.list("") in ([], ["runs/x/object"])
    try:
        store.create("runs/x/object", b"whole" * 1000)
    except AlreadyExists:
        assert not killed or (call, moment) != ("link", "before")
    assert store.read("runs/x/object") == b"whole" * 1000
    assert store.list("") == ["runs/x/object"]


def test_a_left_over_temporary_file_is_never_listed(store: LocalStore, tmp_path: Path) -> None:
    store.create("a", b"")
    (tmp_path / "store" / ".incoming" / "4711-left").write_bytes(b"half")
    assert store.list("") == ["a"]


def test_nothing_is_left_behind_in_the_hidden_folder(store: LocalStore, tmp_path: Path) -> None:
    store.create("a", b"")
    with pytest.raises(AlreadyExists):
        store.create("a", b"")
    assert list((tmp_path / "store" / ".incoming").iterdir()) == []


def test_objects_and_moved_files_are_read_only(store: LocalStore, tmp_path: Path) -> None:
    store.create("a", b"")
    source = tmp_path / "source"
    source.write_bytes(b"rows")
    store.create_from("b", source)
    assert not source.exists()
    for path in "ab":
        assert store.local_path(path).stat().st_mode & 0o777 == 0o444


def test_a_file_of_another_file_system_is_copied_in(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"rows" * 1_000_000)
    real = os.link

    def across(name: object, target: object, **folders: object) -> None:
        if folders["src_dir_fd"] is None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(name, target, **folders)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", across)
    store.create_from("part", source)
    assert store.read("part") == b"rows" * 1_000_000
    assert not source.exists()
    assert store.list("") == ["part"]


def test_a_link_in_place_of_an_object_is_refused_and_listed(
    store: LocalStore, tmp_path: Path
) -> None:
    store.create("runs/x/real", b"rows")
    folder = tmp_path / "store" / "runs" / "x"
    (folder / "link").symlink_to(folder / "real")
    (folder / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "fifo")
    assert store.list("runs") == [f"runs/x/{n}" for n in ("dangling", "fifo", "link", "real")]
    for name in ("link", "dangling", "fifo"):
        for ask in (store.read, store.stat, store.local_path):
            with pytest.raises(PartNotRegular):
                ask(f"runs/x/{name}")
        with pytest.raises(AlreadyExists):
            store.create(f"runs/x/{name}", b"")
    assert not (tmp_path / "nowhere").exists()


def test_a_linked_folder_is_not_a_way_in_or_out(store: LocalStore, tmp_path: Path) -> None:
    store.create("runs/x/real", b"rows")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (tmp_path / "store" / "runs" / "y").symlink_to(outside)
    assert store.list("runs") == ["runs/x/real", "runs/y"]
    for ask in (store.read, store.stat, store.local_path, store.exists, store.list):
        with pytest.raises(PartNotRegular):
            ask("runs/y/secret")
    with pytest.raises(PartNotRegular):
        store.create("runs/y/new", b"")
    assert sorted(p.name for p in outside.iterdir()) == ["secret"]


def test_a_linked_source_is_refused(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"rows")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PartNotRegular):
        store.create_from("part", tmp_path / "link")
    with pytest.raises(ObjectMissing):
        store.create_from("part", tmp_path / "absent")
    assert store.list("") == []


def test_the_version_changes_with_the_bytes(store: LocalStore, tmp_path: Path) -> None:
    store.create("part", b"rows")
    before = store.stat("part")
    file = tmp_path / "store" / "part"
    times = file.stat()
    file.chmod(0o644)
    file.write_bytes(b"ROWS")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # hides it from mtime, not ctime
    assert store.stat("part").version != before.version


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.ENOSPC, "Free space"), (errno.EROFS, "writable"), (errno.EIO, "disk")],
)
def test_a_disk_that_refuses_is_said_with_its_remedy_and_leaves_nothing(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, word: str
) -> None:
    def full(_file: int, _data: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(local_store.os, "write", full)
        with pytest.raises(StoreUnwritable, match="nothing was written") as refused:
            store.create("runs/x", b"rows")
    assert word in refused.value.remedy
    assert store.list("") == []
    assert list((tmp_path / "store" / ".incoming").iterdir()) == []
    store.create("runs/x", b"rows")


def test_a_sync_that_fails_after_the_link_is_an_unknown_outcome(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("runs/first", b"")
    real, calls = os.fsync, []

    def failing(file: int) -> None:
        calls.append(file)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        real(file)

    monkeypatch.setattr(local_store.os, "fsync", failing)
    with pytest.raises(UnknownOutcome, match="after the object was created"):
        store.create("runs/x", b"rows")
    assert store.read("runs/x") == b"rows"


def test_a_root_that_is_no_folder_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = LocalStore(tmp_path / "file")
    with pytest.raises(StoreUnwritable, match="Not a directory"):
        store.create("a", b"")
    with pytest.raises(DependencyUnreachable, match="Not a directory"):
        store.read("a")


def test_of_folders_that_were_synced_few_are_remembered_and_each_is_synced_when_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that lives long makes folders without end."""
    monkeypatch.setattr(local_folders, "_REMEMBERED", 10)
    synced: list[int] = []
    fsync = os.fsync

    def noting(file: int) -> None:
        synced.append(os.fstat(file).st_ino)
        fsync(file)

    monkeypatch.setattr(os, "fsync", noting)
    store = LocalStore(tmp_path / "store")
    for number in range(50):
        store.create(f"runs/{number}/object", b"data")
        assert len(store._folders._durable) <= 10
    for path in (tmp_path / "store" / "runs").iterdir():
        assert path.stat().st_ino in synced  # for the object in it
    assert synced.count((tmp_path / "store" / "runs").stat().st_ino) >= 50  # for each folder in it
