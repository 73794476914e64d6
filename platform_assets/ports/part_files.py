"""Part files: what is known of a written part, whichever engine wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plaintext:
    """What an encrypted part holds: bytes and SHA-256 (hex) before encryption."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PartFile:
    """A written part: its name in the product, where it lies now, bytes, SHA-256 (hex), rows.

    Size and hash are those of the file as it is stored; of an encrypted one, ``plaintext`` says those
    of what it holds.
    """

    name: str
    path: Path
    size: int
    sha256: str
    rows: int
    plaintext: Plaintext | None = None

    def listed(self) -> dict[str, Any]:
        """Return what records say of the part, beside its name or path."""
        said = {"size": self.size, "sha256": self.sha256, "rows": self.rows}
        if self.plaintext is None:
            return said
        held = {"size": self.plaintext.size, "sha256": self.plaintext.sha256}
        return {**said, "plaintext": held}
