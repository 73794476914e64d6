"""Signed statements: one byte form, trusted keys only, no signature left out, no type exchanged."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from platform_assets.adapters.key_files import KeySigner, KeyTrust
from platform_assets.canonical import canonical_bytes
from platform_assets.errors import (
    CertificateInvalid,
    GateRefusal,
    SignatureInvalid,
    SignatureMissing,
    SignerUntrusted,
)
from platform_assets.flow.signing import (
    MODEL_SIGNATURE,
    PAYLOAD_TYPE,
    Statement,
    Subject,
    open_statement,
    pre_authentication_encoding,
    sign_statement,
    unverified_predicate,
)
from platform_assets_tests.simulators.closed_run import new_signer

if TYPE_CHECKING:
    from collections.abc import Callable

KIND = "urn:platform-assets:test:v1"
STATEMENT = Statement(KIND, (Subject("a", "sha256:" + "a" * 64),), {"n": 1, "text": "ä?"})
ALICE, MALLORY = new_signer(), new_signer()
CAROL = KeySigner(ec.generate_private_key(ec.SECP256R1()), development=False)
TRUST = KeyTrust([("alice", ALICE.public_key_pem), ("carol", CAROL.public_key_pem)])
SIGNED = sign_statement(ALICE, STATEMENT)


def opened(data: bytes, kind: str = KIND) -> Any:
    return open_statement(data, TRUST, thing="x", predicate_type=kind)


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """Change the envelope in the signed file."""
    return rewrapped(lambda bundle: change(bundle["dsseEnvelope"]))


def rewrapped(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """Change the signed file around the envelope."""
    bundle = json.loads(SIGNED)
    change(bundle)
    return canonical_bytes(bundle)


def envelope_of(data: bytes) -> Any:
    return json.loads(data)["dsseEnvelope"]


def resigned(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Sign any bytes as any type with a key that is trusted."""
    signature = ALICE.sign(pre_authentication_encoding(payload_type, payload))
    return changed(
        lambda envelope: envelope.update(
            payload=base64.b64encode(payload).decode(),
            payloadType=payload_type,
            signatures=[{"sig": base64.b64encode(signature).decode()}],
        )
    )


@pytest.mark.parametrize("signer", [ALICE, CAROL], ids=["ed25519", "ecdsa"])
def test_a_statement_comes_back_as_it_was_signed(signer: KeySigner) -> None:
    found = opened(sign_statement(signer, STATEMENT))
    assert (found.predicate_type, found.subjects) == (KIND, STATEMENT.subjects)
    assert found.predicate == STATEMENT.predicate
    assert found.keyids == (signer.keyid,)
    assert found.payload() == STATEMENT.payload()


@pytest.mark.parametrize("signer", [ALICE, CAROL], ids=["ed25519", "ecdsa"])
def test_a_statement_that_is_signed_again_gives_the_same_file(signer: KeySigner) -> None:
    assert len({sign_statement(signer, STATEMENT) for _ in range(20)}) == 1


def test_the_encoding_is_that_of_the_dsse_specification() -> None:
    # The example of https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@pytest.mark.parametrize("signer", [ALICE, CAROL], ids=["ed25519", "ecdsa"])
def test_another_implementation_verifies_what_was_signed(signer: KeySigner) -> None:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - only here
        load_pem_public_key,
    )

    key = SSlibKey.from_crypto(load_pem_public_key(signer.public_key_pem), keyid=signer.keyid)
    signed = envelope_of(sign_statement(signer, STATEMENT))
    signed["signatures"][0]["keyid"] = signer.keyid  # this implementation finds keys by it
    Envelope.from_dict(signed).verify([key], 1)


def test_every_flipped_bit_of_every_byte_is_refused() -> None:
    for place in range(len(SIGNED)):
        for bit in range(8):
            flipped = bytearray(SIGNED)
            flipped[place] ^= 1 << bit
            with pytest.raises(GateRefusal):
                opened(bytes(flipped))


