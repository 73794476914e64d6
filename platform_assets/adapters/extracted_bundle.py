"""The files of an exported bundle as local files, each copied out when an engine first reads it.

A copy belongs to the folder in which the bundle is worked with, and is gone with it. That its bytes are
the listed ones is compared by whoever relies on them, as with every store.
"""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

_PIECE = 1 << 20


class Files(Protocol):
    """An exported bundle, opened."""

    def paths(self) -> Sequence[str]:
        """Return the paths of all files, sorted."""
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        ...

    def open(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """Open a file for reading."""
        ...


class ExtractedBundle:
    """A bundle whose files can be had as local files below a folder."""

    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._folder = folder

    def paths(self) -> Sequence[str]:
        """Return the paths of all files."""
        return self._files.paths()

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        return self._files.read(path)

    def local_path(self, path: str) -> Path:
        """Return a local file with the bytes of a file; it is copied when it is first asked for."""
        target = self._folder / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{secrets.token_hex(8)}.copying")
            with self._files.open(path) as stream, part.open("xb") as copy:
                shutil.copyfileobj(stream, copy, _PIECE)
            with suppress(FileExistsError):  # another thread was first, with the same bytes
                part.rename(target)
        return target
