"""The removal that deletes parts from the store of a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.local_removal import LocalRemoval
from platform_assets.adapters.object_address import is_address, parse_address

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.ports.removal import Removal
    from platform_assets.settings import Settings


def open_removal(settings: Settings, home: Path) -> Removal:
    """Return what deletes parts from the store that the settings name; nothing is asked of it yet.

    Raises:
        SettingsInvalid: the settings name no store.
    """
    if not is_address(settings.store):
        return LocalRemoval(home / settings.store)
    from platform_assets.adapters.object_removal import ObjectRemoval  # noqa: PLC0415 - slow to load

    return ObjectRemoval(parse_address(settings.store), settings.object_store)
