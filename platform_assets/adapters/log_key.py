"""The closure log's own key: Ed25519, because that is what readers of C2SP checkpoints verify."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from platform_assets.adapters.key_files import signer_from_environment, signer_from_file
from platform_assets.errors import SettingsInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.adapters.key_files import KeySigner


class LogKeySigner:
    """Signs checkpoints with an Ed25519 key that is held in memory."""

    def __init__(self, signer: KeySigner, thing: str) -> None:
        """Take a key; ``thing`` names where it came from.

        Raises:
            SettingsInvalid: it is no Ed25519 key.
        """
        key = load_pem_public_key(signer.public_key_pem)
        if not isinstance(key, Ed25519PublicKey):
            raise SettingsInvalid(
                thing,
                expected="an Ed25519 key in PEM, for the checkpoints of the closure log",
                found="a key of another kind",
                remedy="Make one: openssl genpkey -algorithm ed25519 -out log.pem; chmod 600 log.pem.",
            )
        self._signer = signer
        self._public_key = key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes."""
        return self._public_key

    @property
    def development(self) -> bool:
        """True for a key that was made on first use."""
        return self._signer.development

    def sign(self, data: bytes) -> bytes:
        """Return the signature over the bytes, 64 bytes."""
        return self._signer.sign(data)


def log_signer(path: Path, variable: str | None = None) -> LogKeySigner:
    """Read the log's key from an environment variable, if one is named, else from its file.

    Where there is no file a development key is made.

    Raises:
        SettingsInvalid: the key is unusable, or others may read it.
    """
    if variable:
        return LogKeySigner(signer_from_environment(variable), f"environment variable {variable}")
    return LogKeySigner(signer_from_file(path, ed25519=True), str(path))


def made_origin(public_key: bytes) -> str:
    """Return a name for a log that was given none, made of the key that it begins under."""
    return f"platform-assets.local/{hashlib.sha256(public_key).hexdigest()[:16]}"
