"""The record that a run was superseded is believed only if it is signed and about exactly that run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.key_files import KeyTrust
from platform_assets.flow.signing import Statement, Subject, sign_statement
from platform_assets.flow.supersession import (
    SUPERSESSION,
    opened_supersession,
    supersession_statement,
)
from platform_assets_tests.simulators.closed_run import new_signer

if TYPE_CHECKING:
    from collections.abc import Callable

OLD, NEW = "shop-00000001", "shop-00000003"
A, B, C = ("sha256:" + letter * 64 for letter in "abc")
MOMENT = "2026-01-01T00:00:00.000000Z"
ANCHORS = {"run_id": NEW, "supersedes": {"run_id": OLD, "bundle_digest": A, "reason": "why"}}
SIGNER = new_signer()
TRUST = KeyTrust([("own", SIGNER.public_key_pem)])
SOUND = supersession_statement(C, ANCHORS, bundle_digest=B, closed_at=MOMENT)


def said(statement: Statement) -> Any:
    return opened_supersession(sign_statement(SIGNER, statement), TRUST, OLD, A)


def altered(**changes: Any) -> Statement:
    return Statement(SUPERSESSION, SOUND.subjects, {**SOUND.predicate, **changes})


def test_it_says_by_which_run_and_why() -> None:
    record = said(SOUND)
    assert record["reason"] == "why"
    assert (record["superseded_by"]["run_id"], record["superseded_by"]["bundle_digest"]) == (NEW, B)
    assert sign_statement(SIGNER, SOUND) == sign_statement(SIGNER, SOUND)


WRONG: dict[str, tuple[Callable[[], Statement], str]] = {
    "another run": (lambda: altered(run_id="shop-00000002"), "is about shop-00000002"),
    "other evidence": (lambda: altered(bundle_digest=C), f"with the evidence {C}"),
    "another subject": (
        lambda: Statement(SUPERSESSION, (Subject("x", C),), SOUND.predicate),
        "its subject is not",
    ),
    "the run itself": (
        lambda: altered(superseded_by={**SOUND.predicate["superseded_by"], "run_id": OLD}),
        "names the run itself",
    ),
    "a field too many": (lambda: altered(more=1), "RecordInvalid"),
    "another kind of statement": (
        lambda: Statement("urn:platform-assets:closure:v1", SOUND.subjects, SOUND.predicate),
        "expected",
    ),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_what_is_about_something_else_is_not_believed(name: str) -> None:
    make, says = WRONG[name]
    found = said(make())
    assert isinstance(found, str)
    assert says in found


def test_who_signs_it_has_to_be_trusted() -> None:
    other = sign_statement(new_signer(), SOUND)
    found = opened_supersession(other, TRUST, OLD, A)
    assert isinstance(found, str)
    assert "SignerUntrusted" in found
