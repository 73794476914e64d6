"""Signed statements: in-toto Statement v1 in a DSSE envelope, as a sigstore bundle.

The signature covers the payload type and the payload in the pre-authentication encoding of DSSE v1, so
neither can be exchanged. A signed file has exactly one byte form (see `envelope`), and its payload is
itself canonical. It carries one signature, which has to be by a trusted key and verify. The file names
its key by the key's id; a model signature by the SHA-256 of the PEM, which that format's tool compares.

What is signed says what it is: a statement of another predicate type is refused.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes
from platform_assets.errors import SignatureInvalid, SignerUntrusted
from platform_assets.flow.envelope import (
    PAYLOAD_TYPE,
    RESTORE,
    Envelope,
    expect_keys,
    invalid,
    parse_object,
    pre_authentication_encoding,
    unverified_predicate,
    unwrap,
    wrap,
)
from platform_assets.identifiers import DIGEST_PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.ports.signer import Signer, Trust

__all__ = [
    "PAYLOAD_TYPE",
    "SignedStatement",
    "Statement",
    "Subject",
    "open_statement",
    "pre_authentication_encoding",
    "sign_statement",
    "unverified_predicate",
]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PROVENANCE = "https://slsa.dev/provenance/v1"
MODEL_SIGNATURE = "https://model_signing/signature/v1.0"
EVIDENCE = "urn:platform-assets:evidence:v1"
CLOSURE = "urn:platform-assets:closure:v1"
REVOCATION = "urn:platform-assets:revocation:v1"
SLICES = "urn:platform-assets:slices:v1"
BASELINE = "urn:platform-assets:baseline:v1"

_DIGEST = re.compile(DIGEST_PATTERN)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about: a name, and the digest (``sha256:…``) of its bytes."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim about subjects, of one predicate type."""

    predicate_type: str
    subjects: tuple[Subject, ...]
    predicate: Mapping[str, Any]

    def digests(self) -> frozenset[str]:
        """Return the digests of all subjects."""
        return frozenset(subject.digest for subject in self.subjects)

    def payload(self) -> bytes:
        """Return the canonical bytes that are signed.

        Raises:
            RuntimeError: the statement has no subject, or a digest has another form.
        """
        if not self.subjects or not all(_DIGEST.fullmatch(s.digest) for s in self.subjects):
            raise RuntimeError(f"a statement needs subjects with digests, found {self.subjects}")
        return canonical_bytes(
            {
                "_type": STATEMENT_TYPE,
                "subject": [
                    {"name": s.name, "digest": {"sha256": s.digest.removeprefix("sha256:")}}
                    for s in self.subjects
                ],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )


@dataclass(frozen=True, slots=True)
class SignedStatement(Statement):
    """A statement whose signature was verified, with the id of the key that made it."""

    keyids: tuple[str, ...]


def sign_statement(signer: Signer, statement: Statement) -> bytes:
    """Return the signed file of the statement, in its one byte form."""
    payload = statement.payload()
    signature = signer.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    hint = _hint(statement.predicate_type, signer.keyid, signer.public_key_pem)
    return wrap(Envelope(payload, hint, signature))


def open_statement(
    data: bytes, trust: Trust, *, thing: str, predicate_type: str
) -> SignedStatement:
    """Verify a signed file and return its statement. ``thing`` names it in refusals.

    Steps: 1. the file has its one form, with one signature; 2. it names a trusted key; 3. the
    signature verifies over the payload with that key; 4. the payload is a canonical statement of the
    expected predicate type.

    Raises:
        CertificateInvalid: it is not a well-formed signed file or statement of that type.
        SignatureMissing: it carries no signature.
        SignerUntrusted: the signature is by a key that is not trusted.
        SignatureInvalid: the signature does not verify.
    """
    envelope = unwrap(data, thing)  # 1
    keyid = _signing_key(trust, predicate_type, envelope.hint)  # 2
    if keyid is None:
        raise SignerUntrusted(
            thing,
            expected=f"a signature by a trusted key ({len(trust.keyids())} are trusted)",
            found=f"one by {envelope.hint}",
            remedy="If you know the signer, put its public key into keys/trusted.",
        )
    signed = pre_authentication_encoding(PAYLOAD_TYPE, envelope.payload)
    signature = envelope.signature
    if signature is None or not trust.verify(keyid, signed, signature):  # 3
        raise SignatureInvalid(
            thing,
            expected=f"a signature by {keyid} over exactly this payload",
            found="one that does not verify: the payload or the signature was changed",
            remedy=RESTORE,
        )
    return _statement(envelope.payload, thing, predicate_type, (keyid,))  # 4


def _hint(predicate_type: str, keyid: str, public_key_pem: bytes) -> str:
    by_pem = predicate_type == MODEL_SIGNATURE
    return hashlib.sha256(public_key_pem).hexdigest() if by_pem else keyid


def _signing_key(trust: Trust, predicate_type: str, hint: str) -> str | None:
    return next(
        (
            keyid
            for keyid in sorted(trust.keyids())
            if _hint(predicate_type, keyid, trust.public_key_pem(keyid)) == hint
        ),
        None,
    )


def _statement(
    payload: bytes, thing: str, predicate_type: str, keyids: tuple[str, ...]
) -> SignedStatement:
    statement = parse_object(payload, thing)
    expect_keys(statement, {"_type", "subject", "predicateType", "predicate"}, thing)
    for key, expected in (("_type", STATEMENT_TYPE), ("predicateType", predicate_type)):
        if statement[key] != expected:
            raise invalid(thing, f"{key} {expected}", repr(statement[key]))
    if not isinstance(statement["predicate"], dict):
        raise invalid(thing, "a predicate that is an object", "something else")
    subjects = _subjects(statement["subject"], thing)
    return SignedStatement(predicate_type, subjects, statement["predicate"], keyids)


def _subjects(entries: Any, thing: str) -> tuple[Subject, ...]:
    if not isinstance(entries, list) or not entries:
        raise invalid(thing, "at least one subject", "none")
    subjects = []
    for entry in entries:
        expect_keys(entry, {"name", "digest"}, thing)
        expect_keys(entry["digest"], {"sha256"}, thing)
        digest = f"sha256:{entry['digest']['sha256']}"
        if not isinstance(entry["name"], str) or not _DIGEST.fullmatch(digest):
            raise invalid(thing, "subjects with a name and a SHA-256", "something else")
        subjects.append(Subject(entry["name"], digest))
    return tuple(subjects)
