"""A closure log's key in memory; each seed is another key."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from platform_assets.flow.checkpoint import LogSigner


class LogKeyInMemory:
    development = False

    def __init__(self, seed: int = 1) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))
        self.public_key = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


def log_in_memory(seed: int = 1, origin: str = "log.test/closures") -> LogSigner:
    return LogSigner(origin, LogKeyInMemory(seed))
