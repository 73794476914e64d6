"""Opens the store that a home's settings name: a folder, or a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.local_store import LocalStore
from platform_assets.adapters.object_address import is_address, parse_address
from platform_assets.adapters.object_cache import ObjectCache
from platform_assets.errors import SettingsInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.ports.store import Store
    from platform_assets.settings import Settings


def open_store(settings: Settings, home: Path) -> Store:
    """Open a home's store; nothing is asked of it yet.

    Raises:
        SettingsInvalid: the settings name no store that can be opened.
    """
    if not is_address(settings.store):
        return LocalStore(home / settings.store)
    address, options = parse_address(settings.store), settings.object_store
    if options.endpoint and options.endpoint.startswith("http://") and not options.allow_http:
        raise SettingsInvalid(
            f"object_store.endpoint {options.endpoint}",
            expected="an https address, or `allow_http: true` beside it",
            found="an address without TLS",
            remedy="Correct `object_store` in platform.yaml.",
        )
    # a folder, which most homes have, needs none of the clients that take a fifth of a start to import
    from platform_assets.adapters.object_store import ObjectStore  # noqa: PLC0415

    cache = ObjectCache(home / settings.scratch, options.cache_bytes)
    return ObjectStore(address, options, cache)
