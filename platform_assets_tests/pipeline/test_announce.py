"""What is announced, when, how often, and what an announcement leaves in the store."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from platform_assets.adapters import file_log_end, local_folders
from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.adapters.local_store import LocalStore
from platform_assets.canonical import digest_bytes
from platform_assets.errors import (
    CertificationFailed,
    DeclarationInvalid,
    SourceUnreachable,
    StoreUnwritable,
    UnknownOutcome,
)
from platform_assets.flow.places import place_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    announce,
    certify,
    close,
    export_run,
    finish,
    layout,
    next_run,
    open_product,
    revoke,
    verify_bundle,
    verify_run,
)
from platform_assets.pipeline.records import read_record
from platform_assets_tests.pipeline.announcing import TOPIC, announcing, published, subjects
from platform_assets_tests.shop import append, order, redeclare

RUN = RunId("shop", 1)
PRODUCTS = ["orders", "cancellations", "refunds", "turnover"]
EVERYTHING = [*(f"{RUN}/{product}" for product in PRODUCTS), str(RUN)]


class SimulatedCrash(BaseException):
    """The process is gone; no handler of the program may see this."""


class DyingStore(LocalStore):
    """Ends its process just before or just after the n-th announcement record."""

    def __init__(self, root: Path, number: int, moment: str) -> None:
        super().__init__(root)
        self._left = number
        self._moment = moment

    def create(self, path: str, data: bytes) -> None:
        if "/announcements/" not in path:
            super().create(path, data)
            return
        self._left -= 1
        if self._left == 0 and self._moment == "before":
            raise SimulatedCrash(path)
        super().create(path, data)
        if self._left == 0:
            raise SimulatedCrash(path)


def announcements(home: Path, run: RunId = RUN) -> list[dict[str, Any]]:
    store = LocalStore(home / "store")
    paths = store.list(f"{layout.run_folder(run)}/announcements")
    return [read_record(store, path, "announcement") for path in paths]


def test_each_product_and_the_closure_is_announced_once_as_a_cloud_event(closed_shop: Path) -> None:
    platform = Platform.open(announcing(closed_shop))
    told = announce(platform, "shop")
    events = published(closed_shop)
    assert sorted(subjects(events)) == sorted(EVERYTHING)
    assert subjects(told["announced"]) == subjects(events)
    assert subjects(events)[-1] == str(RUN), "the products come before the closure"

    orders = next(e for e in events if e["subject"] == f"{RUN}/orders")
    opened = open_product(platform, RUN, "orders")
    assert orders["specversion"] == "1.0"
    assert orders["source"] == "urn:platform-assets:shop"
    assert orders["type"] == "platform-assets.product.ready.v1"
    assert orders["data"] == {
        "run_id": str(RUN),
        "product": "orders",
        "manifest_digest": opened.manifest_digest,
        "certificate_digest": opened.certificate_digest,
    }
    closed = events[-1]
    seal = close(platform, RUN)
    assert closed["type"] == "platform-assets.run.closed.v1"
    assert closed["data"] == {"run_id": str(RUN), "bundle_digest": seal["bundle_digest"]}

    assert announce(platform, "shop")["announced"] == []
    assert announce(Platform.open(closed_shop), "shop")["announced"] == []
    assert len(published(closed_shop)) == len(EVERYTHING)


def test_a_product_is_announced_when_it_is_certified_and_the_run_when_it_is_closed(
    ready: Path,
) -> None:
    platform = Platform.open(announcing(ready))
    told = announce(platform, "shop")
    assert sorted(subjects(told["announced"])) == sorted(EVERYTHING[:-1])
    close(platform, RUN)
    told = announce(platform, "shop")
    assert subjects(told["announced"]) == [str(RUN)]


def test_what_no_gate_opens_is_not_announced(ready: Path) -> None:
    def stricter(attributes: dict[str, Any]) -> None:
        attributes["products"]["orders"]["checks"][5]["max"] = 1

    redeclare(ready, stricter)
    platform = Platform.open(announcing(ready))
    certify(platform, RUN, "orders")  # FAIL
    revoke(platform, RUN, "cancellations", "wrong")
    [part] = sorted((ready / "store").glob("runs/*/products/refunds/*/part-*"))
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    assert subjects(announce(platform, "shop")["announced"]) == [f"{RUN}/turnover"]
    assert subjects(published(ready)) == [f"{RUN}/turnover"]


def test_a_new_certificate_is_a_new_fact(ready: Path) -> None:
    platform = Platform.open(announcing(ready))
    first = {event["id"] for event in announce(platform, "shop")["announced"]}

    def otherwise(attributes: dict[str, Any]) -> None:
        attributes["products"]["orders"]["checks"][5]["max"] = 99_999

    redeclare(ready, otherwise)
    platform = Platform.open(ready)
    assert announce(platform, "shop")["announced"] == []  # certified under another policy
    certify(platform, RUN, "orders")
    [event] = announce(platform, "shop")["announced"]
    assert event["subject"] == f"{RUN}/orders"
    assert event["id"] not in first


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [1, 3, 5])
def test_killed_between_publication_and_record_the_same_id_is_published_again(
    closed_shop: Path, number: int, moment: str
) -> None:
    announcing(closed_shop)
    dying = Platform.open(closed_shop, store=DyingStore(closed_shop / "store", number, moment))
    with pytest.raises(SimulatedCrash):
        announce(dying, "shop")
    first = published(closed_shop)
    assert len(first) == 5
    recorded = number - (moment == "before")
    assert len(announcements(closed_shop)) == recorded

    again = announce(Platform.open(closed_shop), "shop")["announced"]
    assert again == first[recorded:]
    events = published(closed_shop)
    assert len(events) == 5 + 5 - recorded
    assert len({event["id"] for event in events}) == 5
    assert all(events.count(event) in (1, 2) for event in events), "the same id, the same event"
    assert announce(Platform.open(closed_shop), "shop")["announced"] == []


def test_an_ambiguous_publication_leaves_no_record_and_is_published_again(
    closed_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform.open(announcing(closed_shop))
    segment = closed_shop / "control" / TOPIC / "0" / f"{0:020d}.ndjson"
    with monkeypatch.context() as patched:
        sync = os.fsync

        def broken(file: int) -> None:
            if Path(f"/proc/self/fd/{file}").readlink() == segment:
                raise OSError(5, "Input/output error")
            sync(file)

        patched.setattr(file_log_end.os, "fsync", broken)
        with pytest.raises(UnknownOutcome, match="announce shop") as told:
            announce(platform, "shop")
        assert len(told.value.findings) == 5
    assert announcements(closed_shop) == []
    first = published(closed_shop)
    assert announce(platform, "shop")["announced"] == first
    assert published(closed_shop) == [*first, *first]


def test_a_topic_that_is_not_there_is_an_outage_and_nothing_is_recorded(closed_shop: Path) -> None:
    platform = Platform.open(announcing(closed_shop))
    (closed_shop / "control" / TOPIC).rename(closed_shop / "elsewhere")
    with pytest.raises(SourceUnreachable):
        announce(platform, "shop")
    assert announcements(closed_shop) == []
    (closed_shop / "elsewhere").rename(closed_shop / "control" / TOPIC)
    assert len(announce(platform, "shop")["announced"]) == 5


def test_a_feed_without_a_control_topic_says_so(closed_shop: Path) -> None:
    with pytest.raises(DeclarationInvalid, match="announce"):
        announce(Platform.open(closed_shop), "shop")


def test_what_is_announced_was_made_durable_before(
    closed_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate's folder is synced, and only then something is sent."""
    platform = Platform.open(announcing(closed_shop))
    events: list[str] = []
    sync, send = local_folders.sync_folder, FileLogSink.send

    def synced(folder: Path) -> None:
        events.append(str(folder.relative_to(closed_shop)))
        sync(folder)

    def sent(self: FileLogSink, records: Any) -> Any:
        events.append("sent")
        return send(self, records)

    monkeypatch.setattr("platform_assets.adapters.local_store.sync_folder", synced)
    monkeypatch.setattr(FileLogSink, "send", sent)
    announce(platform, "shop")
    before = events[: events.index("sent")]
    for product in PRODUCTS:
        assert f"store/runs/{RUN}/certificates/{product}/0001" in before
        assert f"store/runs/{RUN}/products/{product}/0001" in before
    assert f"store/runs/{RUN}/closure" in before
    assert f"store/runs/{RUN}/evidence/0001" in before


