"""Waiting on the control topic: what is true is returned, and nothing else ever."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.file_log import FileLog
from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.adapters.key_files import signer_from_file
from platform_assets.errors import (
    DeclarationInvalid,
    NotAnnounced,
    OffsetExpired,
    OffsetTruncated,
    PlatformError,
    SourceChanged,
    SourceUnreachable,
    UnknownThing,
)
from platform_assets.flow.announcements import product_ready, run_closed
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    CertifiedProduct,
    ClosedRun,
    Platform,
    ReadyCursor,
    announce,
    close,
    finish,
    layout,
    next_run,
    open_product,
    revoke,
    wait_ready,
)
from platform_assets_tests.pipeline.announcing import TOPIC, announcing, publish, published
from platform_assets_tests.shop import append, order

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.ports.streams import Look, Span

RUN = RunId("shop", 1)
SECONDS = 60
FALSE = "sha256:" + "f" * 64


@pytest.fixture
def announced_shop(closed_shop: Path) -> Path:
    """Return a home whose one run is closed and announced."""
    announce(Platform.open(announcing(closed_shop)), "shop")
    return closed_shop


def nothing(home: Path, product: str | None = "orders", run: RunId | None = None) -> str:
    """Wait in vain, and return what was passed over."""
    with pytest.raises(NotAnnounced) as told:
        wait_ready(home, "shop", product, run, timeout=0)
    return told.value.found


def another_run(home: Path, number: int) -> RunId:
    append(home, "orders", 0, [order(1000 + number)])
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    finish(platform, run)
    announce(platform, "shop")
    return run


def test_an_announced_product_is_opened_through_the_gate(announced_shop: Path) -> None:
    found = wait_ready(announced_shop, "shop", "orders", timeout=0)
    assert isinstance(found, CertifiedProduct)
    assert (found.run, found.name) == (RUN, "orders")
    assert found.scan().collect().height == found.rows == 100


def test_an_announced_closure_is_verified(announced_shop: Path) -> None:
    found = wait_ready(announced_shop, "shop", timeout=0)
    assert isinstance(found, ClosedRun)
    assert found.run == RUN
    assert found.bundle_digest == close(Platform.open(announced_shop), RUN)["bundle_digest"]


def test_nothing_announced_is_told_and_nothing_is_returned(closed_shop: Path) -> None:
    """The product is certified, but nobody has said so."""
    announcing(closed_shop)
    assert open_product(Platform.open(closed_shop), RUN, "orders")
    assert nothing(closed_shop) == "none"


def test_a_consumer_that_waits_is_told_when_it_is_announced(closed_shop: Path) -> None:
    announcing(closed_shop)
    platform = Platform.open(closed_shop)
    later = threading.Timer(1.5, announce, (platform, "shop"))
    later.start()
    try:
        assert nothing(closed_shop) == "none"
        found = wait_ready(closed_shop, "shop", "turnover", RUN, timeout=SECONDS)
    finally:
        later.join(SECONDS)
    assert isinstance(found, CertifiedProduct)


def test_only_the_run_that_was_asked_for_is_returned(announced_shop: Path) -> None:
    second = RunId("shop", 2)
    assert nothing(announced_shop, "orders", second) == "none"
    assert another_run(announced_shop, 2) == second
    found = wait_ready(announced_shop, "shop", "orders", second, timeout=0)
    assert isinstance(found, CertifiedProduct)
    assert found.run == second


def test_a_product_that_is_not_declared_is_not_waited_for(announced_shop: Path) -> None:
    for run in (None, RUN, RunId("shop", 2)):
        with pytest.raises(UnknownThing, match="orders, cancellations, refunds, turnover"):
            wait_ready(announced_shop, "shop", "order", run, timeout=SECONDS)


def test_a_cursor_gives_each_fact_once_in_order_and_may_be_kept(announced_shop: Path) -> None:
    cursor = ReadyCursor()
    given: list[tuple[str, RunId]] = []
    for number in (1, 2, 3):
        if number > 1:
            another_run(announced_shop, number)
        for product in ("refunds", "orders"):  # refunds stand behind orders in the topic
            found = wait_ready(announced_shop, "shop", product, timeout=0, cursor=cursor)
            assert isinstance(found, CertifiedProduct)
            given.append((found.name, found.run))
        cursor = ReadyCursor.from_json(json.loads(json.dumps(cursor.as_json())))
        with pytest.raises(NotAnnounced):
            wait_ready(announced_shop, "shop", "orders", timeout=0, cursor=cursor)
    assert given == [(p, RunId("shop", n)) for n in (1, 2, 3) for p in ("refunds", "orders")]


def test_an_event_that_comes_again_is_not_given_again(announced_shop: Path) -> None:
    cursor = ReadyCursor()
    wait_ready(announced_shop, "shop", "orders", timeout=0, cursor=cursor)
    publish(announced_shop, *published(announced_shop))
    with pytest.raises(NotAnnounced):
        wait_ready(announced_shop, "shop", "orders", timeout=0, cursor=cursor)


def test_a_cursor_that_begins_at_the_latest_passes_over_what_was(announced_shop: Path) -> None:
    cursor = ReadyCursor(start="latest")
    with pytest.raises(NotAnnounced):
        wait_ready(announced_shop, "shop", "orders", timeout=0, cursor=cursor)
    second = another_run(announced_shop, 2)
    found = wait_ready(announced_shop, "shop", "orders", timeout=0, cursor=cursor)
    assert isinstance(found, CertifiedProduct)
    assert found.run == second


def test_a_topic_that_was_made_anew_is_read_from_its_first_record(announced_shop: Path) -> None:
    cursor = ReadyCursor()
    wait_ready(announced_shop, "shop", "orders", timeout=0, cursor=cursor)
    events = published(announced_shop)
    (announced_shop / "control" / TOPIC).rename(announced_shop / "gone")
    FileLogSink(announced_shop / "control", TOPIC).create(1)
    publish(announced_shop, *(e for e in events if e["subject"].endswith("refunds")))
    found = wait_ready(announced_shop, "shop", "refunds", timeout=0, cursor=cursor)
    assert isinstance(found, CertifiedProduct)


@pytest.mark.parametrize("lost", [OffsetExpired, OffsetTruncated, SourceChanged])
@pytest.mark.parametrize("asked", ["extents", "read"])
def test_a_source_that_knows_a_kept_position_no_more_is_read_from_its_first_record(
    announced_shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    lost: type[PlatformError],
    asked: str,
) -> None:
    cursor = ReadyCursor()
    wait_ready(announced_shop, "shop", "orders", timeout=0, cursor=cursor)
    kept = cursor.as_json()
    kept["waiting"] = []  # so that only what is read again can tell of the other products
    publish(announced_shop, b"more")
    error = lost("t", expected="that position", found="none", remedy="Begin anew.")
    extents, read = FileLog.extents, FileLog.read

    def lost_extents(log: FileLog, look: Look) -> Any:
        if look.known and asked == "extents":
            raise error
        return extents(log, look)

    def lost_read(log: FileLog, span: Span) -> Any:
        if span.start.offset and asked == "read":
            raise error
        return read(log, span)

    monkeypatch.setattr(FileLog, "extents", lost_extents)
    monkeypatch.setattr(FileLog, "read", lost_read)
    again = ReadyCursor.from_json(kept)
    found = wait_ready(announced_shop, "shop", "refunds", timeout=SECONDS, cursor=again)
    assert isinstance(found, CertifiedProduct)
    with pytest.raises(NotAnnounced):  # given once is given
        wait_ready(announced_shop, "shop", "orders", timeout=0, cursor=again)


def test_a_topic_that_is_lost_from_its_first_record_on_is_told(
    announced_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(log: FileLog, look: Look) -> Any:
        raise SourceChanged("t", expected="a topic", found="none", remedy="Make it.")

    monkeypatch.setattr(FileLog, "extents", lost)
    with pytest.raises(SourceChanged):
        wait_ready(announced_shop, "shop", "orders", timeout=SECONDS)


# --- events that lie ------------------------------------------------------------------------------


def standing(home: Path, product: str = "orders") -> tuple[str, str]:
    opened = open_product(Platform.open(home), RUN, product)
    return opened.manifest_digest, opened.certificate_digest


@pytest.mark.parametrize("which", ["manifest", "certificate", "both"])
def test_an_event_with_another_digest_is_passed_over_with_the_reason(
    closed_shop: Path, which: str
) -> None:
    announcing(closed_shop)
    manifest, certificate = standing(closed_shop)
    lie = product_ready(
        RUN,
        "orders",
        manifest if which == "certificate" else FALSE,
        certificate if which == "manifest" else FALSE,
        "2026-01-01T00:00:00.000000Z",
    )
    publish(closed_shop, lie.event())
    told = nothing(closed_shop)
    assert f"{FALSE} was announced" in told
    for name, digest in (("manifest", manifest), ("certificate", certificate)):
        assert (digest in told) == (which in (name, "both"))


def test_a_lie_does_not_hide_the_truth_behind_it(announced_shop: Path) -> None:
    lie = product_ready(RUN, "orders", FALSE, FALSE, "2026-01-01T00:00:00.000000Z")
    true = [e for e in published(announced_shop) if e["subject"] == f"{RUN}/orders"]
    (announced_shop / "control" / TOPIC).rename(announced_shop / "gone")
    FileLogSink(announced_shop / "control", TOPIC).create(1)
    publish(announced_shop, b"noise", lie.event(), *true)
    found = wait_ready(announced_shop, "shop", "orders", timeout=0)
    assert isinstance(found, CertifiedProduct)
    assert found.manifest_digest == true[0]["data"]["manifest_digest"]


def test_a_closure_that_is_announced_with_another_digest_is_passed_over(closed_shop: Path) -> None:
    announcing(closed_shop)
    publish(closed_shop, run_closed(RUN, FALSE, "2026-01-01T00:00:00.000000Z").event())
    assert FALSE in nothing(closed_shop, None)


def test_a_closure_of_an_open_run_is_passed_over_until_it_is_closed(ready: Path) -> None:
    announcing(ready)
    platform = Platform.open(ready)
    publish(ready, run_closed(RUN, FALSE, "2026-01-01T00:00:00.000000Z").event())
    assert "RunOpen" in nothing(ready, None)
    close(platform, RUN)
    assert FALSE in nothing(ready, None)
    announce(platform, "shop")
    assert isinstance(wait_ready(ready, "shop", timeout=0), ClosedRun)


def test_an_event_of_a_run_that_never_was_is_passed_over(closed_shop: Path) -> None:
    announcing(closed_shop)
    lie = product_ready(RunId("shop", 9), "orders", FALSE, FALSE, "2026-01-01T00:00:00.000000Z")
    publish(closed_shop, lie.event())
    assert "ProductMissing" in nothing(closed_shop)


def test_an_event_of_another_feed_is_not_taken_for_one_of_this(announced_shop: Path) -> None:
    manifest, certificate = standing(announced_shop)
    (announced_shop / "control" / TOPIC).rename(announced_shop / "gone")
    FileLogSink(announced_shop / "control", TOPIC).create(1)
    other = product_ready(
        RunId("other", 1), "orders", manifest, certificate, "2026-01-01T00:00:00.000000Z"
    )
    publish(announced_shop, other.event())
    assert nothing(announced_shop) == "none"


def test_a_product_that_was_revoked_meanwhile_is_not_returned(announced_shop: Path) -> None:
    revoke(Platform.open(announced_shop), RUN, "orders", "wrong prices")
    assert "CertificateRevoked" in nothing(announced_shop)


def test_a_product_whose_certificate_is_not_signed_by_a_trusted_key_is_not_returned(
    announced_shop: Path,
) -> None:
    for key in (announced_shop / "keys" / "trusted").glob("*.pem"):
        key.unlink()
    signer_from_file(announced_shop / "another.pem")
    assert "SignerUntrusted" in nothing(announced_shop)


def test_a_product_with_a_changed_part_is_not_returned(announced_shop: Path) -> None:
    part = next((announced_shop / "store").glob("runs/*/products/orders/*/part-*"))
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    assert "PartAltered" in nothing(announced_shop)


def test_a_certificate_that_was_put_in_the_place_of_another_is_not_returned(
    announced_shop: Path,
) -> None:
    store = announced_shop / "store"
    orders, refunds = (
        store / layout.certificate_path(RUN, product, 1, 1) for product in ("orders", "refunds")
    )
    orders.chmod(0o644)
    orders.write_bytes(refunds.read_bytes())
    assert "CertificateForeign" in nothing(announced_shop)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"specversion":"1.0","id":"1","source":"x","type":"y"}',
        b'{"specversion":"1.0","id":"1","source":"x","type":"y","time":"not a time"}',
        b'{"specversion":"1.0","id":"1","source":"x","type":"y","time":7}',
        b'{"specversion":"0.3","id":"1","source":"x","type":"y"}',
    ],
    ids=lambda value: repr(value[:60]),
)
def test_what_is_no_announcement_is_passed_over(announced_shop: Path, value: bytes) -> None:
    publish(announced_shop, value)
    assert nothing(announced_shop, "orders", RunId("shop", 2)).count("passed over") == 1
    assert isinstance(wait_ready(announced_shop, "shop", "orders", timeout=0), CertifiedProduct)


def test_an_event_whose_attributes_contradict_its_data_is_passed_over(
    closed_shop: Path,
) -> None:
    announcing(closed_shop)
    true = product_ready(RUN, "orders", *standing(closed_shop), "2026-01-01T00:00:00.000000Z")
    changes: list[dict[str, Any]] = [
        {"id": "0" * 64},
        {"source": "urn:platform-assets:other"},
        {"subject": f"{RUN}/refunds"},
        {"type": "platform-assets.run.closed.v1"},
        {"data": {**true.data, "product": "refunds"}},
        {"data": {**true.data, "more": "x"}},
        {"extra": "x"},
        {"datacontenttype": "text/plain"},
    ]
    publish(closed_shop, *({**true.event(), **change} for change in changes))
    told = nothing(closed_shop)
    assert told.count("passed over") == len(changes)
    publish(closed_shop, true.event())
    assert isinstance(wait_ready(closed_shop, "shop", "orders", timeout=0), CertifiedProduct)


# --- outages --------------------------------------------------------------------------------------


def test_a_topic_that_cannot_be_read_is_an_outage_and_not_a_silence(announced_shop: Path) -> None:
    (announced_shop / "control" / TOPIC).rename(announced_shop / "gone")
    with pytest.raises(SourceUnreachable):
        wait_ready(announced_shop, "shop", "orders", timeout=0)


def test_an_outage_that_passes_is_waited_for(announced_shop: Path) -> None:
    (announced_shop / "control" / TOPIC).rename(announced_shop / "gone")
    back = threading.Timer(
        1.5, (announced_shop / "gone").rename, (announced_shop / "control" / TOPIC,)
    )
    back.start()
    try:
        found = wait_ready(announced_shop, "shop", "orders", timeout=SECONDS)
    finally:
        back.join(SECONDS)
    assert isinstance(found, CertifiedProduct)


def test_a_feed_that_announces_nothing_is_not_waited_for(closed_shop: Path) -> None:
    with pytest.raises(DeclarationInvalid, match="announce"):
        wait_ready(closed_shop, "shop", "orders", timeout=SECONDS)
