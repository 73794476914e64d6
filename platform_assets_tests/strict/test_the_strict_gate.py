"""Without a PASS certificate, and without the key that it releases, there is no way in."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from platform_assets.adapters.wrapping_keys import FileWrappingKey
from platform_assets.errors import (
    CertificateFailed,
    CertificateInvalid,
    CertificateMissing,
    CertificateRevoked,
    GateRefusal,
    KeyInvalid,
    KeyMissing,
    PartAltered,
    SettingsInvalid,
)
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, build, certify, open_product, revoke
from platform_assets.pipeline.reading import verify_product
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.cli.calls import call
from platform_assets_tests.shop import redeclare
from platform_assets_tests.strict.planted_shop import planted
from platform_assets_tests.strict.raw_search import found_in

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def _certificate(home: Path) -> dict[str, Any]:
    return dict(Attacker(home, RUN).statement()["predicate"]["certificate"])


def test_before_it_is_certified_nobody_reads_it_by_any_engine(built_home: Path) -> None:
    with pytest.raises(CertificateMissing):
        open_product(Platform.open(built_home), RUN, "orders")
    part = Attacker(built_home, RUN).part()
    with pytest.raises(pl.exceptions.PolarsError):
        pl.read_parquet(part)
    with pytest.raises(pa.ArrowInvalid, match="not a parquet file"):
        pq.read_table(part)
    with pytest.raises(duckdb.Error), duckdb.connect() as connection:
        connection.read_parquet(str(part)).fetchall()
    assert found_in(built_home / "store", planted()) == {}


def test_a_certificate_that_says_fail_holds_no_key(built_home: Path) -> None:
    def stricter(feed: dict[str, Any]) -> None:
        feed["products"]["orders"]["checks"].append(
            {"check": "range", "name": "tiny", "column": "cents", "min": 1, "max": 2}
        )

    redeclare(built_home, stricter)
    platform = Platform.open(built_home)
    assert certify(platform, RUN, "orders")["verdict"] == "FAIL"
    assert "release" not in _certificate(built_home)
    assert not (built_home / "keys/release.key").exists()
    with pytest.raises(CertificateFailed):
        open_product(platform, RUN, "orders")
    assert found_in(built_home / "store", planted()) == {}


def test_a_certificate_that_says_fail_and_holds_a_key_is_no_certificate(built_home: Path) -> None:
    assert certify(Platform.open(built_home), RUN, "orders")["verdict"] == "PASS"
    attacker = Attacker(built_home, RUN)
    attacker.certify_as(lambda certificate: certificate.update(verdict="FAIL"))
    with pytest.raises(CertificateInvalid):
        attacker.read()


def test_a_pass_without_the_released_key_opens_nothing(built_home: Path) -> None:
    certify(Platform.open(built_home), RUN, "orders")
    attacker = Attacker(built_home, RUN)
    attacker.certify_as(lambda certificate: certificate.pop("release"))
    with pytest.raises(CertificateInvalid, match="the released key"):
        attacker.read()


@pytest.mark.parametrize("moved", ["wrapped", "key_id", "both"])
def test_a_released_key_of_another_product_opens_nothing(built_home: Path, moved: str) -> None:
    platform = Platform.open(built_home)
    certify(platform, RUN, "orders")
    other = certify(platform, RUN, "cancellations")["release"]
    attacker = Attacker(built_home, RUN)

    def change(certificate: dict[str, Any]) -> None:
        taken = other if moved == "both" else {moved: other[moved]}
        certificate["release"] |= taken

    attacker.certify_as(change)
    with pytest.raises(KeyInvalid if moved == "wrapped" else CertificateInvalid):
        attacker.read()


def test_the_key_in_the_claim_is_not_opened_by_the_release_key(built_home: Path) -> None:
    certify(Platform.open(built_home), RUN, "orders")
    attacker = Attacker(built_home, RUN)
    claim = json.loads((attacker.generation() / "claim.json").read_bytes())
    attacker.certify_as(lambda certificate: certificate["release"].update(claim["key"]))
    with pytest.raises(KeyInvalid):
        attacker.read()


@pytest.mark.parametrize(
    "changed", ["run_id", "product", "generation", "manifest_digest", "policy_digest", "stage"]
)
def test_a_wrapped_key_opens_under_no_other_context(tmp_path: Path, changed: str) -> None:
    key = FileWrappingKey(tmp_path / "release.key")
    context = {
        "stage": "release",
        "run_id": "shop-00000001",
        "product": "orders",
        "generation": "1",
        "manifest_digest": "sha256:aa",
        "policy_digest": "sha256:bb",
    }
    wrapped = key.wrap(b"k" * 32, context)
    assert key.unwrap(wrapped, context) == b"k" * 32
    with pytest.raises(KeyInvalid, match="wrapped for something else"):
        key.unwrap(wrapped, {**context, changed: "other"})


def test_reading_without_the_release_key_names_it_and_the_remedy(closed_home: Path) -> None:
    (closed_home / "keys/release.key").unlink()
    with pytest.raises(KeyMissing) as refused:
        open_product(Platform.open(closed_home), RUN, "orders")
    assert str(closed_home / "keys/release.key") in refused.value.thing
    assert "Ask whoever wrapped it for the key" in refused.value.remedy
    assert not (closed_home / "keys/release.key").exists()  # reading makes no key
    answer = call("read", "orders", "--run", RUN, "--home", closed_home, "--json")
    assert answer.code == 1
    assert answer.document["error"] == "KeyMissing"
    verify_product(Platform.open(closed_home), RUN, "orders")  # what needs no row needs no key


def test_reading_with_another_release_key_is_refused(closed_home: Path) -> None:
    (closed_home / "keys/release.key").unlink()
    FileWrappingKey(closed_home / "keys/release.key").wrap(b"k" * 32, {})  # which makes another
    with pytest.raises(KeyInvalid, match="expected file:"):
        open_product(Platform.open(closed_home), RUN, "orders")


def test_a_release_key_that_others_may_read_is_a_mistake_of_the_settings(closed_home: Path) -> None:
    (closed_home / "keys/release.key").chmod(0o644)
    with pytest.raises(SettingsInvalid, match="mode 0644"):
        open_product(Platform.open(closed_home), RUN, "orders")
    assert call("read", "orders", "--run", RUN, "--home", closed_home).code == 2


def test_a_revoked_certificate_opens_nothing_though_it_holds_the_key(closed_home: Path) -> None:
    platform = Platform.open(closed_home)
    revoke(platform, RUN, "orders", "counted twice")
    with pytest.raises(CertificateRevoked):
        open_product(platform, RUN, "orders")


def test_a_new_generation_of_revoked_rows_stays_revoked(built_home: Path) -> None:
    platform = Platform.open(built_home)
    certify(platform, RUN, "orders")
    revoke(platform, RUN, "orders", "counted twice")
    attacker = Attacker(built_home, RUN)
    attacker.overwrite(attacker.part(), b"damaged, so that the next build makes a generation")
    assert build(platform, RUN, "orders")["generation"] == 2
    assert certify(platform, RUN, "orders")["verdict"] == "PASS"
    with pytest.raises(CertificateRevoked):
        open_product(platform, RUN, "orders")


def test_the_encrypted_part_of_another_product_does_not_open(built_home: Path) -> None:
    """Someone with the staging key and the store, but not the signing key, swaps parts."""
    platform = Platform.open(built_home)
    certify(platform, RUN, "orders")
    attacker = Attacker(built_home, RUN)
    shutil.copy(attacker.part(number=1), attacker.part(number=0))
    with pytest.raises(PartAltered):
        attacker.read()


def test_certifying_again_keeps_the_certificate_and_a_new_release_key_makes_the_next(
    built_home: Path,
) -> None:
    platform = Platform.open(built_home)
    first = certify(platform, RUN, "orders")
    assert certify(platform, RUN, "orders") == first
    (built_home / "keys/release.key").unlink()
    with pytest.raises(GateRefusal):
        open_product(platform, RUN, "orders")
    second = certify(platform, RUN, "orders")
    assert second["release"]["key_id"] == first["release"]["key_id"]
    assert second["release"]["wrapping_key"] != first["release"]["wrapping_key"]
    assert open_product(platform, RUN, "orders").scan().collect().height == 60