def test_announcements_are_no_part_of_the_evidence_and_disturb_none_of_it(
    closed_shop: Path, tmp_path: Path
) -> None:
    platform = Platform.open(announcing(closed_shop))
    export_run(platform, RUN, tmp_path / "before.tar")
    announce(platform, "shop")
    paths = platform.store.list(f"{layout.run_folder(RUN)}/announcements")
    assert len(paths) == 5
    assert [place_of(path) for path in paths] == [None] * 5
    assert verify_run(platform, RUN).ok
    export_run(platform, RUN, tmp_path / "after.tar")
    assert (tmp_path / "before.tar").read_bytes() == (tmp_path / "after.tar").read_bytes()
    assert verify_bundle(tmp_path / "after.tar", []).ok


def test_a_run_that_was_announced_before_it_is_closed_closes_as_any_other(ready: Path) -> None:
    platform = Platform.open(announcing(ready))
    announce(platform, "shop")
    close(platform, RUN)
    listed = json.dumps(platform.store.read(f"{layout.evidence_folder(RUN, 1)}/bundle.json").hex())
    for path in platform.store.list(f"{layout.run_folder(RUN)}/announcements"):
        assert path.encode().hex() not in listed
    assert verify_run(platform, RUN).ok


def test_a_record_tells_what_was_sent_and_where(closed_shop: Path) -> None:
    announce(Platform.open(announcing(closed_shop)), "shop")
    events = {event["id"]: event for event in published(closed_shop)}
    for record in announcements(closed_shop):
        sent = events[record["event"]["id"]]
        assert record["event"]["data"] == sent["data"]
        assert record["target"] == {"kind": "file_log", "topic": TOPIC}
    for path in (closed_shop / "store").glob("runs/*/announcements/*"):
        assert path.stem == json.loads(path.read_bytes())["event"]["id"]


