"""I7: attempts to read what must not be read, each refused with its own reason."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.adapters.key_files import signer_from_file
from platform_assets.adapters.local_store import LocalStore
from platform_assets.canonical import canonical_bytes
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    CertifiedProduct,
    Platform,
    build,
    certify,
    consume,
    land,
    layout,
    open_product,
    pin,
    product_parts,
    revoke,
)
from platform_assets.pipeline.admit import admit
from platform_assets_tests.shop import append, order, redeclare, refunded

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.attacks import Attacker


def test_i07_what_is_certified_can_be_read(attacker: Attacker) -> None:
    opened = attacker.read()
    assert opened.scan().collect().height == opened.rows == 100
    assert opened.dataset().count_rows() == 100


def test_i07_no_certificate(attacker: Attacker) -> None:
    attacker.certificate().unlink()
    with pytest.raises(errors.CertificateMissing, match="platform-assets certify orders"):
        attacker.read()


def test_i07_failed_certificate(attacker: Attacker) -> None:
    _tighten(attacker)
    platform = attacker.platform()
    assert certify(platform, attacker.run, "orders")["verdict"] == "FAIL"
    with pytest.raises(errors.CertificateFailed, match="range_cents"):
        attacker.read()


def test_i07_failed_certificate_that_claims_its_checks_passed(attacker: Attacker) -> None:
    def fail(certificate: dict[str, Any]) -> None:
        certificate["verdict"] = "FAIL"

    attacker.certify_as(fail)
    with pytest.raises(errors.CertificateFailed):
        attacker.read()


def test_i07_passed_verdict_over_a_failed_check(attacker: Attacker) -> None:
    def fail(certificate: dict[str, Any]) -> None:
        certificate["checks"][0]["outcome"] = "FAIL"

    attacker.certify_as(fail)
    with pytest.raises(errors.CheckSetIncomplete):
        attacker.read()


def test_i07_certificate_of_another_product(attacker: Attacker) -> None:
    attacker.overwrite(attacker.certificate(), attacker.certificate("refunds").read_bytes())
    with pytest.raises(errors.CertificateForeign, match="product refunds"):
        attacker.read()


def test_i07_certificate_of_another_run(attacker: Attacker) -> None:
    append(attacker.home, "orders", 0, [order(n) for n in range(1000, 1040)])
    second = _second_run(attacker)
    stolen = attacker.store / layout.certificate_path(second, "orders", 1, 1)
    attacker.overwrite(attacker.certificate(), stolen.read_bytes())
    with pytest.raises(errors.CertificateForeign, match="run_id shop-00000002"):
        attacker.read()


def test_i07_certificate_of_another_generation(attacker: Attacker) -> None:
    _rebuilt(attacker)
    attacker.overwrite(attacker.certificate(generation=2), attacker.certificate().read_bytes())
    with pytest.raises(errors.CertificateForeign, match="generation 1"):
        attacker.read()


def test_i07_pass_older_than_a_rebuild(attacker: Attacker) -> None:
    _rebuilt(attacker)
    with pytest.raises(errors.CertificateMissing):
        attacker.read()


def test_i07_empty_check_set(attacker: Attacker) -> None:
    attacker.certify_as(lambda certificate: certificate["checks"].clear())
    with pytest.raises(errors.CheckSetEmpty):
        attacker.read()


def test_i07_missing_check(attacker: Attacker) -> None:
    attacker.certify_as(lambda certificate: certificate["checks"].pop())
    with pytest.raises(errors.CheckSetIncomplete, match="range_cents"):
        attacker.read()


def test_i07_check_named_twice(attacker: Attacker) -> None:
    attacker.certify_as(lambda certificate: certificate["checks"].append(certificate["checks"][0]))
    with pytest.raises(errors.CheckSetIncomplete, match="twice"):
        attacker.read()


def test_i07_policy_changed_after_certification(attacker: Attacker) -> None:
    _tighten(attacker)
    with pytest.raises(errors.PolicyChanged):
        attacker.read()


def test_i07_manifest_altered(attacker: Attacker) -> None:
    attacker.rewrite_manifest(lambda manifest: manifest.update(rows=manifest["rows"] + 1))
    with pytest.raises(errors.CertificateForeign, match="manifest_digest"):
        attacker.read()


def test_i07_manifest_altered_and_named_as_subject_but_not_in_the_certificate(
    attacker: Attacker,
) -> None:
    digest = attacker.rewrite_manifest(lambda manifest: manifest["parts"].pop())
    attacker.certify_as(lambda _: None, subject=digest)
    with pytest.raises(errors.CertificateForeign, match="manifest_digest"):
        attacker.read()


def test_i07_manifest_not_canonical(attacker: Attacker) -> None:
    attacker.overwrite(attacker.manifest(), attacker.manifest().read_bytes() + b"\n")
    with pytest.raises(errors.ManifestInvalid, match="canonical"):
        attacker.read()


def test_i07_manifest_of_another_product(attacker: Attacker) -> None:
    attacker.overwrite(attacker.manifest(), attacker.manifest("refunds").read_bytes())
    with pytest.raises(errors.ManifestForeign):
        attacker.read()


def test_i07_another_record_in_the_place_of_the_manifest(attacker: Attacker) -> None:
    """A claim names run, product, generation and configuration as well."""
    attacker.overwrite(attacker.manifest(), (attacker.generation() / "claim.json").read_bytes())
    with pytest.raises(errors.ManifestInvalid, match="one of kind generation"):
        attacker.read()


@pytest.mark.parametrize(
    "field", ["run_id", "product", "generation", "config_digest", "manifest_digest"]
)
def test_i06_a_certificate_that_names_another_thing_in_one_field(
    field: str, attacker: Attacker
) -> None:
    other: dict[str, Any] = {
        "run_id": "shop-00000002",
        "product": "refunds",
        "generation": 2,
        "config_digest": "sha256:" + "0" * 64,
        "manifest_digest": "sha256:" + "0" * 64,
    }
    attacker.certify_as(lambda certificate: certificate.update({field: other[field]}))
    with pytest.raises(errors.CertificateForeign, match=field):
        attacker.read()


@pytest.mark.parametrize("field", ["run_id", "product", "generation", "config_digest"])
def test_i06_a_manifest_that_names_another_thing_in_one_field(
    field: str, attacker: Attacker
) -> None:
    other: dict[str, Any] = {
        "run_id": "shop-00000002",
        "product": "refunds",
        "generation": 2,
        "config_digest": "sha256:" + "0" * 64,
    }
    digest = attacker.rewrite_manifest(lambda manifest: manifest.update({field: other[field]}))
    attacker.certify_as(lambda c: c.update(manifest_digest=digest), subject=digest)
    with pytest.raises(errors.ManifestForeign):
        attacker.read()


def test_i06_a_certificate_whose_subject_is_another_manifest(attacker: Attacker) -> None:
    attacker.certify_as(lambda _: None, subject="sha256:" + "0" * 64)
    with pytest.raises(errors.CertificateForeign, match="subject"):
        attacker.read()


def test_i06_a_signed_certificate_without_a_verdict(attacker: Attacker) -> None:
    attacker.certify_as(lambda certificate: certificate.pop("verdict"))
    with pytest.raises(errors.CertificateInvalid, match="verdict"):
        attacker.read()


def test_i06_another_record_signed_as_a_certificate(attacker: Attacker) -> None:
    manifest = json.loads(attacker.manifest().read_bytes())

    def replace(certificate: dict[str, Any]) -> None:
        certificate.clear()
        certificate.update(manifest)

    attacker.certify_as(replace)
    with pytest.raises(errors.CertificateInvalid, match="one of kind manifest"):
        attacker.read()


def test_i07_a_strict_reading_hashes_every_part_again(
    attacker: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    hashing = product_parts.sha256_file
    monkeypatch.setattr(
        product_parts, "sha256_file", lambda path: hashed.append(path.name) or hashing(path)
    )
    platform = attacker.platform()
    for strict, expected in ((False, 3), (False, 3), (True, 6)):
        open_product(platform, attacker.run, "orders", strict=strict)
        assert len(hashed) == expected


def test_i07_part_altered_by_one_byte(attacker: Attacker) -> None:
    data = bytearray(attacker.part().read_bytes())
    data[len(data) // 2] ^= 1
    attacker.overwrite(attacker.part(), bytes(data))
    with pytest.raises(errors.PartAltered, match="sha256"):
        attacker.read()


def test_i07_part_altered_after_it_was_verified_once(attacker: Attacker) -> None:
    platform = attacker.platform()
    open_product(platform, attacker.run, "orders")
    data = bytearray(attacker.part().read_bytes())
    data[-20] ^= 1
    attacker.part().chmod(0o644)
    attacker.part().write_bytes(bytes(data))
    with pytest.raises(errors.PartAltered):
        open_product(platform, attacker.run, "orders")


def test_i07_local_copy_of_a_part_altered_after_it_was_verified_once(
    attacker: Attacker, tmp_path: Path
) -> None:
    class Copying(LocalStore):
        """Hands out copies, as a store in front of a bucket does."""

        def local_path(self, path: str) -> Path:
            copy = tmp_path / path.replace("/", "-")
            if not copy.exists():
                shutil.copyfile(super().local_path(path), copy)
            return copy

    platform = Platform.open(attacker.home, store=Copying(attacker.store))
    first = open_product(platform, attacker.run, "orders").paths[0]
    first.unlink()
    assert open_product(platform, attacker.run, "orders").paths[0].exists()
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    with pytest.raises(errors.PartAltered):
        open_product(platform, attacker.run, "orders")


def test_i07_part_truncated(attacker: Attacker) -> None:
    attacker.overwrite(attacker.part(), attacker.part().read_bytes()[:-1])
    with pytest.raises(errors.PartAltered, match="bytes"):
        attacker.read()


def test_i07_part_replaced_by_another_certified_part(attacker: Attacker) -> None:
    attacker.overwrite(attacker.part(number=0), attacker.part(number=1).read_bytes())
    with pytest.raises(errors.PartAltered):
        attacker.read()


def test_i07_part_removed(attacker: Attacker) -> None:
    attacker.part(number=1).unlink()
    with pytest.raises(errors.PartMissing):
        attacker.read()


def test_i07_part_added_where_a_glob_would_find_it(attacker: Attacker) -> None:
    shutil.copy(attacker.part(), attacker.generation() / "part-99999.parquet")
    with pytest.raises(errors.PartUnlisted, match="part-99999"):
        attacker.read()


def test_i07_part_is_a_link(attacker: Attacker) -> None:
    elsewhere = attacker.home / "elsewhere.parquet"
    shutil.move(attacker.part(), elsewhere)
    attacker.part().symlink_to(elsewhere)
    with pytest.raises(errors.PartNotRegular):
        attacker.read()


def test_i07_unknown_key(attacker: Attacker) -> None:
    own = signer_from_file(attacker.home / "attacker.pem")
    attacker.certify_as(lambda _: None, signer=own)
    with pytest.raises(errors.SignerUntrusted):
        attacker.read()


def test_i07_unknown_key_under_a_trusted_name(attacker: Attacker) -> None:
    own = signer_from_file(attacker.home / "attacker.pem")
    trusted = attacker.signed()["verificationMaterial"]
    attacker.certify_as(lambda _: None, signer=own)
    bundle = {**attacker.signed(), "verificationMaterial": trusted}
    attacker.overwrite(attacker.certificate(), canonical_bytes(bundle))
    with pytest.raises(errors.SignatureInvalid):
        attacker.read()


def test_i07_signature_stripped(attacker: Attacker) -> None:
    bundle = attacker.signed()
    bundle["dsseEnvelope"]["signatures"] = []
    attacker.overwrite(attacker.certificate(), canonical_bytes(bundle))
    with pytest.raises(errors.SignatureMissing):
        attacker.read()


def test_i07_bare_statement_instead_of_an_envelope(attacker: Attacker) -> None:
    attacker.overwrite(attacker.certificate(), canonical_bytes(attacker.statement()))
    with pytest.raises(errors.GateRefusal):
        attacker.read()


def test_i07_key_no_longer_trusted(attacker: Attacker) -> None:
    for key in (attacker.home / "keys" / "trusted").glob("*.pem"):
        key.unlink()
    with pytest.raises(errors.SignerUntrusted):
        attacker.read()


def test_i07_reading_during_a_rebuild(attacker: Attacker) -> None:
    _rebuilt(attacker)
    (attacker.generation(number=2) / "manifest.json").unlink()
    with pytest.raises(errors.GenerationPending):
        attacker.read()


def test_i07_revoked_certificate(attacker: Attacker) -> None:
    revoke(attacker.platform(), attacker.run, "orders", "the rates were wrong")
    with pytest.raises(errors.CertificateRevoked, match="the rates were wrong"):
        attacker.read()


def test_i07_revocation_that_does_not_verify_refuses_too(attacker: Attacker) -> None:
    revoke(attacker.platform(), attacker.run, "orders", "the rates were wrong")
    path = attacker.store / layout.revocation_path(attacker.run, "orders", 1, 1)
    attacker.overwrite(path, path.read_bytes()[:-1])
    with pytest.raises(errors.GateRefusal):
        attacker.read()


def test_i07_anchors_removed(attacker: Attacker) -> None:
    (attacker.store / layout.anchors_path(attacker.run)).unlink()
    with pytest.raises(errors.AnchorsUnproven):
        attacker.read()


def test_i07_anchors_that_do_not_link_to_the_successor(attacker: Attacker) -> None:
    append(attacker.home, "orders", 0, [order(n) for n in range(1000, 1040)])
    assert pin(attacker.platform(), "shop") == RunId("shop", 2)
    path = attacker.store / layout.anchors_path(attacker.run)
    anchors = json.loads(path.read_bytes())
    anchors["pinned_at"] = "2020-01-01T00:00:00.000000Z"
    attacker.overwrite(path, canonical_bytes(anchors))
    with pytest.raises(errors.AnchorsUnproven, match="successor"):
        attacker.read()


@pytest.mark.parametrize(
    "name", ["../orders", "orders/../refunds", "/etc/passwd", "", "Orders", "a\0b"]
)
def test_i07_path_traversal_in_a_product_name(attacker: Attacker, name: str) -> None:
    with pytest.raises(errors.InvalidName):
        attacker.read(name)


@pytest.mark.parametrize(
    "name", ["shop-00000001/..", "../shop-00000001", "shop-1", "shop-00000000"]
)
def test_i07_path_traversal_in_a_run_name(name: str) -> None:
    with pytest.raises(errors.InvalidName):
        RunId.parse(name)


def test_i07_product_that_is_not_declared(attacker: Attacker) -> None:
    with pytest.raises(errors.UnknownThing):
        attacker.read("nothing")


def test_i07_product_that_was_never_built(attacker: Attacker) -> None:
    shutil.rmtree(attacker.generation().parent)
    with pytest.raises(errors.ProductMissing):
        attacker.read()


def test_i07_the_proof_cannot_be_made_by_hand(attacker: Attacker) -> None:
    permit = attacker.read()._permit
    with pytest.raises(RuntimeError):
        CertifiedProduct(permit, [attacker.part()], plain=None, made_by=object())


def test_i08_a_consumer_meets_the_same_refusals(attacker: Attacker) -> None:
    attacker.certificate("refunds").unlink()
    with pytest.raises(errors.CertificateMissing):
        consume(attacker.platform(), attacker.run, "turnover")


def test_i08_a_consumer_reads_no_open_run_before_its_own(attacker: Attacker) -> None:
    def with_history(feed: dict[str, Any]) -> None:
        feed["consumers"]["turnover"]["reads"][0]["history_runs"] = 2
        feed["dedupe"]["horizon_runs"] = 0

    redeclare(attacker.home, with_history)
    append(attacker.home, "orders", 0, [order(n) for n in range(1000, 1040)])
    second = _second_run(attacker)
    with pytest.raises(errors.ScopeViolation, match="shop-00000001, which is open"):
        consume(attacker.platform(), second, "turnover")


def test_i08_a_check_consults_no_open_run_before_its_own(attacker: Attacker) -> None:
    """The order that is refunded was certified in an open run; it may yet change."""
    append(attacker.home, "orders", 0, [order(n) for n in range(1000, 1040)])
    append(attacker.home, "changes", 0, [refunded(1001), refunded(7, id="late")])
    second = _second_run(attacker)
    with pytest.raises(errors.CertificateFailed, match="referential"):
        open_product(attacker.platform(), second, "refunds")


def _tighten(attacker: Attacker) -> None:
    def change(feed: dict[str, Any]) -> None:
        feed["products"]["orders"]["checks"][-1]["max"] = 150

    redeclare(attacker.home, change)


def _rebuilt(attacker: Attacker) -> None:
    """Make a second generation: admitted rows differ because one was forged away."""
    receipt_path = attacker.store / layout.admission_receipt_path(attacker.run, "orders")
    receipt = json.loads(receipt_path.read_bytes())
    receipt["reasons"] = {"FORGED": 0}
    attacker.overwrite(receipt_path, canonical_bytes(receipt))
    manifest = build(attacker.platform(), attacker.run, "orders")
    assert manifest["generation"] == 2


def _second_run(attacker: Attacker) -> RunId:
    def no_horizon(feed: dict[str, Any]) -> None:
        feed["dedupe"]["horizon_runs"] = 0

    redeclare(attacker.home, no_horizon)
    platform = attacker.platform()
    run = pin(platform, "shop")
    assert run == RunId("shop", 2)
    for stream in ("orders", "changes"):
        land(platform, run, stream)
        admit(platform, run, stream)
    for product in ("orders", "cancellations", "refunds"):
        build(platform, run, product)
        certify(platform, run, product)
    return run
