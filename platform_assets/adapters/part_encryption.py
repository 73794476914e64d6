"""Encrypted parts: AES-256-GCM in chunks, read and written as a stream.

1. A header: magic and version, size of a chunk, size of the plaintext, id of the part.
2. Chunks of `CHUNK_BYTES` of plaintext, the last one shorter or as long, each followed by its tag.

The nonce of a chunk is its number and whether it is the last one: the STREAM construction of Hoang,
Reyhanitabar, Rogaway and Vizár (2015), as Tink's streaming AEAD lays it out. The header is
authenticated with every chunk. So a chunk that is changed, cut off, added, moved, or taken from another
part does not open, and neither does a part under another name or with another plaintext than its
record says.

The id of a part is the digest of what it is: its place, its plaintext's size and SHA-256, and the id of
the data key. The part's key follows from the data key and this id. Nothing is random: the same part
under the same data key is the same file, whoever encrypts it. `cryptography` does the cryptography.
"""

from __future__ import annotations

import hashlib
import os
import struct
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from platform_assets.canonical import canonical_bytes
from platform_assets.ports.part_files import PartFile, Plaintext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.adapters.data_key import DataKey

#: Names the format; another layout has another name.
SCHEME = "AES-256-GCM-STREAM-v1"
CHUNK_BYTES = 1024**2
TAG_BYTES = 16

_MAGIC = b"PLATENC\x01"
_HEADER = struct.Struct(">8sIQ32s")
_NONCE = struct.Struct(">7xIB")


class Undecryptable(Exception):
    """A file is not the encrypted part that it is to be; the text says where it differs."""


def encrypt_part(part: PartFile, target: Path, data_key: DataKey, place: str) -> PartFile:
    """Write an encrypted copy of a part and return it: the sizes and hashes of both.

    Args:
        part: the part in plaintext.
        target: the file to be written.
        data_key: the key of its generation, or of its run.
        place: where the part stands in the store, without what its name says of its bytes.

    Raises:
        FileExistsError: the target exists.
        OSError: the part is not what its record says, or cannot be read or written.
    """
    plaintext = Plaintext(part.size, part.sha256)
    part_id = _part_id(place, plaintext, data_key)
    header = _HEADER.pack(_MAGIC, CHUNK_BYTES, plaintext.size, part_id)
    cipher, hashed = AESGCM(data_key.part_key(part_id)), hashlib.sha256(header)
    read = hashlib.sha256()
    size = len(header)
    with part.path.open("rb") as source, _private(target) as out:
        out.write(header)
        for nonce, length in _chunks(plaintext.size):
            chunk = source.read(length)
            read.update(chunk)
            sealed = cipher.encrypt(nonce, chunk, header)
            out.write(sealed)
            hashed.update(sealed)
            size += len(sealed)
        if source.read(1) or read.hexdigest() != plaintext.sha256:
            raise OSError(f"{part.path} changed while it was encrypted")
    return replace(part, path=target, size=size, sha256=hashed.hexdigest(), plaintext=plaintext)


def decrypt_part(
    source: Path, target: Path, data_key: DataKey, place: str, plaintext: Plaintext
) -> None:
    """Write the plaintext of an encrypted part into a file that only its owner may read.

    The file stands whole and compared with its recorded hash, or not at all.

    Raises:
        Undecryptable: it is not that part, whole and unchanged, under that key.
        FileExistsError: the target exists.
    """
    part_id = _part_id(place, plaintext, data_key)
    expected = _HEADER.pack(_MAGIC, CHUNK_BYTES, plaintext.size, part_id)
    cipher, hashed = AESGCM(data_key.part_key(part_id)), hashlib.sha256()
    with source.open("rb") as sealed, _private(target) as out:
        header = sealed.read(_HEADER.size)
        if header != expected:
            raise Undecryptable(_header_problem(header))
        for number, (nonce, length) in enumerate(_chunks(plaintext.size)):
            try:
                chunk = cipher.decrypt(nonce, sealed.read(length + TAG_BYTES), header)
            except InvalidTag as error:
                raise Undecryptable(f"chunk {number} does not authenticate") from error
            hashed.update(chunk)
            out.write(chunk)
        if sealed.read(1):
            raise Undecryptable("bytes after the last chunk")
        if hashed.hexdigest() != plaintext.sha256:
            raise Undecryptable(f"a plaintext of sha256 {hashed.hexdigest()}")


def _chunks(size: int) -> Iterator[tuple[bytes, int]]:
    """Return nonce and plaintext length of each chunk; of no bytes there is one chunk of none."""
    last = max(0, -(-size // CHUNK_BYTES) - 1)
    for number in range(last):
        yield _NONCE.pack(number, 0), CHUNK_BYTES
    yield _NONCE.pack(last, 1), size - last * CHUNK_BYTES


def _part_id(place: str, plaintext: Plaintext, data_key: DataKey) -> bytes:
    named = {
        "scheme": SCHEME,
        "place": place,
        "size": plaintext.size,
        "sha256": plaintext.sha256,
        "key_id": data_key.key_id,
    }
    return hashlib.sha256(canonical_bytes(named)).digest()


def _header_problem(header: bytes) -> str:
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        return "no encrypted part"
    return "the header of another part, or of one under another key"


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file for its owner alone; it is gone again if the writing fails."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            yield stream
    except BaseException:
        path.unlink()
        raise
