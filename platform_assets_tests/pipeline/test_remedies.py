"""Every refusal of the gate says what to do, and doing that mends it.

In an open run each case damages something, reads the remedy of the refusal, does what it says (commands
are parsed out of the text, files are moved away where it says so), and then closes the run.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets import errors
from platform_assets.canonical import canonical_bytes
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    build,
    certify,
    finish,
    verify_run,
)
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.remedies import (
    add_file,
    close_after_moving_away_what_is_named,
    flip,
    follow,
    other_checks,
)
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN = RunId("shop", 1)


def _link(attacker: Attacker) -> None:
    elsewhere = attacker.home / "elsewhere"
    shutil.move(attacker.part(), elsewhere)
    attacker.part().symlink_to(elsewhere)


def _strip_signature(attacker: Attacker) -> None:
    bundle = attacker.signed()
    bundle["dsseEnvelope"]["signatures"] = []
    attacker.overwrite(attacker.certificate(), canonical_bytes(bundle))


def _fail(attacker: Attacker) -> None:
    redeclare(attacker.home, lambda feed: feed["products"]["orders"]["checks"][-1].update(max=150))
    certify(attacker.platform(), RUN, "orders")
    other_checks(attacker)  # the cause is mended; the certificate is not


def _uncertified_generation(attacker: Attacker) -> None:
    flip(attacker)
    build(attacker.platform(), RUN, "orders")


DAMAGED: dict[str, tuple[Callable[[Attacker], None], type[errors.PlatformError]]] = {
    "a part altered": (flip, errors.PartAltered),
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
    "a policy changed": (other_checks, errors.PolicyChanged),
    "a rebuild uncertified": (_uncertified_generation, errors.CertificateMissing),
}

#: Where the remedy says to move a file away, or to remove it, and which one it is.
MOVED_AWAY: dict[
    str, tuple[Callable[[Attacker], object], Callable[[Attacker], Path], type[errors.PlatformError]]
] = {
    "a part is a link": (_link, lambda a: a.part(), errors.PartNotRegular),
    "a file that nothing lists": (
        add_file,
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
    follow(attacker, refused.value.remedy)
    assert attacker.read().scan().collect().height == 100
    close_after_moving_away_what_is_named(attacker)


@pytest.mark.parametrize("case", MOVED_AWAY)
def test_i07_what_is_moved_away_as_the_remedy_says_is_made_again(case: str, ready: Path) -> None:
    damage, damaged, refusal = MOVED_AWAY[case]
    attacker = Attacker(ready, RUN)
    damage(attacker)
    with pytest.raises(refusal, match=r"ove (away|the link|the damaged file away)") as refused:
        attacker.read()
    damaged(attacker).unlink()
    follow(attacker, refused.value.remedy)
    finish(attacker.platform(), RUN)
    assert attacker.read().generation == 1, "the same bytes came back, and are certified"
    assert verify_run(attacker.platform(), RUN).ok


@pytest.mark.parametrize(
    "case", [case for case in MOVED_AWAY if case != "a file that nothing lists"]
)
def test_i05_a_rebuild_never_converges_on_damage_that_was_left(case: str, ready: Path) -> None:
    damage, *_ = MOVED_AWAY[case]
    attacker = Attacker(ready, RUN)
    damage(attacker)
    assert build(attacker.platform(), RUN, "orders")["generation"] == 2
    assert certify(attacker.platform(), RUN, "orders")["verdict"] == "PASS"
    assert attacker.read().generation == 2
