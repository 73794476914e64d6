"""Where a race is run: a fresh copy of the ready run's store, on local disk or in a bucket."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from platform_assets.adapters.local_store import LocalStore
from platform_assets.adapters.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.ports.store import Store
    from platform_assets.settings import Settings


@dataclass(frozen=True)
class Ground:
    """How racers open their store, and what a process of its own does before they come."""

    open_store: Callable[[], Store]
    prepare: Callable[[], None] | None = None


def local_ground(ready: Path, folder: Path) -> Ground:
    """Return a copy on local disk; objects do not change, so links will do."""
    shutil.copytree(ready, folder / "store", copy_function=os.link)
    return Ground(partial(LocalStore, folder / "store"))


def bucket_ground(ready: Path, settings: Settings, bucket: str, folder: Path) -> Ground:
    """Return a copy below a prefix of its own in a bucket; each racer has its own cache."""
    own = settings.model_copy(update={"store": f"s3://{bucket}/{folder.name}"})

    def opened() -> Store:
        return open_store(own, folder / f"home-{os.getpid()}")

    def prepare() -> None:
        source, store = LocalStore(ready), opened()
        for path in source.list(""):
            store.create(path, source.read(path))

    return Ground(opened, prepare)
