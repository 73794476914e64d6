"""The pin of a lane: what it says, and that what says something else is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import digest
from platform_assets.errors import CertificateInvalid, RecordInvalid, SignerUntrusted
from platform_assets.flow.policy import policy_digest, policy_of
from platform_assets.flow.signing import EVIDENCE, Statement, Subject, sign_statement
from platform_assets.lanes.pin import (
    LANE_PIN,
    declared_policies,
    environment,
    judge_digest,
    make_pin,
    open_pin,
    unverified_pin,
)
from platform_assets_tests.lanes.small_lane import LANE_RUN, PINNED_AT, Homes, plan_of_shop

if TYPE_CHECKING:
    from platform_assets.lanes.pin import Pin


@pytest.fixture(scope="session")
def pin(homes: Homes) -> Pin:
    return make_pin(plan_of_shop(), LANE_RUN, homes.in_use, homes.lane, PINNED_AT)


def test_a_pin_is_opened_as_it_was_made(pin: Pin, homes: Homes) -> None:
    assert open_pin(pin.bytes, homes.in_use.trust) == pin
    assert unverified_pin(pin.bytes).record == pin.record
    assert pin.plan == plan_of_shop()
    assert pin.digest.removeprefix("sha256:").startswith(pin.prefix)
    assert len(pin.prefix) == 12


def test_a_pin_names_what_judges_and_what_is_judged(pin: Pin, homes: Homes) -> None:
    feed = homes.in_use.feeds["shop"]
    assert pin.record["code"] == homes.in_use.code()
    assert pin.record["judge"] == judge_digest()
    assert pin.record["keyid"] == homes.lane.signer.keyid != homes.in_use.signer.keyid
    assert pin.record["config_digest"] == homes.lane.configuration("shop")[0]
    assert pin.record["policies"] == {
        name: policy_digest(policy_of(name, output.checks))
        for name, output in feed.outputs().items()
    }
    assert {"orders", "turnover"} <= set(pin.record["policies"])


def test_the_feed_that_ships_has_the_policies_that_it_ships_with(homes: Homes) -> None:
    assert set(declared_policies(homes.in_use, "load")) == {"orders", "turnover"}


def test_the_environment_says_on_what_a_lane_runs() -> None:
    found = environment()
    assert {"cores", "memory", "kernel", "python", "polars", "scipy"} <= set(found)
    assert isinstance(found["memory"], int)
    assert found["memory"] > 2**28


def test_a_pin_by_a_key_that_is_not_trusted_is_refused(pin: Pin, homes: Homes) -> None:
    with pytest.raises(SignerUntrusted):
        open_pin(pin.bytes, homes.lane.trust)


def _signed(homes: Homes, record: dict[str, Any], subject: str, kind: str = LANE_PIN) -> bytes:
    return sign_statement(homes.in_use.signer, Statement(kind, (Subject("plan", subject),), record))


def test_a_plan_that_is_not_of_the_digest_that_is_named_is_refused(pin: Pin, homes: Homes) -> None:
    plan = {**pin.record["plan"], "description": "Looser."}
    data = _signed(homes, {**pin.record, "plan": plan}, pin.record["plan_digest"])
    with pytest.raises(RecordInvalid, match=digest(plan)):
        open_pin(data, homes.in_use.trust)


def test_a_statement_about_another_plan_is_refused(pin: Pin, homes: Homes) -> None:
    data = _signed(homes, dict(pin.record), "sha256:" + "0" * 64)
    with pytest.raises(RecordInvalid, match="another one"):
        open_pin(data, homes.in_use.trust)


def test_a_plan_that_this_release_cannot_judge_is_refused(pin: Pin, homes: Homes) -> None:
    plan = {**pin.record["plan"], "lane": "marathon"}
    record = {**pin.record, "plan": plan, "plan_digest": digest(plan)}
    with pytest.raises(RecordInvalid, match="a plan that this release can judge"):
        open_pin(_signed(homes, record, digest(plan)), homes.in_use.trust)


def test_another_record_in_place_of_a_pin_is_refused(pin: Pin, homes: Homes) -> None:
    faults = {"record": "lane_faults", "version": 1, "faults": []}
    with pytest.raises(RecordInvalid, match="kind lane_faults"):
        open_pin(_signed(homes, faults, pin.record["plan_digest"]), homes.in_use.trust)


def test_a_statement_of_another_type_is_refused(pin: Pin, homes: Homes) -> None:
    data = _signed(homes, dict(pin.record), pin.record["plan_digest"], EVIDENCE)
    with pytest.raises(CertificateInvalid, match="predicateType"):
        open_pin(data, homes.in_use.trust)


def test_what_is_no_pin_at_all_is_refused_before_anything_of_it_is_used() -> None:
    for data in (b"", b"{}", b'{"dsseEnvelope":1}'):
        with pytest.raises((CertificateInvalid, RecordInvalid)):
            unverified_pin(data)
