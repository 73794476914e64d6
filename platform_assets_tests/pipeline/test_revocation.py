"""I7: what a revocation bars, and what lifts it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.flow.signing import REVOCATION, Statement, Subject, sign_statement
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    build,
    certify,
    close,
    finish,
    layout,
    open_product,
    revoke,
)
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.remedies import (
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
_MENDED = """

as_it_was = turnover


def turnover(inputs, parameters):
    return as_it_was(inputs, parameters).with_columns(pl.col("ordered") - pl.col("refunded"))
"""


def test_i07_a_revoked_product_is_lifted_by_other_checks(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    _revoke(attacker)
    with pytest.raises(errors.CertificateRevoked) as refused:
        attacker.read()
    other_checks(attacker)
    follow(attacker, refused.value.remedy)
    assert attacker.read().generation == 1
    close_after_moving_away_what_is_named(attacker)


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
    follow(attacker, refused.value.remedy)
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
    flip(attacker)
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


def _revoke(attacker: Attacker) -> None:
    revoke(attacker.platform(), RUN, "orders", "the rates were wrong")
