"""Searches raw files for values, as someone would who has the files and nothing else.

Each file is searched as it is, in every zstd frame that begins anywhere in it, and, where an engine
reads it as Parquet, in its rows. What was signed is searched as it was before it was encoded.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import polars as pl
import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_ZSTD = b"\x28\xb5\x2f\xfd"
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")


def found_in(root: Path, values: Iterable[str]) -> dict[str, set[str]]:
    """Return value -> the files below a folder in which it can be read."""
    wanted = {value: value.encode() for value in values}
    found: dict[str, set[str]] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        readings = b"\0".join(_readings(path))
        for value, data in wanted.items():
            if data in readings:
                found.setdefault(value, set()).add(str(path.relative_to(root)))
    return found


def _readings(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield data
    for start in (match.start() for match in re.finditer(re.escape(_ZSTD), data)):
        try:
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data[start:])
        except zstandard.ZstdError:
            continue  # not a frame, or not a whole one
    for match in _BASE64.finditer(data):
        yield base64.b64decode(match[0] + b"=" * (-len(match[0]) % 4))
    try:
        rows = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError):
        return
    for row in rows.iter_rows():
        yield repr(row).encode()
