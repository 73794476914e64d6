"""Local copies of objects: whole, shared, bounded, and never taken away from who was handed one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.object_cache import ObjectCache
from platform_assets.errors import DependencyUnreachable, StoreUnwritable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KIB = 1024
HANDED_OUT = """
import sys
from pathlib import Path
from platform_assets.adapters.object_cache import ObjectCache

cache = ObjectCache(Path(sys.argv[1]), 4096)
for name in sys.argv[2:]:
    cache.copy("store", name, "1", 1024, lambda new: new.write_bytes(b"x" * 1024))
print("handed out", flush=True)
sys.stdin.readline()
"""


def filled(size: int = KIB, *, calls: list[Path] | None = None) -> Callable[[Path], None]:
    def fill(new: Path) -> None:
        if calls is not None:
            calls.append(new)
        new.write_bytes(b"x" * size)

    return fill


def copies(scratch: Path) -> set[str]:
    return {f.name.partition("-")[2] for f in (scratch / "objects").glob("[!.]*")}


def handed_out(scratch: Path, *names: str) -> subprocess.Popen[str]:
    """Start another process that was handed copies, and lives until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANDED_OUT, str(scratch), *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "handed out\n"
    return process


def test_a_copy_is_made_once_named_after_store_path_and_version_and_read_only(
    tmp_path: Path,
) -> None:
    cache, calls = ObjectCache(tmp_path, 100 * KIB), []
    first = cache.copy("store", "runs/x/part", "1", KIB, filled(calls=calls))
    assert cache.copy("store", "runs/x/part", "1", KIB, filled(calls=calls)) == first
    others = {
        cache.copy("other", "runs/x/part", "1", KIB, filled(calls=calls)),
        cache.copy("store", "runs/y/part", "1", KIB, filled(calls=calls)),
        cache.copy("store", "runs/x/part", "2", KIB, filled(calls=calls)),
    }
    assert len({first, *others}) == len(calls) == 4
    assert first.name.endswith("-part")
    assert first.stat().st_mode & 0o777 == 0o444


def test_what_fails_leaves_no_copy(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 100 * KIB)

    def fail(new: Path) -> None:
        new.write_bytes(b"half")
        raise DependencyUnreachable("part", expected="it", found="half of it", remedy="Try again.")

    with pytest.raises(DependencyUnreachable):
        cache.copy("store", "part", "1", KIB, fail)
    assert copies(tmp_path) == set()
    assert cache.copy("store", "part", "1", KIB, filled()).read_bytes() == b"x" * KIB


def test_a_disk_that_does_not_take_a_copy_is_told_with_a_remedy(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 100 * KIB)

    def full(new: Path) -> None:
        new.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreUnwritable, match="No space left") as refused:
        cache.copy("store", "part", "1", KIB, full)
    assert "scratch" in refused.value.remedy
    assert copies(tmp_path) == set()
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnwritable, match="Not a directory"):
        ObjectCache(tmp_path / "file", KIB).copy("store", "part", "1", KIB, filled())


def test_a_copy_of_another_size_is_made_anew(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 100 * KIB)
    path = cache.copy("store", "part", "1", KIB, filled())
    path.unlink()
    path.write_bytes(b"damaged")
    assert cache.copy("store", "part", "1", KIB, filled()).read_bytes() == b"x" * KIB


def test_a_copy_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 100 * KIB)
    cache.copy("store", "part", "1", KIB, filled()).unlink()
    assert cache.copy("store", "part", "1", KIB, filled()).exists()


def test_many_threads_share_one_copy(tmp_path: Path) -> None:
    cache, calls = ObjectCache(tmp_path, 100 * KIB), []
    with ThreadPoolExecutor(16) as pool:
        paths = set(
            pool.map(
                lambda _: cache.copy("store", "part", "1", KIB, filled(calls=calls)), range(64)
            )
        )
    assert (len(paths), len(calls)) == (1, 1)


def test_what_this_process_was_handed_is_never_removed(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 2 * KIB)
    paths = [cache.copy("store", f"{number}", "1", KIB, filled()) for number in range(20)]
    assert all(path.read_bytes() == b"x" * KIB for path in paths)


def test_beyond_the_bound_what_nobody_uses_goes_the_oldest_first(tmp_path: Path) -> None:
    ended = handed_out(tmp_path, "old", "older", "oldest")
    ended.communicate("end\n", timeout=30)
    for age, name in enumerate(("old", "older", "oldest"), start=1):
        path = next((tmp_path / "objects").glob(f"*-{name}"))
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    living = handed_out(tmp_path, "used elsewhere")
    try:
        assert copies(tmp_path) == {"old", "older", "oldest", "used elsewhere"}
        cache = ObjectCache(tmp_path, 4 * KIB)
        cache.copy("store", "new", "1", KIB, filled())
        assert copies(tmp_path) == {"old", "older", "used elsewhere", "new"}
        cache.copy("store", "big", "1", 3 * KIB, filled(3 * KIB))
        assert copies(tmp_path) == {"used elsewhere", "new", "big"}
    finally:
        living.communicate("end\n", timeout=30)
    assert copies(tmp_path) == {"used elsewhere", "new", "big"}, "a copy outlives its process"


def test_a_process_takes_its_pins_along_when_it_ends(tmp_path: Path) -> None:
    process = handed_out(tmp_path, "part")
    assert len(list(tmp_path.glob(f"*.{process.pid}.*/*-part"))) == 1
    process.communicate("end\n", timeout=30)
    assert list(tmp_path.glob(f"*.{process.pid}.*")) == []
    assert copies(tmp_path) == {"part"}


def test_scratch_that_is_swept_while_a_process_lives_is_made_anew(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 100 * KIB)
    cache.copy("store", "part", "1", KIB, filled())
    for folder in tmp_path.glob("*.*.*"):
        for pin in folder.iterdir():
            pin.unlink()
        folder.rmdir()
    assert cache.copy("store", "part", "1", KIB, filled()).exists()
    assert cache.copy("store", "other", "1", KIB, filled()).exists()