def test_every_truncation_and_every_byte_put_in_is_refused() -> None:
    for place in range(len(SIGNED)):
        for data in (SIGNED[:place], SIGNED[:place] + b" " + SIGNED[place:]):
            with pytest.raises(GateRefusal):
                opened(data)
    with pytest.raises(GateRefusal):
        opened(SIGNED + b"\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.update(signatures=[]),
        lambda e: e.pop("signatures"),
        lambda e: e["signatures"][0].update(sig=""),
        lambda e: e["signatures"][0].pop("sig"),
    ],
)
def test_a_stripped_signature_is_missing(change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(SignatureMissing):
        opened(changed(change))


def test_an_unknown_key_is_untrusted_even_where_its_signature_is_right() -> None:
    with pytest.raises(SignerUntrusted):
        opened(sign_statement(MALLORY, STATEMENT))


def test_a_second_signature_is_refused_whoever_made_it() -> None:
    for signer in (MALLORY, CAROL, ALICE):
        added = envelope_of(sign_statement(signer, STATEMENT))["signatures"]
        with pytest.raises(CertificateInvalid, match="exactly one signature"):
            opened(changed(lambda e, added=added: e["signatures"].extend(added)))
        with pytest.raises(GateRefusal):
            opened(changed(lambda e, added=added: e.update(signatures=[*added, *e["signatures"]])))


def hinted(hint: Any, data: bytes = SIGNED) -> bytes:
    bundle = json.loads(data)
    bundle["verificationMaterial"]["publicKey"]["hint"] = hint
    return canonical_bytes(bundle)


def test_a_file_that_names_another_key_than_the_one_that_signed_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        opened(hinted(CAROL.keyid))
    for hint in (
        MALLORY.keyid,
        "",
        ALICE.keyid.upper(),
        hashlib.sha256(ALICE.public_key_pem).hexdigest(),
    ):
        with pytest.raises(SignerUntrusted):
            opened(hinted(hint))
    for form in (None, 1, [ALICE.keyid]):
        with pytest.raises(CertificateInvalid, match="hint"):
            opened(hinted(form))


def test_a_key_is_named_in_the_hint_and_nowhere_else() -> None:
    for keyid in (ALICE.keyid, ""):
        with pytest.raises(CertificateInvalid):
            opened(changed(lambda e, keyid=keyid: e["signatures"][0].update(keyid=keyid)))


def test_a_model_signature_names_its_key_by_the_digest_of_the_pem() -> None:
    signed = sign_statement(ALICE, replace(STATEMENT, predicate_type=MODEL_SIGNATURE))
    named = json.loads(signed)["verificationMaterial"]["publicKey"]["hint"]
    assert named == hashlib.sha256(ALICE.public_key_pem).hexdigest()
    assert opened(signed, MODEL_SIGNATURE).keyids == (ALICE.keyid,)
    with pytest.raises(SignerUntrusted):
        opened(hinted(ALICE.keyid, signed), MODEL_SIGNATURE)


def test_the_envelope_alone_or_in_a_bundle_of_another_form_is_refused() -> None:
    old = "application/vnd.dev.sigstore.bundle+json;version=0.3"
    for data in (
        canonical_bytes(envelope_of(SIGNED)),
        rewrapped(lambda b: b.update(mediaType=old)),
        rewrapped(lambda b: b["verificationMaterial"].pop("tlogEntries")),
        rewrapped(lambda b: b["verificationMaterial"].update(tlogEntries=[{}])),
        rewrapped(lambda b: b["verificationMaterial"].update(tlogEntries=None)),
        rewrapped(lambda b: b["verificationMaterial"].update(certificate={"rawBytes": "AA=="})),
        rewrapped(lambda b: b["verificationMaterial"]["publicKey"].update(rawBytes="AA==")),
        rewrapped(lambda b: b.pop("verificationMaterial")),
        rewrapped(lambda b: b.update(messageSignature={})),
        rewrapped(lambda b: b.update(dsseEnvelope=[b["dsseEnvelope"]])),
        rewrapped(lambda b: b.update(extra=1)),
    ):
        with pytest.raises(CertificateInvalid):
            opened(data)


def test_a_trusted_key_named_over_a_foreign_signature_is_invalid() -> None:
    foreign = envelope_of(sign_statement(MALLORY, STATEMENT))["signatures"][0]["sig"]
    with pytest.raises(SignatureInvalid):
        opened(changed(lambda e: e["signatures"][0].update(sig=foreign)))


def test_a_payload_signed_as_another_type_is_refused() -> None:
    with pytest.raises(CertificateInvalid, match="payload type"):
        opened(resigned(STATEMENT.payload(), "application/json"))
    relabelled = json.loads(resigned(STATEMENT.payload(), "application/json"))
    relabelled["dsseEnvelope"]["payloadType"] = PAYLOAD_TYPE
    with pytest.raises(SignatureInvalid):
        opened(canonical_bytes(relabelled))


def test_a_statement_of_another_predicate_type_is_refused() -> None:
    with pytest.raises(CertificateInvalid, match="predicateType"):
        opened(SIGNED, "urn:platform-assets:closure:v1")


def test_base64_that_decodes_to_the_same_bytes_in_another_form_is_refused() -> None:
    envelope = envelope_of(SIGNED)
    text = envelope["signatures"][0]["sig"]
    assert text.endswith("==")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = text[:-3] + alphabet[alphabet.index(text[-3]) + 1] + "=="
    assert base64.b64decode(loose) == base64.b64decode(text)
    for other in (loose, text.rstrip("="), text + "\n", text.replace("+", "-").replace("/", "_")):
        if other != text:
            with pytest.raises(SignatureInvalid):
                opened(changed(lambda e, other=other: e["signatures"][0].update(sig=other)))
    payload = envelope["payload"]
    for other in (payload + "\n", payload.rstrip("=") + " ", payload[:4] + "\n" + payload[4:]):
        with pytest.raises(CertificateInvalid):
            opened(changed(lambda e, other=other: e.update(payload=other)))


def test_a_key_that_stands_twice_in_the_json_is_refused() -> None:
    media_type = b'"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"'
    payload_type = b'"payloadType":"application/vnd.in-toto+json"'
    for twice in (
        SIGNED[:-1] + b"," + media_type + b"}",
        SIGNED.replace(payload_type, payload_type + b"," + payload_type),
    ):
        assert json.loads(twice) == json.loads(SIGNED)
        assert twice != SIGNED
        with pytest.raises(CertificateInvalid):
            opened(twice)
    inner = STATEMENT.payload()[:-1] + b',"predicateType":"%s"}' % KIND.encode()
    with pytest.raises(CertificateInvalid):
        opened(resigned(inner))


def test_an_undeclared_key_or_another_json_form_is_refused() -> None:
    for data in (
        changed(lambda e: e.update(extra=1)),
        changed(lambda e: e["signatures"][0].update(extra=1)),
        json.dumps(json.loads(SIGNED)).encode(),
        json.dumps(json.loads(SIGNED), separators=(",", ":")).encode()[::1] + b" ",
    ):
        with pytest.raises(CertificateInvalid):
            opened(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(subject=[]),
        lambda s: s.pop("subject"),
        lambda s: s["subject"][0]["digest"].update(sha512="0"),
        lambda s: s["subject"][0]["digest"].update(sha256="A" * 64),
        lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda s: s.update(predicate=[]),
        lambda s: s.update(extra=1),
    ],
)
def test_a_signed_payload_that_is_no_statement_is_refused(
    change: Callable[[dict[str, Any]], Any],
) -> None:
    statement = json.loads(STATEMENT.payload())
    change(statement)
    with pytest.raises(CertificateInvalid):
        opened(resigned(canonical_bytes(statement)))


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_signed_payload_that_is_no_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(CertificateInvalid):
        opened(resigned(payload))


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{}", b'"x"', b"\xff\xfe", b"[" * 100_000, b"{" * 100]
)
def test_bytes_that_are_no_envelope_are_refused(data: bytes) -> None:
    with pytest.raises(GateRefusal):
        opened(data)


def test_a_statement_about_nothing_cannot_be_signed() -> None:
    for subjects in ((), (Subject("a", "a" * 64),)):
        with pytest.raises(RuntimeError):
            sign_statement(ALICE, Statement(KIND, subjects, {}))


def test_what_an_envelope_claims_is_told_without_proof_or_not_at_all() -> None:
    assert unverified_predicate(json.loads(SIGNED)) == STATEMENT.predicate
    for envelope in ({}, [], {"payload": 1}, {"payload": "!"}, {"payload": "e30="}):
        assert unverified_predicate({"dsseEnvelope": envelope}) == {}
    assert unverified_predicate(envelope_of(SIGNED)) == {}
