"""A7: a bucket that answers no read from any one on: an outage, and never a finding about the run.

A read that is denied tells nothing of what stands there. So no run is refused for it, no check fails,
and nobody is told that evidence or the log does not hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform
from platform_assets_tests.object_stores import keep_in_s3
from platform_assets_tests.servers.http_faults import USUAL, Asked, Fate, HttpFaults, s3_error
from platform_assets_tests.servers.s3 import new_bucket
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
        require_run_once(home)


def test_a7_what_cannot_be_read_is_not_told_to_be_wrong(
    tmp_path: Path, s3_server: S3Server, s3_bucket: str, faults: HttpFaults
) -> None:
    home = make_shop(tmp_path / "home", orders=6)
    keep_in_s3(home, s3_server, s3_bucket, endpoint=faults.endpoint)
    run_all(home)

    assert swept(faults, STRIDE, lambda: require_sound(Platform.open(home), RUN)) > 2
