"""A6: sigstore's own verifier for JavaScript accepts what we signed and refuses what was altered."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets_tests.third_party.tools import Answer, sigstore_js

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets_tests.third_party.conftest import Exported

pytestmark = [
    pytest.mark.usefixtures("sigstore_js_packages"),
    pytest.mark.xdist_group("third_party"),
]
KINDS = ["seal", "evidence", "certificate", "provenance", "superseded"]


def verified(exported: Exported, kind: str, **other: Any) -> Answer:
    """Verify one kind of signed file; ``other`` replaces the key, the bundle, the type or the files."""
    path, predicate_type, files = exported.signed()[kind]
    given = {
        "key": exported.signer,
        "bundle": path,
        "type": predicate_type,
        "files": files,
        **other,
    }
    words = [word for name in ("key", "bundle", "type") for word in (f"--{name}", str(given[name]))]
    return sigstore_js([*words, *given["files"]], exported.folder)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_platform_signed_is_accepted(exported: Exported, kind: str) -> None:
    assert len(exported.parts("orders")) > 1
    answer = verified(exported, kind)
    assert answer.accepted, answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_an_altered_file_is_no_subject(exported: Exported, kind: str, tmp_path: Path) -> None:
    *untouched, last = exported.signed()[kind][2]
    altered = tmp_path / last.name
    data = bytearray(last.read_bytes())
    data[len(data) // 2] ^= 1
    altered.write_bytes(data)
    answer = verified(exported, kind, files=[*untouched, altered])
    assert not answer.accepted
    assert "is no subject" in answer.text


def _edit_payload(bundle: dict[str, Any]) -> None:
    envelope = bundle["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["altered"] = True
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


def _edit_signature(bundle: dict[str, Any]) -> None:
    (signature,) = bundle["dsseEnvelope"]["signatures"]
    data = bytearray(base64.b64decode(signature["sig"]))
    data[-1] ^= 1
    signature["sig"] = base64.b64encode(data).decode()


def _add_signature(bundle: dict[str, Any]) -> None:
    bundle["dsseEnvelope"]["signatures"] *= 2


def _drop_signature(bundle: dict[str, Any]) -> None:
    bundle["dsseEnvelope"]["signatures"] = []


def _relabel(bundle: dict[str, Any]) -> None:
    bundle["dsseEnvelope"]["payloadType"] = "application/json"


def _other_hint(bundle: dict[str, Any]) -> None:
    bundle["verificationMaterial"]["publicKey"]["hint"] = "0" * 64


ALTERATIONS = {
    "the payload": (_edit_payload, "signature verification failed"),
    "the signature": (_edit_signature, "signature verification failed"),
    "a signature added": (_add_signature, "invalid bundle"),
    "the signature removed": (_drop_signature, "invalid bundle"),
    "the payload's type": (_relabel, "signature verification failed"),
    "the key's hint": (_other_hint, "key not found"),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_signed_file_is_refused(
    exported: Exported, alteration: str, tmp_path: Path
) -> None:
    change: Callable[[dict[str, Any]], None]
    change, reason = ALTERATIONS[alteration]
    bundle = json.loads(exported.signed()["certificate"][0].read_bytes())
    change(bundle)
    altered = tmp_path / "altered.json"
    altered.write_text(json.dumps(bundle))
    answer = verified(exported, "certificate", bundle=altered)
    assert not answer.accepted
    assert reason in answer.text


def test_another_key_is_refused(exported: Exported) -> None:
    answer = verified(exported, "seal", key=exported.other)
    assert not answer.accepted
    assert "key not found" in answer.text


def test_another_key_under_the_hint_of_the_signers_is_refused(
    exported: Exported, tmp_path: Path
) -> None:
    bundle = json.loads(exported.signed()["seal"][0].read_bytes())
    hint = hashlib.sha256(exported.other.read_bytes()).hexdigest()
    bundle["verificationMaterial"]["publicKey"]["hint"] = hint
    altered = tmp_path / "altered.json"
    altered.write_text(json.dumps(bundle))
    answer = verified(exported, "seal", bundle=altered, key=exported.other)
    assert not answer.accepted
    assert "signature verification failed" in answer.text


def test_an_envelope_in_the_place_of_another_is_refused(exported: Exported) -> None:
    signed = exported.signed()
    for kind, other in (("certificate", "provenance"), ("seal", "evidence"), ("evidence", "seal")):
        answer = verified(exported, kind, bundle=signed[other][0])
        assert not answer.accepted
        assert "predicate type" in answer.text
    swapped = verified(
        exported,
        "certificate",
        bundle=signed["certificate"][0].parents[2] / "refunds/0001/0001.json",
    )
    assert not swapped.accepted
    assert "is no subject" in swapped.text


def test_a_call_that_names_no_file_verifies_nothing(exported: Exported) -> None:
    answer = verified(exported, "seal", files=[])
    assert not answer.accepted
    assert "usage" in answer.text
