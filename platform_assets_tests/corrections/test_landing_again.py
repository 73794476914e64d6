"""A correction lands what the superseded run landed: from the source, or from what that landed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.canonical import canonical_bytes, digest
from platform_assets.flow.landing import landed_content
from platform_assets.pipeline import Platform, finish, land, supersede, verify_run
from platform_assets.pipeline.layout import landing_receipt_path
from platform_assets.pipeline.records import read_record
from platform_assets_tests.corrections.mended_shop import ONE, REASON, THREE, correct, mend, rows
from platform_assets_tests.shop import order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.identifiers import RunId


def receipt(platform: Platform, run: RunId, stream: str) -> dict[str, Any]:
    return read_record(platform.store, landing_receipt_path(run, stream), "landing")


def log_of(home: Path, topic: str) -> Path:
    return home / "data" / "shop" / topic / "0" / f"{0:020d}.ndjson"


def other_records(home: Path) -> None:
    lines = log_of(home, "orders").read_bytes().splitlines()
    lines[3] = json.dumps(order(3, customer="x")).encode()
    log_of(home, "orders").write_bytes(b"\n".join(lines) + b"\n")


def expired(home: Path) -> None:
    log = log_of(home, "orders")
    log.rename(log.with_name(f"{5:020d}.ndjson"))


def truncated(home: Path) -> None:
    lines = log_of(home, "orders").read_bytes().splitlines(keepends=True)
    log_of(home, "orders").write_bytes(b"".join(lines[:4]))


GONE: dict[str, tuple[Callable[[Path], object], str]] = {
    "other records": (other_records, "other records"),
    "the first records expired": (expired, "OffsetExpired"),
    "the last records are gone": (truncated, "OffsetTruncated"),
    "the partition is gone": (
        lambda home: shutil.rmtree(log_of(home, "orders").parent),
        "SourceChanged",
    ),
    "the topic is gone": (
        lambda home: shutil.rmtree(log_of(home, "orders").parent.parent),
        "SourceUnreachable",
    ),
    "the source is not there": (
        lambda home: shutil.rmtree(home / "data"),
        "SourceUnreachable",
    ),
}


def test_what_the_source_holds_still_is_landed_from_there(platform: Platform) -> None:
    correct(platform, ONE)
    for stream in ("orders", "changes"):
        again, before = receipt(platform, THREE, stream), receipt(platform, ONE, stream)
        assert "copied_from" not in again
        assert again["parts"] == before["parts"]


@pytest.mark.parametrize("name", list(GONE))
def test_what_the_source_does_not_deliver_any_more_is_copied(
    platform: Platform, home: Path, name: str
) -> None:
    destroy, because = GONE[name]
    destroy(home)
    assert correct(platform, ONE) == THREE
    again, before = receipt(platform, THREE, "orders"), receipt(platform, ONE, "orders")
    assert again["copied_from"] == {
        "run_id": str(ONE),
        "landing_digest": digest(before),
        "because": because,
    }
    assert landed_content(again) == landed_content(before)
    assert (rows(platform, THREE, "orders"), rows(platform, THREE, "cancellations")) == (20, 2)
    assert verify_run(platform, THREE).findings == ()


def test_a_copy_is_copied_again(platform: Platform, home: Path) -> None:
    shutil.rmtree(home / "data")
    second = correct(platform, correct(platform, ONE))
    assert receipt(platform, second, "orders")["copied_from"]["run_id"] == str(THREE)
    assert rows(platform, second, "orders") == 20
    assert verify_run(platform, second).ok


def test_nothing_is_landed_where_neither_has_the_records(platform: Platform, home: Path) -> None:
    other_records(home)
    for part in (home / "store" / "runs" / str(ONE) / "landing" / "orders").iterdir():
        part.unlink()
    correction = supersede(platform, ONE, REASON)
    with pytest.raises(errors.LandingInconsistent, match="to be copied because of other records"):
        land(platform, correction, "orders")
    assert not platform.store.exists(landing_receipt_path(correction, "orders"))


def test_an_altered_part_is_not_copied(platform: Platform, home: Path) -> None:
    shutil.rmtree(home / "data")
    part = next((home / "store" / "runs" / str(ONE) / "landing" / "orders").iterdir())
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    correction = supersede(platform, ONE, REASON)
    with pytest.raises(errors.LandingInconsistent, match="to be copied because of Source"):
        land(platform, correction, "orders")


def test_a_receipt_that_the_run_was_not_closed_with_is_not_believed(
    platform: Platform, home: Path
) -> None:
    path = home / "store" / landing_receipt_path(ONE, "orders")
    altered = {**receipt(platform, ONE, "orders"), "bytes": 1}
    path.unlink()
    path.write_bytes(canonical_bytes(altered))
    correction = supersede(platform, ONE, REASON)
    with pytest.raises(errors.EvidenceInconsistent, match=str(ONE)):
        land(platform, correction, "orders")


def test_a_landing_that_was_begun_from_the_source_is_finished_by_copying(
    platform: Platform, home: Path
) -> None:
    """Each stream is landed for itself; what stands already is the result."""
    correction = supersede(platform, ONE, REASON)
    land(platform, correction, "changes")
    shutil.rmtree(home / "data")
    finish(mend(home), correction)
    assert "copied_from" in receipt(platform, correction, "orders")
    assert "copied_from" not in receipt(platform, correction, "changes")
    assert verify_run(platform, correction).ok
