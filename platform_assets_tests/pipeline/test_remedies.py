"""Every refusal of the gate says what to do, and doing that mends it.

In an open run each case damages something, reads the remedy of the refusal, does what it says (commands
are parsed out of the text, files are moved away where it says so), and then closes the run.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.canonical import canonical_bytes
from platform_assets.flow.signing import REVOCATION, Statement, Subject, sign_statement
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    build,
    certify,
    close,
    consume,
    finish,
    layout,
    open_product,
    revoke,
    verify_run,
)
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN = RunId("shop", 1)
_MENDED = """

as_it_was = turnover


def turnover(inputs, parameters):
    return as_it_was(inputs, parameters).with_columns(pl.col("ordered") - pl.col("refunded"))
"""
_COMMAND = re.compile(r"platform-assets (materialize|certify) ([a-z_]+) --run (shop-[0-9]{8})")


def _flip(attacker: Attacker) -> None:
    data = bytearray(attacker.part().read_bytes())
    data[len(data) // 2] ^= 1
    attacker.overwrite(attacker.part(), bytes(data))


def _link(attacker: Attacker) -> None:
    elsewhere = attacker.home / "elsewhere"
    shutil.move(attacker.part(), elsewhere)
    attacker.part().symlink_to(elsewhere)


def _add_file(attacker: Attacker) -> None:
    shutil.copy(attacker.part(), attacker.generation() / "part-00099.parquet")


def _strip_signature(attacker: Attacker) -> None:
    envelope = json.loads(attacker.certificate().read_bytes())
    attacker.overwrite(attacker.certificate(), canonical_bytes({**envelope, "signatures": []}))


def _other_checks(attacker: Attacker) -> None:
    redeclare(
        attacker.home, lambda feed: feed["products"]["orders"]["checks"][-1].update(max=99999)
    )


def _fail(attacker: Attacker) -> None:
    redeclare(attacker.home, lambda feed: feed["products"]["orders"]["checks"][-1].update(max=150))
    certify(attacker.platform(), RUN, "orders")
    _other_checks(attacker)  # the cause is mended; the certificate is not


def _revoke(attacker: Attacker) -> None:
    revoke(attacker.platform(), RUN, "orders", "the rates were wrong")


def _uncertified_generation(attacker: Attacker) -> None:
    _flip(attacker)
    build(attacker.platform(), RUN, "orders")


DAMAGED: dict[str, tuple[Callable[[Attacker], None], type[errors.PlatformError]]] = {
    "a part altered": (_flip, errors.PartAltered),
    "a part truncated": (
        lambda a: a.overwrite(a.part(), a.part().read_bytes()[:-1]),
        errors.PartAltered,
    ),
    "a part replaced by another": (
        lambda a: a.overwrite(a.part(), a.part(number=1).read_bytes()),
        errors.PartAltered,
    ),
    "a part removed": (lambda a: a.part(number=1).unlink(), errors.PartMissing),
    "all parts removed": (
        lambda a: [a.part(number=n).unlink() for n in range(3)] and None,
        errors.PartMissing,
    ),
    "a certificate removed": (lambda a: a.certificate().unlink(), errors.CertificateMissing),
    "a signature stripped": (_strip_signature, errors.SignatureMissing),
    "a certificate of another product": (
        lambda a: a.overwrite(a.certificate(), a.certificate("refunds").read_bytes()),
        errors.CertificateForeign,
    ),
    "a certificate that is no JSON": (
        lambda a: a.overwrite(a.certificate(), b"certified!"),
        errors.CertificateInvalid,
    ),
    "a manifest removed": (lambda a: a.manifest().unlink(), errors.GenerationPending),
    "a failed check": (_fail, errors.CertificateFailed),
    "a policy changed": (_other_checks, errors.PolicyChanged),
    "a rebuild uncertified": (_uncertified_generation, errors.CertificateMissing),
}

#: Where the remedy says to move a file away, or to remove it, and which one it is.
MOVED_AWAY: dict[
    str, tuple[Callable[[Attacker], object], Callable[[Attacker], Path], type[errors.PlatformError]]
] = {
    "a part is a link": (_link, lambda a: a.part(), errors.PartNotRegular),
    "a file that nothing lists": (
        _add_file,
        lambda a: a.generation() / "part-00099.parquet",
        errors.PartUnlisted,
    ),
    "a manifest that is not canonical": (
        lambda a: a.overwrite(a.manifest(), a.manifest().read_bytes() + b" "),
        lambda a: a.manifest(),
        errors.ManifestInvalid,
    ),
    "a manifest of another product": (
        lambda a: a.overwrite(a.manifest(), a.manifest("refunds").read_bytes()),
        lambda a: a.manifest(),
        errors.ManifestForeign,
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_i07_the_commands_of_a_remedy_make_the_product_readable(case: str, ready: Path) -> None:
    damage, refusal = DAMAGED[case]
    attacker = Attacker(ready, RUN)
    damage(attacker)
    with pytest.raises(refusal) as refused:
        attacker.read()
    _follow(attacker, refused.value.remedy)
    assert attacker.read().scan().collect().height == 100
    _close_after_moving_away_what_is_named(attacker)


@pytest.mark.parametrize("case", MOVED_AWAY)
def test_i07_what_is_moved_away_as_the_remedy_says_is_made_again(case: str, ready: Path) -> None:
    damage, damaged, refusal = MOVED_AWAY[case]
    attacker = Attacker(ready, RUN)
    damage(attacker)
    with pytest.raises(refusal, match=r"ove (away|the link|the damaged file away)") as refused:
        attacker.read()
    damaged(attacker).unlink()
    _follow(attacker, refused.value.remedy)
    finish(attacker.platform(), RUN)
    assert attacker.read().generation == 1, "the same bytes came back, and are certified"
    assert verify_run(attacker.platform(), RUN).ok


@pytest.mark.parametrize("case", MOVED_AWAY)
def test_i05_a_rebuild_never_converges_on_damage_that_was_left(case: str, ready: Path) -> None:
    damage, _, refusal = MOVED_AWAY[case]
    if refusal is errors.PartUnlisted:
        pytest.skip("the parts are whole, so the generation is the same one")
    attacker = Attacker(ready, RUN)
    damage(attacker)
    assert build(attacker.platform(), RUN, "orders")["generation"] == 2
    assert certify(attacker.platform(), RUN, "orders")["verdict"] == "PASS"
    assert attacker.read().generation == 2


def test_i15_a_claim_that_was_damaged_before_its_manifest_is_passed_over(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    attacker.manifest().unlink()
    attacker.overwrite(attacker.generation() / "claim.json", b"{")
    assert build(attacker.platform(), RUN, "orders")["generation"] == 2


def test_i15_a_claim_whose_part_was_altered_is_passed_over_with_every_part(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    attacker.manifest().unlink()
    attacker.part(number=0).unlink()
    attacker.overwrite(attacker.part(number=2), b"other bytes")
    manifest = build(attacker.platform(), RUN, "orders")
    assert (manifest["generation"], len(manifest["parts"])) == (2, 3)
    certify(attacker.platform(), RUN, "orders")
    assert attacker.read().rows == 100


def test_i15_a_claim_on_other_bytes_is_left_to_whoever_made_it(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    claim = json.loads((attacker.generation() / "claim.json").read_bytes())
    other = {**claim, "generation": 2, "manifest_digest": "sha256:" + "0" * 64}
    attacker.overwrite(attacker.generation(number=2) / "claim.json", canonical_bytes(other))
    with pytest.raises(errors.GenerationPending):
        attacker.read()
    assert build(attacker.platform(), RUN, "orders")["generation"] == 3


def test_i05_a_manifest_of_another_number_is_no_generation_to_converge_on(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    shutil.copytree(attacker.generation(), attacker.generation(number=2))
    with pytest.raises(errors.ManifestForeign):
        attacker.read()
    assert build(attacker.platform(), RUN, "orders")["generation"] == 3


@pytest.mark.parametrize("field", ["product", "run_id", "config_digest"])
def test_i05_a_manifest_of_another_thing_is_no_product_to_converge_on(
    field: str, ready: Path
) -> None:
    """Its parts and rows are the same; what they are is not."""
    attacker = Attacker(ready, RUN)
    other = {
        "product": "refunds",
        "run_id": "shop-00000002",
        "config_digest": "sha256:" + "0" * 64,
    }
    attacker.rewrite_manifest(lambda manifest: manifest.update({field: other[field]}))
    assert build(attacker.platform(), RUN, "orders")["generation"] == 2


def test_i05_the_same_bytes_by_other_code_are_the_same_generation(ready: Path) -> None:
    before = Platform.open(ready)
    (ready / "platform.yaml").write_text("revision: a later one\n")
    after = Platform.open(ready)
    assert before.code() != after.code()
    assert build(after, RUN, "orders") == build(before, RUN, "orders")
    assert open_product(after, RUN, "orders").generation == 1


def test_i05_no_generation_follows_the_last_number(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    stray = attacker.generation(number=9999) / "notes.txt"
    attacker.overwrite(stray, b"a note")
    with pytest.raises(errors.GenerationConflict, match="move away") as refused:
        build(attacker.platform(), RUN, "orders")
    assert "generation 9999" in refused.value.found
    stray.unlink()
    assert build(attacker.platform(), RUN, "orders")["generation"] == 1


def test_i10_a_product_that_cannot_be_certified_stops_no_other(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    attacker.certificate("refunds").unlink()
    _add_file(attacker)
    with pytest.raises(errors.CertificationFailed) as refused:
        finish(attacker.platform(), RUN)
    assert "orders: PartUnlisted" in refused.value.found
    assert "turnover: blocked by PartUnlisted" in refused.value.found
    assert attacker.certificate("cancellations").exists()


def test_i07_a_revoked_product_is_lifted_by_other_checks(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    _revoke(attacker)
    with pytest.raises(errors.CertificateRevoked) as refused:
        attacker.read()
    _other_checks(attacker)
    _follow(attacker, refused.value.remedy)
    assert attacker.read().generation == 1
    _close_after_moving_away_what_is_named(attacker)


def test_i07_a_revoked_product_is_lifted_by_other_bytes(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attacker = Attacker(ready, RUN)
    revoke(attacker.platform(), RUN, "turnover", "refunds were not subtracted")
    with pytest.raises(errors.CertificateRevoked) as refused:
        attacker.read("turnover")
    functions = ready / "shop_functions.py"
    functions.write_text(functions.read_text() + _MENDED)
    monkeypatch.syspath_prepend(ready)
    monkeypatch.delitem(sys.modules, "shop_functions", raising=False)
    _follow(attacker, refused.value.remedy)
    sys.modules.pop("shop_functions")
    assert attacker.read("turnover").generation == 2
    assert close(attacker.platform(), RUN)["verdict"] == "CLOSED"


def test_i07_nothing_that_is_done_again_lifts_a_revocation(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    _revoke(attacker)
    platform = attacker.platform()
    build(platform, RUN, "orders")
    certify(platform, RUN, "orders")
    with pytest.raises((errors.CertificationFailed, errors.ClosureRefused), match="Revoked"):
        finish(platform, RUN)
    _flip(attacker)
    assert build(platform, RUN, "orders")["generation"] == 2
    certify(platform, RUN, "orders")
    with pytest.raises(errors.CertificateRevoked, match="the rates were wrong"):
        attacker.read()


def test_i10_a_revoked_product_keeps_the_run_open(ready: Path) -> None:
    _revoke(Attacker(ready, RUN))
    with pytest.raises(
        errors.ClosureRefused, match="EveryProductCertified: orders: CertificateRev"
    ):
        close(Platform.open(ready), RUN)


def test_i07_a_certificate_issued_after_a_revocation_can_be_revoked_too(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    for cents in (99998, 99997):
        _revoke(attacker)
        with pytest.raises(errors.CertificateRevoked):
            attacker.read()
        redeclare(ready, _maximum(cents))
        certify(attacker.platform(), RUN, "orders")
        assert attacker.read().rows == 100
    assert len(list((attacker.store / "revocations" / str(RUN) / "orders").rglob("*.json"))) == 2


def test_i07_a_revocation_bars_the_certificate_that_it_names_whatever_else_it_says(
    ready: Path,
) -> None:
    attacker = Attacker(ready, RUN)
    revocation = revoke(attacker.platform(), RUN, "orders", "wrong")
    zero = "sha256:" + "0" * 64
    revocation |= {"product_digest": zero, "policy_digest": zero}
    subject = Subject("certificate", revocation["certificate_digest"])
    signed = sign_statement(
        attacker.platform().signer, Statement(REVOCATION, (subject,), revocation)
    )
    attacker.overwrite(attacker.store / layout.revocation_path(RUN, "orders", 1, 1), signed)
    with pytest.raises(errors.CertificateRevoked):
        attacker.read()


def test_a_revocation_that_no_reader_would_understand_is_not_written(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys.modules["platform_assets.pipeline.revoke"], "rfc3339", lambda _: "yesterday"
    )
    with pytest.raises(errors.RecordInvalid, match="revoked_at"):
        revoke(Platform.open(ready), RUN, "orders", "wrong")
    assert open_product(Platform.open(ready), RUN, "orders").rows == 100


def test_a_revocation_needs_a_reason(ready: Path) -> None:
    with pytest.raises(errors.Usage, match="reason"):
        revoke(Platform.open(ready), RUN, "orders", " ")


def _maximum(cents: int) -> Callable[[dict[str, Any]], None]:
    def change(feed: dict[str, Any]) -> None:
        feed["products"]["orders"]["checks"][-1]["max"] = cents

    return change


def _follow(attacker: Attacker, remedy: str) -> None:
    commands = _COMMAND.findall(remedy)
    for verb, product, run in commands:
        made_by = consume if product == "turnover" else build
        step = certify if verb == "certify" else made_by
        step(attacker.platform(), RunId.parse(run), product)
    certified_last = "certify" in {verb for verb, *_ in commands[-1:]}
    if re.search("certify it|step again that signs it", remedy) and not certified_last:
        certify(attacker.platform(), RUN, "orders")


def _close_after_moving_away_what_is_named(attacker: Attacker) -> None:
    """Close; a record that nobody can read has to go first, and the refusal names its path."""
    platform = attacker.platform()
    try:
        finish(platform, RUN)
    except errors.ClosureRefused as refused:
        for path in set(re.findall(r"runs/\S+?\.json", refused.found)):
            (attacker.store / path).unlink()
        finish(platform, RUN)
    assert open_product(platform, RUN, "turnover").rows == 7
    assert verify_run(platform, RUN).ok