def test_what_is_withheld_of_a_closed_run_is_told_and_comes_when_it_is_mended(
    closed_shop: Path,
) -> None:
    platform = Platform.open(announcing(closed_shop))
    part = next((closed_shop / "store").glob(f"runs/{RUN}/products/orders/*/part-*"))
    whole = part.read_bytes()
    part.chmod(0o644)
    part.write_bytes(whole[:-1] + b"x")
    told = announce(platform, "shop")
    assert list(told["withheld"]) == [f"{RUN}/orders"]
    assert "PartAltered" in told["withheld"][f"{RUN}/orders"]
    assert f"{RUN}/orders" not in subjects(told["announced"])
    assert not platform.store.exists(layout.announced_path(RUN))
    part.write_bytes(whole)
    told = announce(Platform.open(closed_shop), "shop")
    assert (subjects(told["announced"]), told["withheld"]) == ([f"{RUN}/orders"], {})
    assert platform.store.exists(layout.announced_path(RUN))


def test_a_closed_run_of_which_a_product_is_revoked_is_settled(closed_shop: Path) -> None:
    platform = Platform.open(announcing(closed_shop))
    revoke(platform, RUN, "orders", "wrong prices")
    told = announce(platform, "shop")
    assert f"{RUN}/orders" not in subjects(told["announced"])
    assert told["withheld"] == {}
    assert platform.store.exists(layout.announced_path(RUN))


