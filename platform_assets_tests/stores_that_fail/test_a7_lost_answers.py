"""A7: a bucket that loses answers or requests from any write of a run on; later runs finish it.

The bucket is a real server's; what loses is an HTTP server that stands before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, runs, verify_run
from platform_assets_tests.cli.calls import call
from platform_assets_tests.object_stores import keep_in_s3
from platform_assets_tests.servers.http_faults import (
    LOST_ANSWER,
    LOST_REQUEST,
    USUAL,
    Asked,
    Fate,
    HttpFaults,
    s3_error,
)
from platform_assets_tests.servers.s3 import new_bucket, s3_client
from platform_assets_tests.shop import make_shop
from platform_assets_tests.stores_that_fail.homes import STRIDE, failure_of, run_all

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.s3 import S3Server

pytestmark = pytest.mark.usefixtures("s3_credentials")

RUN = RunId("shop", 1)
#: More writes than a run of the small shop has; a sweep ends where nothing failed any more.
_MANY = 90
FATES = {
    "lost answer": LOST_ANSWER,
    "lost request": LOST_REQUEST,
    "slow down": Fate(effect=False, answer=s3_error(503, "SlowDown")),
    "denied": Fate(effect=False, answer=s3_error(403, "AccessDenied")),
    "over quota": Fate(effect=False, answer=s3_error(403, "QuotaExceeded")),
}


def from_write(number: int, fate: Fate) -> tuple[list[str], object]:
    """Return a rule that lets so many writes pass and gives all that follow a fate; and what failed."""
    written: list[str] = []

    def rule(asked: Asked) -> Fate:
        if asked.method not in ("PUT", "POST"):
            return USUAL
        written.append(asked.path)
        return USUAL if len(written) <= number else fate

    return written, rule


@pytest.mark.parametrize("kind", ["lost answer", "lost request"])
def test_a7_every_write_from_one_on_is_lost_and_a_later_run_finishes(
    kind: str, tmp_path: Path, s3_server: S3Server, faults: HttpFaults
) -> None:
    failed, number = True, 0
    while failed and number < _MANY:
        home = tmp_path / f"home-{number}"
        bucket = new_bucket(s3_server)
        make_shop(home, orders=6)
        keep_in_s3(home, s3_server, bucket, endpoint=faults.endpoint, timeout_seconds=1)
        Platform.open(home).signer  # noqa: B018 - made before anything fails
        written, rule = from_write(number, FATES[kind])
        faults.rule = rule  # type: ignore[assignment]
        failed = failure_of(lambda h=home: run_all(h)) is not None or len(written) > number  # type: ignore[misc]
        faults.rule = lambda _: USUAL
        keep_in_s3(home, s3_server, bucket)  # with time enough for a busy machine to answer
        run_all(home)
        _closed_once(home, s3_server, bucket)
        number += 16 * STRIDE if STRIDE > 1 else 1


@pytest.mark.parametrize("kind", FATES)
def test_a7_the_command_line_says_what_to_do(
    kind: str, tmp_path: Path, s3_server: S3Server, s3_bucket: str, faults: HttpFaults
) -> None:
    home = make_shop(tmp_path / "home", orders=6)
    keep_in_s3(home, s3_server, s3_bucket, endpoint=faults.endpoint, timeout_seconds=1)
    _, rule = from_write(3, FATES[kind])
    faults.rule = rule  # type: ignore[assignment]
    called = call("run", "shop", "--home", home)
    assert "Traceback" not in called.err
    if kind != "lost answer" or called.code != 0:  # what took effect is found by reading back
        assert called.code in (1, 3), called.err
        assert "remedy" in called.err
    faults.rule = lambda _: USUAL
    keep_in_s3(home, s3_server, s3_bucket)
    finished = call("run", "shop", "--home", home)
    assert finished.code == 0, finished.err
    _closed_once(home, s3_server, s3_bucket)


def test_a7_a_bucket_that_gives_no_answer_at_all_is_an_outage(
    tmp_path: Path, s3_server: S3Server, s3_bucket: str, faults: HttpFaults
) -> None:
    home = make_shop(tmp_path / "home", orders=6)
    keep_in_s3(home, s3_server, s3_bucket, endpoint=faults.endpoint, timeout_seconds=1)
    faults.rule = lambda _: LOST_REQUEST
    for command in (("run", "shop"), ("runs", "shop"), ("verify", str(RUN))):
        called = call(*command, "--home", home)
        assert called.code == 3, called.err
        assert "Traceback" not in called.err


def _closed_once(home: Path, server: S3Server, bucket: str) -> None:
    platform = Platform.open(home)
    assert runs(platform, "shop") == [RUN]
    result = verify_run(platform, RUN)
    assert result.ok, [f"{f.where}: {f.problem}" for f in result.findings]
    seals = [path for path in platform.store.list("runs") if path.endswith(".seal")]
    assert sum(b'"void"' not in platform.store.read(path) for path in seals) == 1
    uploads = s3_client(server).list_multipart_uploads(Bucket=bucket)
    assert not uploads.get("Uploads")
