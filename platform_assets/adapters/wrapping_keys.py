"""Wrapping keys in files: AES-256-GCM under a key that this machine holds.

A file holds one key of 32 bytes in base64. It is made on first use, for its owner alone, and is then a
development key; one that others may read is refused. Only wrapping makes a key: where a wrapped key is
to be opened and the file is not there, a new one would open nothing. The context of a wrapped key is
its authenticated data, so that it opens under no other.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from platform_assets.adapters.data_key import KEY_BYTES, derived, written_forms
from platform_assets.adapters.key_files import create_key_file
from platform_assets.canonical import canonical_bytes
from platform_assets.errors import KeyInvalid, KeyMissing, SettingsInvalid
from platform_assets.ports.keys import Wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MARKER = "platform-assets development key: made on first use, not for production\n"
_NONCE_BYTES = 12
_ID = b"platform-assets v1 id of a wrapping key"
_ID_CHARACTERS = 32
_REMEDY = "Make a key: openssl rand -base64 32 > FILE; chmod 600 FILE."


class FileWrappingKey:
    """Wraps data keys under the key in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The file."""
        return str(self._path)

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> Wrapped:
        """Encrypt a data key; a development key is made where there is none.

        Raises:
            SettingsInvalid: the file holds no usable key, or others may read it.
        """
        if not self._path.exists():
            with suppress(FileExistsError):  # another process made one at the same moment
                self._make()
        key, nonce = self._read(), secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, secret, canonical_bytes(dict(context)))
        return Wrapped(_id_of(key), nonce + sealed)

    def unwrap(self, wrapped: Wrapped, context: Mapping[str, str]) -> bytes:
        """Return the data key.

        Raises:
            KeyMissing: the file is not there.
            KeyInvalid: the key was wrapped by another one, under another context, or was changed.
            SettingsInvalid: the file holds no usable key, or others may read it.
        """
        if not self._path.exists():
            raise KeyMissing(
                f"wrapping key {self._path}",
                expected=f"the file of {wrapped.wrapping_key}",
                found="no file",
                remedy="Ask whoever wrapped it for the key, and put it there with mode 0600; or have a "
                "process that holds it read for you.",
            )
        key = self._read()
        if wrapped.wrapping_key != _id_of(key):
            raise KeyInvalid(
                f"wrapping key {self._path}",
                expected=wrapped.wrapping_key,
                found=_id_of(key),
                remedy="Put the key there that wrapped it; a new one opens nothing that stands.",
            )
        nonce, sealed = wrapped.data[:_NONCE_BYTES], wrapped.data[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, sealed, canonical_bytes(dict(context)))
        except (InvalidTag, ValueError) as error:  # ValueError: no whole nonce
            raise KeyInvalid(
                f"wrapped key of {', '.join(f'{k} {v}' for k, v in context.items())}",
                expected=f"a key wrapped for exactly this by {wrapped.wrapping_key}",
                found="one that does not open: it was changed, or wrapped for something else",
                remedy="Restore the record from a copy, or from exported evidence.",
            ) from error

    def secret_values(self) -> frozenset[str]:
        """Return how the key could be written; nothing where it is not here or not readable."""
        try:
            return written_forms(self._read())
        except (OSError, SettingsInvalid):
            return frozenset()

    def _make(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        create_key_file(self._path, f"{_MARKER}{text}\n".encode(), 0o600)

    def _read(self) -> bytes:
        mode = stat.S_IMODE(self._path.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SettingsInvalid(
                str(self._path),
                expected="a wrapping key that only its owner may read (mode 0600)",
                found=f"mode {mode:04o}",
                remedy=f"If nobody else read it: chmod 600 {self._path}. Otherwise make a new key.",
            )
        try:
            lines = self._path.read_text("ascii").removeprefix(_MARKER).split()
            key = base64.b64decode(lines[0], validate=True) if len(lines) == 1 else b""
        except (binascii.Error, UnicodeDecodeError):
            key = b""  # what stands there is not repeated: it may be a key all the same
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error
        if len(key) != KEY_BYTES:
            raise self._unusable("something else")
        return key

    def _unusable(self, found: str) -> SettingsInvalid:
        expected = f"one key of {KEY_BYTES} bytes in base64"
        return SettingsInvalid(str(self._path), expected=expected, found=found, remedy=_REMEDY)


def _id_of(key: bytes) -> str:
    return f"file:{derived(key, _ID).hex()[:_ID_CHARACTERS]}"
