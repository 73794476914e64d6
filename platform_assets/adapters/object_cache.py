"""Local copies of an object store's objects, for engines that read files.

A copy is named after the store, the path and the version of the object, so that it never stands for
other bytes than those it was made from. It is written whole, compared and synced before it gets its
name. All processes of a home share the copies; nobody writes to one.

What a process was handed is pinned by a second name in a folder of that process, which goes when the
process ends, or is swept with what dead processes left. Where the copies take more than the bound, the
ones that were handed out longest ago go first, and never one that is pinned, by whichever process. The
bound is looked at whenever a sixteenth of it was added.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import socket
import tempfile
import threading
from collections import defaultdict
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.errors import StoreUnwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FOLDER = "objects"
_LOCK = ".lock"
_COPY_MODE = 0o444
_LOOKS_A_BOUND = 16
_NAME_DIGITS = 32

#: By scratch folder and process: the folder of its pins. They last as long as the process, because
#: engines open what they were handed when they need it.
_pins: dict[tuple[Path, int], Path] = {}
_guard = threading.Lock()


class ObjectCache:
    """The copies of one home below its scratch folder."""

    def __init__(self, scratch: Path, bound: int) -> None:
        """Keep about ``bound`` bytes of copies; nothing is made before the first one."""
        self._scratch = scratch
        self._folder = scratch / _FOLDER
        self._bound = bound
        self._added = bound  # the first addition of a process looks at the bound
        self._making: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def copy(
        self, identity: str, path: str, version: str, size: int, fill: Callable[[Path], None]
    ) -> Path:
        """Return a copy of an object, made by ``fill(file)`` if there is none.

        Args:
            identity: the store.
            path: the object.
            version: its version.
            size: its bytes; a copy of another size is none.
            fill: writes the object's bytes into a new file, and raises where they are not whole.

        Raises:
            StoreUnwritable: this machine's disk does not take the copy.
        """
        digest = hashlib.sha256(f"{identity}\0{path}\0{version}".encode()).hexdigest()
        name = f"{digest[:_NAME_DIGITS]}-{path.rpartition('/')[2]}"
        with _guard:
            making = self._making[name]
        with making, self._refusing(path):
            pins = self._own_pins()
            if not self._pinned(name, pins, size):
                self._make(name, pins, fill)
        return self._folder / name

    def _pinned(self, name: str, pins: Path, size: int) -> bool:
        """Pin a copy for this process; False where there is none of that size."""
        shared, pin = self._folder / name, pins / name
        with self._locked(fcntl.LOCK_SH):
            try:
                found = shared.stat()
            except FileNotFoundError:
                pin.unlink(missing_ok=True)
                return False
            if found.st_size != size:
                shared.unlink(missing_ok=True)
                pin.unlink(missing_ok=True)
                return False
            if pin.exists() and pin.samefile(shared):
                return True
            pin.unlink(missing_ok=True)
            os.utime(shared)  # before it is pinned: what is handed out keeps its times
            pin.hardlink_to(shared)
            return True

    def _make(self, name: str, pins: Path, fill: Callable[[Path], None]) -> None:
        new = pins / f".{name[:_NAME_DIGITS]}"
        try:
            fill(new)
            new.chmod(_COPY_MODE)
            with new.open("rb") as file:
                os.fsync(file.fileno())
            size = new.stat().st_size
            with self._locked(fcntl.LOCK_SH):
                with suppress(FileExistsError):  # another process was faster; its copy is as good
                    (self._folder / name).hardlink_to(new)
                (pins / name).hardlink_to(self._folder / name)
        finally:
            new.unlink(missing_ok=True)
        self._bounded(size)

    def _bounded(self, added: int) -> None:
        """Remove what was handed out longest ago and nobody uses, where there is too much."""
        with _guard:
            self._added += added
            if self._added * _LOOKS_A_BOUND < self._bound:
                return
            self._added = 0
        with self._locked(fcntl.LOCK_EX):
            copies = [
                (found.st_mtime_ns, found.st_size, found.st_nlink, Path(entry.path))
                for entry in os.scandir(self._folder)
                if entry.name != _LOCK
                for found in (entry.stat(follow_symlinks=False),)
            ]
            excess = sum(size for _, size, _, _ in copies) - self._bound
            for _, size, names, copy in sorted(copies):
                if excess <= 0:
                    return
                if names == 1:
                    copy.unlink()
                    excess -= size

    def _own_pins(self) -> Path:
        """Return this process's folder of pins, named as all scratch folders are."""
        own = self._scratch, os.getpid()
        with _guard:
            folder = _pins.get(own)
            if folder is None or not folder.is_dir():
                self._folder.mkdir(parents=True, exist_ok=True)
                prefix = f"{socket.gethostname()}.{os.getpid()}."
                folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self._scratch))
                atexit.register(_remove, os.getpid(), folder)
                _pins[own] = folder
            return folder

    @contextmanager
    def _refusing(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnwritable(
                f"local copy of {path}",
                expected=f"room for it in {self._folder}",
                found=error.strerror or str(error),
                remedy="Free space, use a larger disk for scratch, or lower object_store.cache_bytes; "
                "then run the step again.",
            ) from error

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Hold the lock of the copies: shared to pin one, alone to remove some."""
        file = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, kind)
            yield
        finally:
            os.close(file)


def _remove(process: int, folder: Path) -> None:
    if os.getpid() == process:  # a forked child does not take its parent's pins away
        shutil.rmtree(folder, ignore_errors=True)
