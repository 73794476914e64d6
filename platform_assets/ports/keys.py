"""Wrapping keys: they encrypt data keys, and nothing else.

A data key is wrapped together with a context, which is not secret and stands in the records. It opens
only under the same context: a wrapped key that is moved to another run, product, manifest or stage is
worthless there. There are two wrapping keys, so that who builds and who reads can be two: *staging*
for those who build and certify, *release* for those who read what a certificate released.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key that only its wrapping key opens: that key's id, and the encrypted bytes."""

    wrapping_key: str
    data: bytes


class WrappingKey(Protocol):
    """Wraps and unwraps data keys; its own bytes stay behind this port."""

    @property
    def name(self) -> str:
        """How errors name the key: its file, or its id at a key service."""
        ...

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> Wrapped:
        """Encrypt a data key under a context.

        Raises:
            KeyDenied: this process may not wrap with the key in this context.
            KeyMissing: there is no such key.
            KeyServiceUnreachable: the key service did not answer.
        """
        ...

    def unwrap(self, wrapped: Wrapped, context: Mapping[str, str]) -> bytes:
        """Return the data key.

        Raises:
            KeyInvalid: it was wrapped by another key or under another context, or was changed.
            KeyDenied: this process may not unwrap with the key in this context.
            KeyMissing: there is no such key.
            KeyServiceUnreachable: the key service did not answer.
        """
        ...

    def secret_values(self) -> frozenset[str]:
        """Return what no text may hold: forms of the key, or of what gives access to it."""
        ...
