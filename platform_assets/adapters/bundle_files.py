"""The files of an evidence bundle that was exported to a directory.

A bundle has ``seal.json`` and ``bundle.json`` at its root; every other path is that of the store. Only
regular files count, and no link is followed; whatever else stands there is a problem to be reported.
"""

from __future__ import annotations

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from platform_assets.adapters.local_folders import Folders, opened_file
from platform_assets.errors import ObjectMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


class DirectoryBundle:
    """A bundle that was exported to a directory."""

    def __init__(self, root: Path) -> None:
        self._folders = Folders(root)
        self._paths: list[str] = []
        self._problems: list[tuple[str, str]] = []
        for folder, names, files in os.walk(root):
            for name in (*names, *files):
                self._take(Path(folder, name), root)
        self._paths.sort()

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return what is no regular file, or has a name that no export writes."""
        return self._problems

    def paths(self) -> Sequence[str]:
        """Return the paths of all regular files, sorted."""
        return self._paths

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        with self.open(path) as stream:
            return stream.read()

    def fingerprints(self, paths: Iterable[str]) -> Mapping[str, tuple[int, str]]:
        """Return size and SHA-256 of files, hashed on all cores in bounded memory."""
        return fingerprints(paths, self._fingerprint)

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """Open a file that `paths` names."""
        *folder, name = path.split("/")
        with (
            self._folders.open(tuple(folder)) as descriptor,
            opened_file(name, path, descriptor) as file,
            os.fdopen(os.dup(file), "rb") as stream,
        ):
            yield stream

    def _fingerprint(self, path: str) -> tuple[int, str]:
        with self.open(path) as stream:
            return fingerprint(stream)

    def _take(self, found: Path, root: Path) -> None:
        mode = found.lstat().st_mode
        path = found.relative_to(root).as_posix()
        if stat.S_ISREG(mode) and path.isascii():
            self._paths.append(path)
        elif not stat.S_ISDIR(mode):
            self._problems.append((ascii(path), "is not a regular file with a plain name"))


def fingerprint(stream: IO[bytes]) -> tuple[int, str]:
    """Return size and SHA-256 (hex) of what is left of a stream."""
    digest = hashlib.file_digest(stream, "sha256")  # type: ignore[arg-type] # any binary stream
    return stream.tell(), digest.hexdigest()


def fingerprints(
    paths: Iterable[str], of: Callable[[str], tuple[int, str]]
) -> dict[str, tuple[int, str]]:
    """Return the fingerprints of files, several at a time; a file that vanished has none."""

    def each(path: str) -> tuple[str, tuple[int, str] | None]:
        try:
            return path, of(path)
        except ObjectMissing:
            return path, None

    with ThreadPoolExecutor() as pool:
        found = pool.map(each, paths)
        return {path: known for path, known in found if known is not None}
