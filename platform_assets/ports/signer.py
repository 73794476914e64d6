"""Signing and trust. Keys stay behind this port; records name them by key id."""

from __future__ import annotations

from typing import Protocol


class Signer(Protocol):
    """Signs bytes with one private key."""

    @property
    def keyid(self) -> str:
        """The key's id: the SHA-256 (hex) of the public key's DER encoding."""
        ...

    @property
    def public_key_pem(self) -> bytes:
        """The public key, PEM (SubjectPublicKeyInfo)."""
        ...

    @property
    def development(self) -> bool:
        """True for a key that was made on first use; every report says so."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the signature over the bytes, the same for the same bytes: a step may sign again."""
        ...


class Trust(Protocol):
    """The public keys whose signatures count."""

    def keyids(self) -> frozenset[str]:
        """Return the ids of all trusted keys."""
        ...

    def public_key_pem(self, keyid: str) -> bytes:
        """Return a trusted public key, PEM (SubjectPublicKeyInfo).

        Raises:
            SignerUntrusted: the key is not trusted.
        """
        ...

    def verify(self, keyid: str, data: bytes, signature: bytes) -> bool:
        """Tell whether the signature over the bytes was made by that trusted key.

        Raises:
            SignerUntrusted: the key is not trusted.
        """
        ...


class NoteSigner(Protocol):
    """Signs the closure log's checkpoints with one Ed25519 key."""

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes (RFC 8032)."""
        ...

    @property
    def development(self) -> bool:
        """True for a key that was made on first use."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the signature over the bytes, 64 bytes; the same for the same bytes."""
        ...
