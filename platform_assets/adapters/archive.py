"""Exporting evidence, as a directory or as one archive, and opening either.

An archive is a plain tar in one canonical form: members sorted by path, the root files among them;
headers that follow from path and size alone (mode 0444, no owner, time 0); zero padding; two zero
blocks at the end and nothing after. The same bundle gives the same archive, byte for byte. When an
archive is opened, every header, padding and the end are compared with what the canonical form would
have there; the contents are compared by hash. So there is no byte that could change unseen.

Contents are read and written in pieces, so that memory stays bounded for any size.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import tarfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from platform_assets.adapters.bundle_files import DirectoryBundle, fingerprints
from platform_assets.adapters.local_folders import sync_folder
from platform_assets.errors import AlreadyExists, BundleUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

_BLOCK = 512
_END = b"\0" * (2 * _BLOCK)
_PIECE = 1 << 20
_LONGEST_HEADER = 16 * _BLOCK


class Openable(Protocol):
    """A bundle whose files can be opened."""

    def open(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """Open a file for reading."""
        ...


class ArchiveBundle:
    """A bundle in one tar file. Files are found by an index that is made when it is opened."""

    def __init__(self, path: Path) -> None:
        """Index the archive and compare everything but the contents with the canonical form.

        Raises:
            BundleUnreadable: it cannot be read as a tar at all.
        """
        self._path = path
        self._members: dict[str, tuple[int, int]] = {}
        self._problems: list[tuple[str, str]] = []
        with path.open("rb") as file:
            try:
                self._index(file)
            except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
                self._problems.append((path.name, f"is not a whole archive: {error}"))

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return whatever an export would have written otherwise."""
        return self._problems

    def paths(self) -> Sequence[str]:
        """Return the paths of all members, sorted."""
        return sorted(self._members)

    def read(self, path: str) -> bytes:
        """Return the bytes of a member."""
        with self.open(path) as stream:
            return stream.read()

    def fingerprints(self, paths: Iterable[str]) -> Mapping[str, tuple[int, str]]:
        """Return size and SHA-256 of members, hashed on all cores in bounded memory."""
        return fingerprints(paths, self._fingerprint)

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """Open a member that `paths` names."""
        start, size = self._members[path]
        with self._path.open("rb") as file:
            file.seek(start)
            yield io.BufferedReader(_Slice(file, size))

    def _fingerprint(self, path: str) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        with self.open(path) as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
                size += len(piece)
        return size, digest.hexdigest()

    def _index(self, file: IO[bytes]) -> None:
        reached, before = 0, ""
        for member in tarfile.open(fileobj=file, mode="r:"):  # noqa: SIM115 - the file is ours
            name, start = member.name, member.offset_data
            if member.offset != reached or not 0 < start - reached <= _LONGEST_HEADER:
                self._problems.append((ascii(name), "does not begin where the one before ended"))
                return
            if name <= before:
                self._problems.append((ascii(name), "does not stand where its path sorts"))
            file.seek(reached)
            if file.read(start - reached) != canonical_header(name, member.size):
                self._problems.append((ascii(name), "has another header than an export writes"))
            end = start + member.size
            reached = end + -end % _BLOCK
            file.seek(end)
            if file.read(reached - end) != b"\0" * (reached - end):
                self._problems.append((ascii(name), "has bytes behind its end"))
            self._members[name] = (start, member.size)
            before = name
            file.seek(reached)
        file.seek(reached)
        if file.read(len(_END) + 1) != _END:
            self._problems.append((self._path.name, "does not end as an export ends"))


class _Slice(io.RawIOBase):
    """The next so many bytes of a file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # as the docs say
        piece = self._file.read(min(len(buffer), self._left))
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)


def open_bundle(path: Path) -> DirectoryBundle | ArchiveBundle:
    """Open an exported bundle: a directory or an archive.

    Raises:
        BundleUnreadable: there is neither.
    """
    if path.is_dir():
        return DirectoryBundle(path)
    if path.is_file() and tarfile.is_tarfile(path):
        return ArchiveBundle(path)
    raise BundleUnreadable(
        str(path),
        expected="a bundle: a directory with seal.json and bundle.json, or an archive of one",
        found="neither" if path.exists() else "nothing",
        remedy="Write one: platform-assets export RUN --out FILE.tar",
    )


def export_bundle(source: Openable, paths: Iterable[str], target: Path) -> None:
    """Write files of a bundle to ``target``: an archive if it ends in ``.tar``, else a directory.

    The target appears whole or not at all.

    Raises:
        AlreadyExists: something stands there.
    """
    if target.exists() or target.is_symlink():
        raise AlreadyExists(
            str(target),
            expected="a path that is free",
            found="a file or directory",
            remedy="Choose another --out, or move what stands there.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        if target.suffix == ".tar":
            _write_archive(source, sorted(paths), temporary)
        else:
            _write_directory(source, sorted(paths), temporary)
        temporary.rename(target)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def canonical_header(path: str, size: int) -> bytes:
    """Return the header blocks of a member: they follow from its path and size alone."""
    member = tarfile.TarInfo(path)
    member.size, member.mode, member.mtime = size, 0o444, 0
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _write_archive(source: Openable, paths: Sequence[str], target: Path) -> None:
    with target.open("xb") as archive:
        for path in paths:
            with source.open(path) as stream:
                size = stream.seek(0, io.SEEK_END)
                stream.seek(0)
                archive.write(canonical_header(path, size))
                shutil.copyfileobj(stream, archive, _PIECE)
            archive.write(b"\0" * (-archive.tell() % _BLOCK))
        archive.write(_END)
        archive.flush()
        os.fsync(archive.fileno())


def _write_directory(source: Openable, paths: Sequence[str], target: Path) -> None:
    for path in paths:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with source.open(path) as stream, file.open("xb") as copy:
            shutil.copyfileobj(stream, copy, _PIECE)
            copy.flush()
            os.fsync(copy.fileno())