def test_runs_of_which_nothing_is_left_are_not_looked_at_again(closed_shop: Path) -> None:
    announcing(closed_shop)

    class Reading(LocalStore):
        def __init__(self, root: Path) -> None:
            super().__init__(root)
            self.looked: set[str] = set()

        def exists(self, path: str) -> bool:
            self.looked.add(path)
            return super().exists(path)

        def read(self, path: str) -> bytes:
            self.looked.add(path)
            return super().read(path)

        def list(self, prefix: str) -> list[str]:
            self.looked.add(prefix)
            return super().list(prefix)

    for number in range(2, 7):
        append(closed_shop, "orders", 0, [order(1000 + number)])
        platform = Platform.open(closed_shop)
        run = next_run(platform, "shop")
        assert run == RunId("shop", number)
        finish(platform, run)
    assert len(announce(platform, "shop")["announced"]) == 6 * 5

    append(closed_shop, "orders", 0, [order(2000)])
    run = next_run(platform, "shop")
    assert run is not None
    store = Reading(closed_shop / "store")
    announce(Platform.open(closed_shop, store=store), "shop")
    looked_into = {path for path in store.looked if path.startswith("runs/")}
    assert looked_into
    assert all(path.startswith(f"runs/{run}") for path in looked_into), looked_into


def test_a_run_that_stays_open_holds_nothing_up(closed_shop: Path) -> None:
    """Run 2 cannot be closed; what comes after it is announced all the same, and run 2 later."""
    announcing(closed_shop)
    redeclare(closed_shop, lambda attributes: attributes["dedupe"].update(horizon_runs=0))
    platform = Platform.open(closed_shop)
    append(closed_shop, "orders", 0, [order(3000, cents=0)])  # outside the range that is checked
    stuck = next_run(platform, "shop")
    assert stuck == RunId("shop", 2)
    assert subjects(announce(platform, "shop")["announced"])[-1] == str(RUN)
    assert not platform.store.exists(layout.announced_path(stuck))
    finish_quietly(platform, stuck)
    told = announce(platform, "shop")["announced"]
    assert f"{stuck}/cancellations" in subjects(told)
    assert f"{stuck}/orders" not in subjects(told)
    assert not platform.store.exists(layout.announced_path(stuck))


def finish_quietly(platform: Platform, run: RunId) -> None:
    with pytest.raises(CertificationFailed, match=r"range"):
        finish(platform, run)


def test_two_that_announce_at_once_publish_twice_and_record_once(closed_shop: Path) -> None:
    announcing(closed_shop)
    other = Platform.open(closed_shop)

    class Meddling(LocalStore):
        """Lets another announcer finish between the publication and its record."""

        met = False

        def create(self, path: str, data: bytes) -> None:
            if "/announcements/" in path and not self.met:
                self.met = True
                announce(other, "shop")
            super().create(path, data)

    platform = Platform.open(closed_shop, store=Meddling(closed_shop / "store"))
    assert len(announce(platform, "shop")["announced"]) == 5
    events = published(closed_shop)
    assert len(events) == 10
    assert len({event["id"] for event in events}) == 5
    assert len(announcements(closed_shop)) == 5


def test_a_store_that_takes_no_record_is_told_and_the_event_comes_again(closed_shop: Path) -> None:
    announcing(closed_shop)

    class Full(LocalStore):
        def create(self, path: str, data: bytes) -> None:
            if "/announcements/" in path:
                raise StoreUnwritable(path, expected="room", found="none", remedy="Make room.")
            super().create(path, data)

    with pytest.raises(StoreUnwritable):
        announce(Platform.open(closed_shop, store=Full(closed_shop / "store")), "shop")
    assert len(announce(Platform.open(closed_shop), "shop")["announced"]) == 5


def test_the_bytes_of_an_announcement_are_the_same_for_ever(closed_shop: Path) -> None:
    announcing(closed_shop)
    announce(Platform.open(closed_shop), "shop")
    segment = next((closed_shop / "control" / TOPIC / "0").glob("*.ndjson"))
    first = digest_bytes(segment.read_bytes())
    for path in (closed_shop / "store").glob("runs/*/announcements/*"):
        path.unlink()
    (closed_shop / "store" / layout.announced_path(RUN)).unlink()
    before = segment.read_bytes()
    announce(Platform.open(closed_shop), "shop")
    assert segment.read_bytes() == before * 2
    assert digest_bytes(before) == first
