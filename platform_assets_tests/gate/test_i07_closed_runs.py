"""I7 and I11: of a closed run exactly what was sealed can be read, or nothing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.adapters.key_files import signer_from_file
from platform_assets.canonical import canonical_bytes, digest_bytes
from platform_assets.flow.signing import CLOSURE, EVIDENCE, Statement, Subject, sign_statement
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    close,
    consume,
    export_run,
    finish,
    layout,
    open_product,
    pin,
    revoke,
    runs,
    state,
    verify_run,
)
from platform_assets.pipeline.state import is_closed, sealed_run
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.shop import append, make_shop, order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN, SECOND = RunId("shop", 1), RunId("shop", 2)
SEAL = f"{layout.closure_folder(RUN)}/0001.seal"
BUNDLE = f"{layout.evidence_folder(RUN, 1)}/bundle.json"


@pytest.fixture(scope="session")
def _closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with two closed runs, and the first one's evidence with its data beside it."""
    home = make_shop(tmp_path_factory.mktemp("closed") / "home")
    for orders in (0, 3):
        append(home, "orders", 0, [order(n) for n in range(1000, 1000 + orders)])
        platform = Platform.open(home)
        run = pin(platform, "shop")
        assert run is not None
        finish(platform, run)
    export_run(Platform.open(home), RUN, home / "exported", with_data=True)
    return home


@pytest.fixture
def closed(_closed: Path, tmp_path: Path) -> Attacker:
    shutil.copytree(_closed, tmp_path / "home")
    return Attacker(tmp_path / "home", RUN)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))


_Refusals = type[errors.PlatformError] | tuple[type[errors.PlatformError], ...]
#: What a flipped bit makes of JSON depends on the bit: no manifest, or another one.
_OTHER_MANIFEST = (errors.ManifestInvalid, errors.ManifestForeign)
RESTORED: dict[str, tuple[Callable[[Attacker], Path], _Refusals]] = {
    "a part altered": (lambda a: a.part(), errors.PartAltered),
    "the manifest altered": (lambda a: a.manifest(), _OTHER_MANIFEST),
    "the certificate altered": (lambda a: a.certificate(), errors.GateRefusal),
    "the anchors altered": (
        lambda a: a.store / layout.anchors_path(RUN),
        errors.AnchorsUnproven,
    ),
}


@pytest.mark.parametrize("case", RESTORED)
@pytest.mark.parametrize("removed", [False, True])
def test_i12_what_was_damaged_is_restored_from_exported_evidence(
    case: str, removed: bool, closed: Attacker
) -> None:
    choose, _ = RESTORED[case]
    path = choose(closed)
    if removed:
        path.unlink()
    else:
        _flip(path)
    with pytest.raises(errors.GateRefusal) as refused:
        closed.read()
    assert (
        "exported evidence" in refused.value.remedy or case == "the certificate altered" or removed
    )
    exported = closed.home / "exported" / path.relative_to(closed.store)
    path.unlink(missing_ok=True)
    shutil.copy(exported, path)
    assert closed.read().scan().collect().height == 100
    assert verify_run(closed.platform(), RUN).ok


@pytest.mark.parametrize("case", RESTORED)
def test_i07_each_damage_of_a_closed_run_has_its_own_refusal(case: str, closed: Attacker) -> None:
    choose, refusal = RESTORED[case]
    _flip(choose(closed))
    with pytest.raises(refusal):
        closed.read()


def test_i11_a_manifest_other_than_the_sealed_one_is_refused_whoever_certifies_it(
    closed: Attacker,
) -> None:
    digest = closed.rewrite_manifest(lambda manifest: manifest["code"].update(revision="forged"))
    closed.certify_as(
        lambda certificate: certificate.update(manifest_digest=digest), subject=digest
    )
    with pytest.raises(errors.ManifestForeign, match="the sealed manifest"):
        closed.read()


def test_i11_a_certificate_other_than_the_sealed_one_is_refused(closed: Attacker) -> None:
    closed.certify_as(lambda c: c.update(issued_at="2020-01-01T00:00:00.000000Z"))
    with pytest.raises(errors.CertificateForeign, match="the sealed certificate"):
        closed.read()


def test_i11_a_product_that_the_evidence_does_not_name_is_not_there(closed: Attacker) -> None:
    """Even one that someone with a trusted key certified after the closure."""
    sealed = sealed_run(closed.platform(), RUN)
    assert sealed is not None
    del sealed.bundle["products"]["orders"]
    _seal_again(closed, {**sealed.bundle})
    with pytest.raises(errors.ProductMissing):
        closed.read()


