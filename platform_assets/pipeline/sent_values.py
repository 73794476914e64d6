"""The digest of what was sent: of the values alone, in whatever order and partition they stand.

Each value is hashed with SHA-256, the eight 32-bit words of the hashes are summed without overflow, and
the digest is the SHA-256 over the number of values and the sums. So a producer and a reader come to the
same digest if, and only if, they have the same values equally often, and a record that was not
acknowledged can be taken out afterwards, when its value is long gone.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

_HASH_BYTES = 32
_HELD = 4096
_READ = 65_536


class SentValues:
    """The hashes of the values that were sent, in the order of sending, in a file of 32 bytes each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: list[bytes] = []
        self.count = 0

    def add(self, value: bytes | None) -> None:
        """Note a value; None is a tombstone."""
        self._held.append(_hashed(value))
        self.count += 1
        if len(self._held) == _HELD:
            self._flush()

    def digest(self, without: Collection[int] = ()) -> str:
        """Return the digest of all values but those with these numbers, counted from 0."""
        self._flush()
        left_out = np.array(sorted(without), np.int64)
        sums, first = np.zeros(8, np.uint64), 0
        with self._path.open("rb") as file:
            while data := file.read(_READ * _HASH_BYTES):
                words = np.frombuffer(data, "<u4").reshape(-1, 8)
                kept = np.ones(len(words), np.bool_)
                here = (left_out >= first) & (left_out < first + len(words))
                kept[left_out[here] - first] = False
                sums += words[kept].sum(axis=0, dtype=np.uint64)
                first += len(words)
        return _digest(self.count - len(left_out), sums.tolist())

    def _flush(self) -> None:
        with self._path.open("ab") as file:
            file.write(b"".join(self._held))
        self._held.clear()


def digest_of_values(values: Iterable[bytes | None]) -> str:
    """Return the digest of values that were read, to be compared with what a ledger says."""
    sums, count = [0] * 8, 0
    for value in values:
        words = np.frombuffer(_hashed(value), "<u4").tolist()
        sums = [total + word for total, word in zip(sums, words, strict=True)]
        count += 1
    return _digest(count, sums)


def _hashed(value: bytes | None) -> bytes:
    return hashlib.sha256(b"\0" if value is None else b"\1" + value).digest()


def _digest(count: int, sums: list[int]) -> str:
    data = b"".join(number.to_bytes(8, "big") for number in (count, *sums))
    return "sha256:" + hashlib.sha256(data).hexdigest()
