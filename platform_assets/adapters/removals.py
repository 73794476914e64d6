"""The removal that deletes parts from the store of a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.local_removal import LocalRemoval

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.ports.removal import Removal
    from platform_assets.settings import Settings


def open_removal(settings: Settings, home: Path) -> Removal:
    """Return what deletes parts from the store that the settings name."""
    return LocalRemoval(home / settings.store)
