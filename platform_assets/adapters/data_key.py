"""A data key: 32 random bytes that encrypt the parts of one generation, or of one run before it.

A data key never encrypts anything itself. Each part has a key of its own, derived from the data key and
from what the part is: its place, the size and the SHA-256 of its plaintext. So one key never meets two
plaintexts, nonces can be counted, and the same part under the same data key is the same ciphertext. A
data key has a public id, derived from it one way, that records name and that shows a wrong key before
anything is decrypted with it.

The derivation is HKDF-SHA256 (RFC 5869) of the `cryptography` library.
"""

from __future__ import annotations

import base64
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_ID = b"platform-assets v1 id of a data key"
_PART = b"platform-assets v1 key of a part\0"


class DataKey:
    """A data key in memory. It does not print and does not pickle."""

    __slots__ = ("_secret", "key_id")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(secret)}")
        self._secret = secret
        self.key_id = derived(secret, _ID).hex()

    @classmethod
    def new(cls) -> DataKey:
        """Return a key that nobody had before."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @property
    def secret(self) -> bytes:
        """The key itself, to be wrapped."""
        return self._secret

    def part_key(self, part_id: bytes) -> bytes:
        """Return the key of one part, by the part's id."""
        return derived(self._secret, _PART + part_id)

    def __repr__(self) -> str:
        return f"DataKey({self.key_id[:12]})"

    def __reduce__(self) -> str:
        raise TypeError("a data key does not leave the process")


def derived(secret: bytes, info: bytes) -> bytes:
    """Return 32 bytes that follow from a secret and a purpose, and tell nothing of the secret."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret)


def written_forms(secret: bytes) -> frozenset[str]:
    """Return how a secret could come to stand in a text."""
    plain, url_safe = base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode()
    return frozenset({secret.hex(), plain, plain.rstrip("="), url_safe, url_safe.rstrip("=")})