def test_i07_a_revoked_product_of_a_closed_run_stays_unreadable(closed: Attacker) -> None:
    revoke(closed.platform(), RUN, "orders", "wrong rates")
    with pytest.raises(errors.CertificateRevoked, match="correction run"):
        closed.read()
    assert closed.read("refunds").rows == 10
    assert open_product(closed.platform(), RunId("shop", 2), "orders").rows == 3
    with pytest.raises(errors.RunSealed):
        consume(closed.platform(), RUN, "turnover")


def test_i07_a_revocation_of_another_product_in_its_place_is_a_doubt(closed: Attacker) -> None:
    revoke(closed.platform(), RUN, "refunds", "wrong rates")
    revocations = closed.store / "revocations" / str(RUN)
    shutil.copytree(revocations / "refunds", revocations / "orders")
    with pytest.raises(errors.CertificateInvalid, match="one of refunds"):
        closed.read()


def test_i07_a_signed_statement_that_is_no_revocation_is_a_doubt(closed: Attacker) -> None:
    path = closed.store / layout.revocation_path(RUN, "orders", 1, 1)
    closed.overwrite(path, closed.certificate().read_bytes())
    with pytest.raises(errors.CertificateInvalid, match="revocation"):
        closed.read()


@pytest.mark.parametrize("number", [1, 2])
def test_i01_anchors_whose_neighbour_is_gone_or_changed_are_unproven(
    number: int, closed: Attacker
) -> None:
    other = closed.store / layout.anchors_path(RunId("shop", 3 - number))
    anchors = json.loads(other.read_bytes())
    closed.overwrite(
        other, canonical_bytes({**anchors, "pinned_at": "2020-01-01T00:00:00.000000Z"})
    )
    run = RunId("shop", number)
    if number == 2:
        with pytest.raises(errors.AnchorsUnproven, match="predecessor"):
            open_product(closed.platform(), run, "orders")
        other.unlink()
        with pytest.raises(errors.AnchorsUnproven, match="no anchors of shop-00000001"):
            open_product(closed.platform(), run, "orders")
    else:
        closed.overwrite(other, b"{}")
        with pytest.raises(errors.AnchorsUnproven, match="the next anchors"):
            open_product(closed.platform(), run, "orders")


def test_i01_anchors_of_another_run_in_the_place_of_this_one(closed: Attacker) -> None:
    first, second = (closed.store / layout.anchors_path(RunId("shop", n)) for n in (1, 2))
    closed.overwrite(first, second.read_bytes())
    with pytest.raises(errors.AnchorsUnproven, match="anchors of shop-00000002"):
        closed.read()


def test_i01_a_record_of_another_kind_in_the_place_of_anchors(closed: Attacker) -> None:
    (claim,) = closed.store.glob(f"{layout.generation_folder(RUN, 'orders', 1)}/claim.json")
    closed.overwrite(closed.store / layout.anchors_path(RUN), claim.read_bytes())
    with pytest.raises(errors.AnchorsUnproven, match="one of kind generation"):
        closed.read()


def test_i12_evidence_that_is_gone_makes_the_run_neither_open_nor_closed(closed: Attacker) -> None:
    (closed.store / BUNDLE).unlink()
    for act in (closed.read, lambda: close(closed.platform(), RUN)):
        with pytest.raises(errors.EvidenceInconsistent, match="found nothing"):
            act()


@pytest.mark.parametrize(
    ("seal", "why"),
    [
        ({"run_id": "shop-00000002"}, "one of shop-00000002"),
        ({"epoch": 2}, "epoch 2"),
        ({"bundle_digest": "sha256:" + "0" * 64}, "over sha256:000"),
        ({"record": "bundle"}, "bundle"),
        ({"verdict": "OPEN"}, "verdict"),
    ],
)
def test_i09_a_seal_that_does_not_fit_its_evidence_closes_and_opens_nothing(
    seal: dict[str, Any], why: str, closed: Attacker
) -> None:
    sealed = sealed_run(closed.platform(), RUN)
    assert sealed is not None
    _seal_again(closed, sealed.bundle, **seal)
    with pytest.raises(errors.EvidenceInconsistent, match=why):
        closed.read()


def test_i09_another_signed_record_in_the_place_of_a_seal(closed: Attacker) -> None:
    sealed = sealed_run(closed.platform(), RUN)
    assert sealed is not None
    subject = Subject("any", "sha256:" + "0" * 64)
    signed = sign_statement(closed.platform().signer, Statement(CLOSURE, (subject,), sealed.bundle))
    closed.overwrite(closed.store / SEAL, signed)
    with pytest.raises(errors.EvidenceInconsistent, match="one of kind bundle"):
        closed.read()


