"""What the gate asks of any product, of one run or of one day, before it is opened.

The steps that do not depend on what the product was made from are the same for both: its newest
generation is complete, its manifest is the one that was asked for, and a certificate of exactly this
manifest passed the declared policy under a trusted key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.gate import Sealed


class Asked(Protocol):
    """What stands in the store for one product that is asked for: raw bytes, or None for nothing."""

    @property
    def thing(self) -> str:
        """How errors name the product."""

    @property
    def named(self) -> Mapping[str, str]:
        """The fields by which each of its records says what it belongs to."""

    @property
    def manifest_kind(self) -> str:
        """The kind of record that is its manifest."""

    @property
    def certificate_kind(self) -> str:
        """The kind of record that is its certificate."""

    @property
    def generation(self) -> int | None:
        """The newest generation, complete or not."""

    @property
    def manifest(self) -> bytes | None:
        """The manifest of that generation."""

    @property
    def certificate(self) -> bytes | None:
        """The newest certificate of that generation."""

    @property
    def policy(self) -> Mapping[str, Any]:
        """The policy that is declared now."""

    @property
    def sealed(self) -> Sealed | None:
        """What the evidence of a closed run says of it."""

    @property
    def look(self) -> str:
        """The command that shows its checks."""

    def command(self, verb: str) -> str:
        """Return the command that does something to the product."""
