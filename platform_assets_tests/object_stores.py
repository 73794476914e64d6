"""Object stores for tests: opened on a server, or written into the settings of a home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.adapters.object_address import parse_address
from platform_assets.adapters.object_cache import ObjectCache
from platform_assets.adapters.object_store import ObjectStore
from platform_assets.settings import SETTINGS_FILE, ObjectStoreSettings

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.s3 import S3Server

PREFIX = "some/prefix"


def open_object_store(address: str, scratch: Path, **options: Any) -> ObjectStore:
    """Open a store at an address, its copies below a folder."""
    settings = ObjectStoreSettings(**options)
    cache = ObjectCache(scratch, settings.cache_bytes)
    return ObjectStore(parse_address(address), settings, cache)


def open_s3_store(
    server: S3Server, bucket: str, scratch: Path, *, endpoint: str | None = None, **options: Any
) -> ObjectStore:
    """Open a store in a bucket of a server, or of what stands before it at another endpoint.

    The credentials are those of the environment: the fixture ``s3_credentials`` puts them there.
    """
    given = {"endpoint": endpoint or server.endpoint, "allow_http": True, "timeout_seconds": 10}
    return open_object_store(f"s3://{bucket}/{PREFIX}", scratch, **{**given, **options})


def keep_in_s3(
    home: Path, server: S3Server, bucket: str, *, endpoint: str | None = None, **options: Any
) -> None:
    """Let a home keep its records and parts in a bucket of a server from now on."""
    keep_at(home, f"s3://{bucket}/{PREFIX}", endpoint=endpoint or server.endpoint, **options)


def keep_at(home: Path, address: str, **options: Any) -> None:
    """Let a home keep its records and parts at an address from now on."""
    path = home / SETTINGS_FILE
    settings = yaml.safe_load(path.read_text()) or {}
    settings["store"] = address
    settings["object_store"] = {"allow_http": True, **options}
    path.write_text(yaml.safe_dump(settings))
