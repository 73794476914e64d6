"""A store over what a run's evidence lists: that can be read, and whatever is written lies above it.

Only listed files are seen below, so that a replay in a home sees exactly what an exported archive would
give it: no later run, no correction, no revocation that came afterwards. What is hidden of them is what
is to be made again. The lower side has no way to be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from platform_assets.adapters.object_paths import check_object_path, check_prefix
from platform_assets.errors import AlreadyExists, ObjectMissing
from platform_assets.ports.store import ObjectStat

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platform_assets.ports.store import Store


class Lower(Protocol):
    """Files that can be read."""

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        ...

    def local_path(self, path: str) -> Path:
        """Return a local file with the bytes of a file."""
        ...


class Overlay:
    """A store whose objects are those of an upper store and the shown files of a lower side."""

    def __init__(self, upper: Store, lower: Lower, shown: Iterable[str]) -> None:
        self._upper = upper
        self._lower = lower
        self._shown = frozenset(shown)

    @property
    def identity(self) -> str:
        """The upper store's, because no two overlays share one."""
        return f"overlay {self._upper.identity}"

    def create(self, path: str, data: bytes) -> None:
        """Write a new object above.

        Raises:
            AlreadyExists: the path is taken, above or below.
        """
        self._refuse_shown(path)
        self._upper.create(path, data)

    def create_from(self, path: str, source: Path) -> None:
        """Write a new object above from a local file.

        Raises:
            AlreadyExists: the path is taken, above or below.
        """
        self._refuse_shown(path)
        self._upper.create_from(path, source)

    def read(self, path: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            ObjectMissing: nothing is there.
        """
        return self._lower.read(path) if path in self._shown else self._upper.read(path)

    def read_all(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return path -> bytes of those objects that are there."""
        found = {}
        for path in paths:
            try:
                found[path] = self.read(path)
            except ObjectMissing:
                continue
        return found

    def stat(self, path: str) -> ObjectStat:
        """Return size and version of an object.

        Raises:
            ObjectMissing: nothing is there.
        """
        if path not in self._shown:
            return self._upper.stat(path)
        found = self._lower.local_path(path).stat()
        return ObjectStat(path, found.st_size, f"{found.st_ino}-{found.st_mtime_ns}")

    def exists(self, path: str) -> bool:
        """Tell whether an object is there."""
        return path in self._shown or self._upper.exists(path)

    def list(self, prefix: str) -> list[str]:
        """Return the sorted paths of all objects below a folder."""
        folder = "/".join(check_prefix(prefix))
        below = {path for path in self._shown if not folder or path.startswith(f"{folder}/")}
        return sorted(below | set(self._upper.list(prefix)))

    def local_path(self, path: str) -> Path:
        """Return a local file with the object's bytes.

        Raises:
            ObjectMissing: nothing is there.
        """
        if path in self._shown:
            return self._lower.local_path(path)
        return self._upper.local_path(path)

    def make_durable(self, prefix: str) -> None:
        """Do nothing: what a replay writes is thrown away."""
        check_prefix(prefix)

    def _refuse_shown(self, path: str) -> None:
        check_object_path(path)
        if path in self._shown:
            raise AlreadyExists(
                path,
                expected="a path that is free",
                found="an object of the evidence",
                remedy="What the evidence holds does not change.",
            )