def test_i10_a_store_that_does_not_say_whether_there_is_a_seal_is_neither_open_nor_closed(
    closed: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = closed.platform()
    reading = platform.store.read

    def unreachable(path: str) -> bytes:
        if path == SEAL:
            raise errors.DependencyUnreachable(path, expected="it", found="silence", remedy="Wait.")
        return reading(path)

    monkeypatch.setattr(platform.store, "read", unreachable)
    with pytest.raises(errors.ClosureUnknown, match="delete nothing"):
        open_product(platform, RUN, "orders")


def test_i09_evidence_of_another_run_under_a_fitting_seal(closed: Attacker) -> None:
    other = sealed_run(closed.platform(), RunId("shop", 2))
    assert other is not None
    _seal_again(closed, other.bundle)
    with pytest.raises(errors.EvidenceInconsistent, match="evidence of shop-00000002"):
        closed.read()


def test_i12_what_was_verified_once_is_verified_again_when_it_changes(closed: Attacker) -> None:
    platform = closed.platform()
    open_product(platform, RUN, "orders")
    _flip(closed.store / BUNDLE)
    with pytest.raises((errors.EvidenceInconsistent, errors.GateRefusal)):
        open_product(platform, RUN, "orders")


def test_i07_what_was_verified_once_is_refused_once_its_key_is_trusted_no_more(
    closed: Attacker,
) -> None:
    platform = closed.platform()
    open_product(platform, RUN, "orders")
    for key in (closed.home / "keys" / "trusted").glob("*.pem"):
        key.unlink()
    for act in (open_product, lambda *_: is_closed(platform, RUN)):
        with pytest.raises(errors.SignerUntrusted):
            act(platform, RUN, "orders")


def test_a_closed_run_is_verified_once_however_often_it_is_read(
    closed: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = closed.platform()
    read: list[str] = []
    reading = platform.store.read
    monkeypatch.setattr(platform.store, "read", lambda path: read.append(path) or reading(path))
    for _ in range(5):
        open_product(platform, RUN, "orders")
    assert read.count(BUNDLE) == 1
    assert read.count(SEAL) == 5, "whether it is closed is looked up each time"


def test_a_file_that_is_no_run_in_the_feeds_log_is_no_run(closed: Attacker) -> None:
    (closed.store / "feeds/shop/notes.txt").write_text("a note")
    assert [run.sequence for run in runs(closed.platform(), "shop")] == [1, 2]
    with pytest.raises(errors.ChainBroken, match=r"notes\.txt"):
        pin(closed.platform(), "shop")


def _seal_again(attacker: Attacker, bundle: dict[str, Any], **changed: Any) -> None:
    """Seal other evidence with the home's own key."""
    signer = signer_from_file(attacker.home / "keys" / "signing.pem")
    subject = Subject("any", "sha256:" + "0" * 64)
    evidence = sign_statement(signer, Statement(EVIDENCE, (subject,), bundle))
    attacker.overwrite(attacker.store / BUNDLE, evidence)
    seal = {
        "record": "seal",
        "version": 1,
        "run_id": str(RUN),
        "config_digest": bundle["config_digest"],
        "epoch": 1,
        "nonce": "a" * 32,
        "verdict": "CLOSED",
        "bundle_digest": digest_bytes(evidence),
        "sealed_at": "2026-01-01T00:00:00.000000Z",
        **changed,
    }
    attacker.overwrite(
        attacker.store / SEAL, sign_statement(signer, Statement(CLOSURE, (subject,), seal))
    )


def test_a_closed_run_that_was_not_read_for_long_is_forgotten_and_one_that_was_is_not(
    closed: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that closes one run after the other holds the evidence of few."""
    now = 1_000.0
    monkeypatch.setattr(state, "monotonic", lambda: now)
    monkeypatch.setattr(state, "_verified", {})
    platform = closed.platform()
    for run in (RUN, SECOND):
        assert is_closed(platform, run)
    now += 20
    assert is_closed(platform, RUN)
    now += 20
    first = _key_of(RUN)
    state._remember(first, state._verified[first][1])
    assert list(state._verified) == [first]
    assert is_closed(platform, SECOND)
    assert len(state._verified) == 2


def test_no_more_closed_runs_are_remembered_than_there_is_room_for(
    closed: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "_REMEMBERED", 1)
    monkeypatch.setattr(state, "_verified", {})
    platform = closed.platform()
    for run in (RUN, SECOND, RUN):
        assert is_closed(platform, run)
        assert [key[0].rpartition("runs/")[2][:13] for key in state._verified] == [str(run)]


def _key_of(run: RunId) -> Any:
    (found,) = (key for key in state._verified if f"/{run}/" in key[0])
    return found
