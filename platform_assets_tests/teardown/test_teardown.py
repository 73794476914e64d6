"""Teardown: what goes, what stays, what is refused, and what still verifies afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from platform_assets.adapters.local_removal import LocalRemoval
from platform_assets.canonical import canonical_bytes
from platform_assets.errors import (
    DataRemoved,
    InvalidName,
    PartMissing,
    PartNotRegular,
    ProductRemoved,
    RemovalDenied,
    RunOpen,
    VerificationFailed,
)
from platform_assets.flow.signing import Statement, Subject, sign_statement
from platform_assets.flow.teardown import TEARDOWN
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    export_run,
    finish,
    next_run,
    open_product,
    publish,
    run_summary,
    verify_bundle,
    verify_run,
)
from platform_assets.pipeline.supersede import supersede
from platform_assets.pipeline.teardown_records import newest_statement, standing_teardown
from platform_assets.ports.clock import SystemClock
from platform_assets_tests.shop import append, order
from platform_assets_tests.teardown.torn import (
    FIRST,
    everything,
    keep,
    parts_of,
    problems,
    rewritten,
    tear_down,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

OPEN = RunId("shop", 6)
LAST = RunId("shop", 5)


class LaterClock(SystemClock):
    """A clock that is days ahead."""

    def __init__(self, days: int) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self._ahead


def test_all_data_of_a_closed_run_goes_and_nothing_else(home: Path) -> None:
    before, parts = everything(home), parts_of(home)
    answer = tear_down(home)
    assert sorted(entry["path"] for entry in answer["removed"]) == parts
    assert parts_of(home) == []
    after = everything(home)
    added = sorted(set(after) - set(before))
    assert added == ["teardowns/shop-00000001/0001.done.json", "teardowns/shop-00000001/0001.json"]
    assert {path: after[path] for path in before} == before


def test_the_run_verifies_afterwards_and_says_which_teardown_deleted_what(home: Path) -> None:
    deleted = tear_down(home)
    result = verify_run(Platform.open(home), FIRST)
    assert problems(result) == []
    assert result.facts["data"] == 0
    (told,) = result.facts["removed"]
    assert (told["run_id"], told["teardown"], told["state"]) == (str(FIRST), 1, "DONE")
    assert told["files"] == len(deleted["removed"])
    assert told["bytes"] == sum(entry["size"] for entry in deleted["removed"])
    shown = run_summary(Platform.open(home), FIRST)["removed"]
    assert (shown["state"], shown["files"]) == ("DONE", told["files"])
    assert shown["kinds"] == ["admission", "landing", "products"]
    assert run_summary(Platform.open(home), LAST)["removed"] is None


@pytest.mark.parametrize("kind", ["landing", "admission", "products"])
def test_data_that_was_taken_away_without_a_record_is_a_finding(home: Path, kind: str) -> None:
    keep(home, **{each: "0d" for each in ("landing", "admission", "products") if each != kind})
    tear_down(home)
    (left, *_) = parts_of(home)
    (home / "store" / left).unlink()
    assert problems(verify_run(Platform.open(home), FIRST)) == [f"{left}: absent"]


def test_all_data_taken_away_without_a_record_is_as_many_findings(home: Path) -> None:
    gone = parts_of(home)
    for path in gone:
        (home / "store" / path).unlink()
    assert problems(verify_run(Platform.open(home), FIRST)) == [f"{path}: absent" for path in gone]
    with pytest.raises(VerificationFailed):
        tear_down(home)


def test_a_deleted_part_that_is_there_again_is_a_finding(home: Path) -> None:
    path = parts_of(home)[0]
    data = (home / "store" / path).read_bytes()
    tear_down(home)
    (home / "store" / path).write_bytes(data)
    said = f"{path}: is there, and teardown 1 of shop-00000001 deleted it"
    assert problems(verify_run(Platform.open(home), FIRST)) == [said]


def test_a_run_that_does_not_verify_is_not_torn_down(home: Path) -> None:
    part = home / "store" / parts_of(home)[-1]
    part.chmod(0o644)
    part.write_bytes(part.read_bytes() + b"0")
    with pytest.raises(VerificationFailed, match="expected"):
        tear_down(home)
    assert standing_teardown(Platform.open(home), FIRST) is None
    assert len(parts_of(home)) == 11


def test_an_open_run_is_not_torn_down(open_too: Path) -> None:
    with pytest.raises(RunOpen, match="close shop-00000006"):
        tear_down(open_too, OPEN)


@pytest.mark.parametrize("sequence", [3, 4, 5])
def test_products_within_the_horizon_of_the_next_window_stay(home: Path, sequence: int) -> None:
    run = RunId("shop", sequence)
    answer = tear_down(home, run)
    kept = {(kept["kind"], kept["name"]): kept["why"] for kept in answer["kept"]}
    assert set(kept) == {("products", name) for name in ("orders", "cancellations", "refunds")}
    why = "shop-00000006, the next window, needs it: the dedupe horizon of 3 runs"
    assert set(kept.values()) == {why}
    assert open_product(Platform.open(home), run, "orders").rows
    with pytest.raises(ProductRemoved):
        open_product(Platform.open(home), run, "turnover")


def test_products_within_the_horizon_of_an_open_run_stay_and_it_can_be_finished(
    open_too: Path,
) -> None:
    answer = tear_down(open_too, RunId("shop", 3))
    (orders,) = [kept for kept in answer["kept"] if kept["name"] == "orders"]
    assert orders["why"].startswith("shop-00000006, which is open, needs it")
    for sequence in (1, 2, 4, 5):
        tear_down(open_too, RunId("shop", sequence))
    platform = Platform.open(open_too)
    assert finish(platform, OPEN)["verdict"] == "CLOSED"
    assert problems(verify_run(platform, OPEN)) == []


def test_what_is_needed_no_longer_goes_with_the_next_teardown(home: Path) -> None:
    run = RunId("shop", 3)
    first = tear_down(home, run)
    append(home, "orders", 0, [order(3000)])
    platform = Platform.open(home)
    following = next_run(platform, "shop")
    assert following is not None
    finish(platform, following)
    second = tear_down(home, run)
    assert second["path"] == "teardowns/shop-00000003/0002.done.json"
    assert not {e["path"] for e in first["removed"]} & {e["path"] for e in second["removed"]}
    assert {entry["path"].split("/")[2] for entry in second["removed"]} == {"products"}
    assert parts_of(home, run) == []
    verified = verify_run(Platform.open(home), run)
    assert problems(verified) == []
    assert verified.facts["removed"][0]["teardown"] == 2


def test_a_run_whose_horizon_was_deleted_verifies_by_the_teardown_of_that_run(home: Path) -> None:
    tear_down(home, FIRST)
    result = verify_run(Platform.open(home), RunId("shop", 2))
    assert problems(result) == []
    assert [told["run_id"] for told in result.facts["removed"]] == [str(FIRST)]
    with pytest.raises(DataRemoved):
        export_run(Platform.open(home), RunId("shop", 2), home / "two.tar", with_data=True)


def test_what_was_landed_stays_while_a_correction_may_have_to_copy_it(home: Path) -> None:
    correction = supersede(Platform.open(home), FIRST, "a mended check")
    answer = tear_down(home)
    landed = [kept for kept in answer["kept"] if kept["kind"] == "landing"]
    assert {kept["name"] for kept in landed} == {"orders", "changes"}
    assert all(str(correction) in kept["why"] for kept in landed)
    assert any("/landing/" in path for path in parts_of(home))
    finish(Platform.open(home), correction)
    tear_down(home)
    assert not any("/landing/" in path for path in parts_of(home))


def test_nothing_goes_before_its_retention_or_without_one(home: Path) -> None:
    keep(home, landing="30d", products="52w")
    answer = tear_down(home)
    assert answer["state"] == "NOTHING"
    why = {kept["kind"]: kept["why"] for kept in answer["kept"]}
    assert why["admission"] == "no retention is declared"
    assert "its retention ends at 20" in why["landing"]
    assert len(parts_of(home)) == 11
    later = Platform.open(home, clock=LaterClock(31))
    removal = LocalRemoval(home / "store")
    from platform_assets.pipeline.teardown import teardown  # noqa: PLC0415

    gone = teardown(later, removal, FIRST)
    assert {entry["path"].split("/")[2] for entry in gone["removed"]} == {"landing"}
    assert gone["proof"]["retention"] == {
        "landing": "30d",
        "admission": None,
        "products": "52w",
        "older_than": None,
    }


def test_older_than_defers_and_never_hastens(home: Path) -> None:
    assert tear_down(home, older_than="1h")["state"] == "NOTHING"
    keep(home, landing="30d")
    assert tear_down(home, older_than="0d")["state"] == "NOTHING"
    assert len(parts_of(home)) == 11


def test_a_dry_run_tells_the_same_and_leaves_all(home: Path) -> None:
    before = everything(home)
    planned = tear_down(home, dry_run=True)
    assert (planned["state"], everything(home)) == ("PLANNED", before)
    assert planned["removed"] == tear_down(home)["removed"]


def test_parts_that_no_evidence_names_go_as_well_and_are_recorded(home: Path) -> None:
    left = "runs/shop-00000001/landing/orders/part-00009.000000000000.parquet"
    (home / "store" / left).write_bytes(b"left by an attempt that was killed")
    answer = tear_down(home)
    assert [entry["path"] for entry in answer["unlisted"]] == [left]
    assert parts_of(home) == []
    assert problems(verify_run(Platform.open(home), FIRST)) == []


def test_a_second_call_has_nothing_to_do(home: Path) -> None:
    tear_down(home)
    before = everything(home)
    assert tear_down(home)["state"] == "NOTHING"
    assert everything(home) == before


def test_reading_is_refused_with_the_teardown_and_without_one_as_before(home: Path) -> None:
    tear_down(home)
    with pytest.raises(ProductRemoved, match="teardown 1 of shop-00000001"):
        open_product(Platform.open(home), FIRST, "orders")
    (lost,) = [path for path in parts_of(home, LAST) if "products/orders" in path]
    (home / "store" / lost).unlink()
    with pytest.raises(PartMissing):
        open_product(Platform.open(home), LAST, "orders")


def test_the_catalogue_leaves_out_what_was_deleted(home: Path, tmp_path: Path) -> None:
    tear_down(home)
    with duckdb.connect(str(tmp_path / "c.duckdb")) as connection:
        publish(Platform.open(home), "shop", connection)
        rows = connection.sql("select count(*) from shop.orders").fetchall()
    assert rows == [(4,)]


def test_an_export_carries_the_proof_and_verifies_anywhere(home: Path, tmp_path: Path) -> None:
    tear_down(home)
    platform = Platform.open(home)
    with pytest.raises(DataRemoved, match="with data"):
        export_run(platform, FIRST, tmp_path / "data.tar", with_data=True)
    export_run(platform, FIRST, tmp_path / "bundle")
    proof = tmp_path / "bundle" / "teardown.json"
    keys = list((home / "keys" / "trusted").glob("*.pem"))
    result = verify_bundle(tmp_path / "bundle", keys)
    assert problems(result) == []
    assert result.facts["removed"][0]["files"] == 11
    assert json.loads(proof.read_bytes())["record"] == "teardowns"


def test_every_changed_byte_of_the_proof_is_a_finding(home: Path, tmp_path: Path) -> None:
    tear_down(home)
    export_run(Platform.open(home), FIRST, tmp_path / "bundle")
    proof = tmp_path / "bundle" / "teardown.json"
    keys = list((home / "keys" / "trusted").glob("*.pem"))
    whole = proof.read_bytes()
    for place in range(0, len(whole), 97):
        changed = bytearray(whole)
        changed[place] ^= 1
        proof.chmod(0o644)
        proof.write_bytes(changed)
        assert not verify_bundle(tmp_path / "bundle", keys).ok, place


def test_the_proof_of_another_run_and_of_another_key_are_findings(
    home: Path, tmp_path: Path
) -> None:
    for sequence in (1, 2):
        tear_down(home, RunId("shop", sequence))
        export_run(Platform.open(home), RunId("shop", sequence), tmp_path / str(sequence))
    keys = list((home / "keys" / "trusted").glob("*.pem"))
    other = json.loads((tmp_path / "2" / "teardown.json").read_bytes())
    other["teardowns"] = other["teardowns"][1:]  # that of run 2 alone
    target = tmp_path / "1" / "teardown.json"
    target.chmod(0o644)
    target.write_bytes(canonical_bytes(other))
    (found,) = problems(verify_bundle(tmp_path / "1", keys))
    assert "deleted nothing that the evidence names" in found
    mine = Platform.open(_another_home(tmp_path)).signer
    standing = standing_teardown(Platform.open(home), FIRST)
    assert standing is not None
    subject = Subject("bundle.json", standing["bundle_digest"])
    forged = json.loads(sign_statement(mine, Statement(TEARDOWN, (subject,), standing)))
    target.write_bytes(canonical_bytes({**other, "teardowns": [forged]}))
    (found,) = problems(verify_bundle(tmp_path / "1", keys))
    assert "SignerUntrusted" in found


def test_a_proof_of_other_evidence_accounts_for_nothing(home: Path) -> None:
    tear_down(home)
    platform = Platform.open(home)
    record = {**(standing_teardown(platform, FIRST) or {}), "bundle_digest": f"sha256:{'0' * 64}"}
    subject = Subject("bundle.json", record["bundle_digest"])
    forged = sign_statement(platform.signer, Statement(TEARDOWN, (subject,), record))
    path = home / "store" / newest_statement(platform, FIRST)[0]  # type: ignore[index]
    path.chmod(0o644)
    path.write_bytes(forged)
    found = problems(verify_run(platform, FIRST))
    assert (
        "teardown.json: teardown 1 of shop-00000001 is about the evidence sha256:000"
        in found[0][:90]
    )
    assert len(found) == 12


def test_a_statement_that_was_changed_in_the_store_is_a_finding(home: Path) -> None:
    tear_down(home)
    path = home / "store" / "teardowns/shop-00000001/0001.done.json"
    rewritten(path, lambda value: value["dsseEnvelope"].update(payload="e30="))
    found = problems(verify_run(Platform.open(home), FIRST))
    assert found[0].startswith("teardown.json: SignatureInvalid")
    assert run_summary(Platform.open(home), FIRST)["removed"]["state"] == "SignatureInvalid"


@pytest.mark.parametrize(
    "path",
    [
        "runs/shop-00000001/products/orders/0001/manifest.json",
        "runs/shop-00000001/products/orders/0001/claim.json",
        "runs/shop-00000001/landing/orders.json",
        "runs/shop-00000001/evidence/0001/bundle.json",
        "runs/shop-00000001/evidence/0001/x.parquet",
        "runs/shop-00000001/closure/0001.seal",
        "runs/shop-00000001/certificates/orders/0001/0001.json",
        "runs/shop-00000001/landing/orders/../../closure/x.parquet",
        "runs/shop-00000001/landing/orders/../x.parquet",
        "feeds/shop/00000001.json",
        "log/0000000001.json",
        "../store/runs/shop-00000001/landing/orders/x.parquet",
        "/etc/x.parquet",
        "",
    ],
)
def test_the_removal_refuses_every_path_that_is_no_part(home: Path, path: str) -> None:
    before = everything(home)
    with pytest.raises(InvalidName):
        LocalRemoval(home / "store").remove(path)
    assert everything(home) == before


def test_the_removal_follows_no_link(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "part-00000.parquet").write_bytes(b"of another")
    folder = home / "store/runs/shop-00000001/landing/linked"
    folder.symlink_to(elsewhere)
    with pytest.raises(PartNotRegular):
        LocalRemoval(home / "store").remove("runs/shop-00000001/landing/linked/part-00000.parquet")
    assert (elsewhere / "part-00000.parquet").exists()


def test_a_store_that_lets_nothing_be_deleted_leaves_a_begun_teardown(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Locked(LocalRemoval):
        def remove(self, path: str) -> None:
            if "/products/" in path:
                raise RemovalDenied(path, expected="-", found="locked until 2030", remedy="wait")
            super().remove(path)

    from platform_assets.pipeline.teardown import teardown  # noqa: PLC0415

    with pytest.raises(RemovalDenied, match="locked until"):
        teardown(Platform.open(home), Locked(home / "store"), FIRST)
    platform = Platform.open(home)
    assert (standing_teardown(platform, FIRST) or {})["state"] == "BEGUN"
    verified = verify_run(platform, FIRST)
    assert problems(verified) == []
    assert verified.facts["removed"][0]["state"] == "BEGUN"
    assert tear_down(home)["state"] == "DONE"
    assert parts_of(home) == []


def _another_home(tmp_path: Path) -> Path:
    home = tmp_path / "another"
    home.mkdir()
    (home / "platform.yaml").write_text("{}\n")
    return home
