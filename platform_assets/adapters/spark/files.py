"""Files of a Spark job, by path or URI: on a disk that all executors share, or in S3.

Executors write whole files under names that no other attempt has. Nothing is renamed and nothing is
overwritten: which file counts is what the driver was told by the attempt that won.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.fs as arrow_fs

if TYPE_CHECKING:
    from collections.abc import Iterator


_BLOCK = 8 * 1024**2


def is_local(uri: str) -> bool:
    """Tell whether it is a path of a disk rather than a URI."""
    return "://" not in uri


def read_bytes(uri: str) -> bytes:
    """Read a whole file."""
    with _opened(uri) as file:
        content: bytes = file.read()
        return content


def write_bytes(uri: str, content: bytes) -> None:
    """Write a whole file."""
    with _writing(uri) as file:
        file.write(content)


@contextmanager
def opened(uri: str) -> Iterator[pa.NativeFile]:
    """Open a file to be read at any place."""
    with _opened(uri) as file:
        yield file


@contextmanager
def writing(uri: str) -> Iterator[pa.NativeFile]:
    """Open a new file to be written from its beginning."""
    with _writing(uri) as file:
        yield file


def upload(path: Path, uri: str) -> None:
    """Bring a local file to where the executors share theirs."""
    with path.open("rb") as source, _writing(uri) as target:
        shutil.copyfileobj(source, target, _BLOCK)


def fetch(uri: str, path: Path) -> None:
    """Bring a file from where the executors share theirs to a local path."""
    with _opened(uri) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target, _BLOCK)


def _opened(uri: str) -> pa.NativeFile:
    files, path = _place(uri)
    return files.open_input_file(path)


def _writing(uri: str) -> pa.NativeFile:
    files, path = _place(uri)
    return files.open_output_stream(path)


def _place(uri: str) -> tuple[arrow_fs.FileSystem, str]:
    if is_local(uri):
        Path(uri).parent.mkdir(parents=True, exist_ok=True)
        return arrow_fs.LocalFileSystem(), uri
    files, path = arrow_fs.FileSystem.from_uri(uri)
    return files, path
