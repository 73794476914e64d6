"""A7: a store that denies one read and answers all else: an outage, and no finding about the run."""

from __future__ import annotations

import shutil
from itertools import count
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import StoreDenied
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, build, certify, next_run
from platform_assets.pipeline.admit import admit
from platform_assets.pipeline.land import land
from platform_assets_tests.shop import make_shop
from platform_assets_tests.stores_that_fail.homes import (
    STRIDE,
    failure_of,
    require_run_once,
    require_sound,
    run_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.ports.store import ObjectStat

RUN = RunId("shop", 1)


class OneDenied(LocalStore):
    """A store on a real disk that is asked once for what it denies, and answers all else."""

    def __init__(self, root: Path, number: int) -> None:
        super().__init__(root)
        self.denied = ""
        self._left = number

    def read(self, path: str) -> bytes:
        return super().read(self._asked(path))

    def stat(self, path: str) -> ObjectStat:
        return super().stat(self._asked(path))

    def exists(self, path: str) -> bool:
        return super().exists(self._asked(path))

    def list(self, prefix: str) -> list[str]:
        return super().list(self._asked(prefix))

    def local_path(self, path: str) -> Path:
        return super().local_path(self._asked(path))

    def _asked(self, path: str) -> str:
        self._left -= 1
        if self._left == -1:
            self.denied = path
            raise StoreDenied(path, expected="an answer", found="403", remedy="Renew the key.")
        return path


def swept(folder: Path, step: int, act: Callable[[OneDenied], None]) -> int:
    """Do something again and again, each time with another read denied, until none is.

    Where a denied read ends it, it ends as an outage. Returns how many times it did.
    """
    outages = 0
    for number in count(0, step):
        store = OneDenied(folder, number)
        failed = failure_of(lambda store=store: act(store))
        if not store.denied:
            assert failed is None
            break
        assert failed is None or failed.exit_code == 3, (number, store.denied, failed)
        outages += failed is not None
    return outages


def test_a7_what_was_denied_once_is_not_told_to_be_wrong(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=6)
    run_all(home)

    def look(store: OneDenied) -> None:
        require_sound(Platform.open(home, store=store), RUN)

    assert swept(home / "store", 1, look) > 2


def test_a7_no_run_is_refused_for_a_read_that_was_denied_once(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=6)
    folder = home / "store"

    def run_and_run_again(store: OneDenied) -> None:
        try:
            run_all(home, store)
        finally:
            run_all(home)
            require_run_once(home)
            shutil.rmtree(folder)

    assert swept(folder, 4 * STRIDE if STRIDE > 1 else 1, run_and_run_again) > 2


class DeniedStore(LocalStore):
    """A store on a real disk that denies to read what stands below one folder."""

    denied = ""

    def read(self, path: str) -> bytes:
        if self.denied and self.denied in path:
            raise StoreDenied(path, expected="an answer", found="403", remedy="Renew the key.")
        return super().read(path)


def test_a7_a_check_that_may_not_read_another_product_has_not_failed(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=6)
    store = DeniedStore(home / "store")
    platform = Platform.open(home, store=store)
    assert next_run(platform, "shop") == RUN
    for stream in ("orders", "changes"):
        land(platform, RUN, stream)
        admit(platform, RUN, stream)
    for product in ("orders", "refunds"):
        build(platform, RUN, product)
    certify(platform, RUN, "orders")
    store.denied = f"runs/{RUN}/certificates/orders"
    with pytest.raises(StoreDenied):
        certify(platform, RUN, "refunds")
    assert store.list(f"runs/{RUN}/certificates/refunds") == []
    store.denied = ""
    assert certify(platform, RUN, "refunds")["verdict"] == "PASS"
