"""A7: a bucket that answers no read from any one on: an outage, and never a finding about the run.

A read that is denied tells nothing of what stands there. So no run is refused for it, no check fails,
and nobody is told that evidence or the log does not hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import StoreDenied
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, build, certify, next_run, runs, verify_run
from platform_assets.pipeline.admit import admit
from platform_assets.pipeline.land import land
from platform_assets.pipeline.log_check import examine
from platform_assets.pipeline.outbox import outbox_of
from platform_assets_tests.object_stores import keep_in_s3
from platform_assets_tests.servers.http_faults import USUAL, Asked, Fate, HttpFaults, s3_error
from platform_assets_tests.servers.s3 import new_bucket
from platform_assets_tests.shop import make_shop
from platform_assets_tests.stores_that_fail.homes import STRIDE, failure_of, run_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets_tests.servers.s3 import S3Server

pytestmark = pytest.mark.usefixtures("s3_credentials")

RUN = RunId("shop", 1)
DENIED = Fate(effect=False, answer=s3_error(403, "RequestTimeTooSkewed"))
#: More reads than a run of the small shop has; a sweep ends where nothing failed any more.
_MANY = 2000


class FromRead:
    """A rule that lets so many reads pass and denies all that follow."""

    def __init__(self, number: int) -> None:
        self.number, self.denied = number, 0
        self._reads = 0

    def __call__(self, asked: Asked) -> Fate:
        if asked.method not in ("GET", "HEAD"):
            return USUAL
        self._reads += 1
        if self._reads <= self.number:
            return USUAL
        self.denied += 1
        return DENIED


def swept(faults: HttpFaults, step: int, act: Callable[[], None]) -> int:
    """Do something again and again, each time with more reads that pass, until none is denied.

    Whatever is denied has to end it as an outage. Returns how many times it did.
    """
    outages = 0
    for number in range(0, _MANY, step):
        rule = faults.rule = FromRead(number)
        failed = failure_of(act)
        faults.rule = lambda _: USUAL
        if not rule.denied:
            assert failed is None
            return outages
        assert failed is None or failed.exit_code == 3, (number, failed)
        outages += failed is not None
    raise AssertionError(f"more than {_MANY} reads")


def test_a7_every_read_from_one_on_is_denied_and_no_run_is_refused_for_it(
    tmp_path: Path, s3_server: S3Server, faults: HttpFaults
) -> None:
    homes: list[Path] = []

    def run_in_a_new_home() -> None:
        home = make_shop(tmp_path / f"home-{len(homes)}", orders=6)
        keep_in_s3(home, s3_server, new_bucket(s3_server), endpoint=faults.endpoint)
        homes.append(home)
        run_all(home)

    assert swept(faults, 12 * STRIDE if STRIDE > 1 else 1, run_in_a_new_home) > 2
    for home in homes:
        run_all(home)
        platform = Platform.open(home)
        assert runs(platform, "shop") == [RUN]
        assert verify_run(platform, RUN).ok
        certificates = [p for p in platform.store.list("runs") if "/certificates/" in p]
        assert all(b'"FAIL"' not in platform.store.read(path) for path in certificates)


def test_a7_what_cannot_be_read_is_not_told_to_be_wrong(
    tmp_path: Path, s3_server: S3Server, s3_bucket: str, faults: HttpFaults
) -> None:
    home = make_shop(tmp_path / "home", orders=6)
    keep_in_s3(home, s3_server, s3_bucket, endpoint=faults.endpoint)
    run_all(home)

    def look() -> None:
        platform = Platform.open(home)
        result = verify_run(platform, RUN)
        assert result.ok, [f"{found.where}: {found.problem}" for found in result.findings]
        assert not examine(platform).problems
        assert not outbox_of(platform, "shop").withheld

    assert swept(faults, STRIDE, look) > 2


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
