"""Signed statements: in-toto Statement v1 in a DSSE envelope.

The signature covers the payload type and the payload in the pre-authentication encoding of DSSE v1, so
neither can be exchanged. An envelope has exactly one byte form: canonical JSON (RFC 8785), exactly the
known keys, base64 that re-encodes to itself, a payload that is itself canonical. So every changed byte
of an envelope shows, also where the signature would not. At least one signature is needed, and every
signature has to be by a trusted key and verify: one good signature never excuses a bad one.

What is signed says what it is: a statement of another predicate type is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.errors import (
    CertificateInvalid,
    PlatformError,
    RecordNotCanonical,
    SignatureInvalid,
    SignatureMissing,
    SignerUntrusted,
)
from platform_assets.identifiers import DIGEST_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platform_assets.ports.signer import Signer, Trust

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PROVENANCE = "https://slsa.dev/provenance/v1"
EVIDENCE = "urn:platform-assets:evidence:v1"
CLOSURE = "urn:platform-assets:closure:v1"
REVOCATION = "urn:platform-assets:revocation:v1"

_DIGEST = re.compile(DIGEST_PATTERN)
_RESTORE = "Restore the file from a copy of the evidence, or run the step again that signs it."


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
    """A statement whose signatures were verified, with the ids of the keys that made them."""

    keyids: tuple[str, ...]


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that DSSE v1 signs: ``DSSEv1 len(type) type len(payload) payload``."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_statement(signer: Signer, statement: Statement) -> bytes:
    """Return the canonical envelope of the statement with one signature."""
    payload = statement.payload()
    signature = signer.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    return canonical_bytes(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"keyid": signer.keyid, "sig": base64.b64encode(signature).decode()},
            ],
        }
    )


def open_statement(
    data: bytes, trust: Trust, *, thing: str, predicate_type: str
) -> SignedStatement:
    """Verify an envelope and return its statement. ``thing`` names it in refusals.

    Steps: 1. the envelope is canonical and holds the known keys only; 2. the payload type is in-toto's;
    3. there are signatures; 4. each is by a trusted key; 5. each verifies over the payload; 6. the
    payload is a canonical statement of the expected predicate type.

    Raises:
        CertificateInvalid: it is not a well-formed envelope or statement of that type.
        SignatureMissing: it carries no signature.
        SignerUntrusted: a signature is by a key that is not trusted.
        SignatureInvalid: a signature does not verify.
    """
    envelope = _parse(data, thing)  # 1
    _expect_keys(envelope, {"payload", "payloadType", "signatures"}, thing, absent={"signatures"})
    if envelope["payloadType"] != PAYLOAD_TYPE:  # 2
        raise _invalid(thing, f"payload type {PAYLOAD_TYPE}", repr(envelope["payloadType"]))
    signatures = _signatures(envelope, thing)  # 3
    untrusted = [keyid for keyid, _ in signatures if keyid not in trust.keyids()]  # 4
    if untrusted:
        raise SignerUntrusted(
            thing,
            expected=f"signatures by trusted keys only ({len(trust.keyids())} are trusted)",
            found=f"one by {', '.join(untrusted)}",
            remedy="If you know the signer, put its public key into keys/trusted.",
        )
    payload = _decode(envelope["payload"])
    if payload is None:
        raise _invalid(thing, "a base64 payload", "something else")
    for keyid, text in signatures:  # 5
        _verify(trust, keyid, payload, text, thing)
    return _statement(payload, thing, predicate_type, tuple(keyid for keyid, _ in signatures))  # 6


def unverified_predicate(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the predicate that a parsed envelope claims, without any proof, or nothing.

    It serves to know what a statement refers to, before it is opened; nothing may rely on it.
    """
    try:
        predicate = json.loads(base64.b64decode(envelope["payload"], validate=True))["predicate"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    return predicate if isinstance(predicate, dict) else {}


def _signatures(envelope: Mapping[str, Any], thing: str) -> list[tuple[str, str]]:
    entries = envelope.get("signatures", [])
    if entries == [] or (isinstance(entries, list) and all(_unsigned(e) for e in entries)):
        raise SignatureMissing(
            thing,
            expected="at least one signature",
            found="none",
            remedy=_RESTORE,
        )
    if not isinstance(entries, list):
        raise _invalid(thing, "a list of signatures", type(entries).__name__)
    for entry in entries:
        _expect_keys(entry, {"keyid", "sig"}, thing)
        if not isinstance(entry["keyid"], str) or not isinstance(entry["sig"], str):
            raise _invalid(thing, "signatures of texts", "something else")
    keyids = [entry["keyid"] for entry in entries]
    if len(set(keyids)) != len(keyids):
        raise _invalid(thing, "one signature by each key", "two by the same key")
    return [(entry["keyid"], entry["sig"]) for entry in entries]


def _unsigned(entry: Any) -> bool:
    return isinstance(entry, dict) and not entry.get("sig")


def _verify(trust: Trust, keyid: str, payload: bytes, text: str, thing: str) -> None:
    signature = _decode(text)
    signed = pre_authentication_encoding(PAYLOAD_TYPE, payload)
    if signature is None or not trust.verify(keyid, signed, signature):
        raise SignatureInvalid(
            thing,
            expected=f"a signature by {keyid} over exactly this payload",
            found="one that does not verify: the payload or the signature was changed",
            remedy=_RESTORE,
        )


def _statement(
    payload: bytes, thing: str, predicate_type: str, keyids: tuple[str, ...]
) -> SignedStatement:
    statement = _parse(payload, thing)
    _expect_keys(statement, {"_type", "subject", "predicateType", "predicate"}, thing)
    for key, expected in (("_type", STATEMENT_TYPE), ("predicateType", predicate_type)):
        if statement[key] != expected:
            raise _invalid(thing, f"{key} {expected}", repr(statement[key]))
    if not isinstance(statement["predicate"], dict):
        raise _invalid(thing, "a predicate that is an object", "something else")
    subjects = _subjects(statement["subject"], thing)
    return SignedStatement(predicate_type, subjects, statement["predicate"], keyids)


def _subjects(entries: Any, thing: str) -> tuple[Subject, ...]:
    if not isinstance(entries, list) or not entries:
        raise _invalid(thing, "at least one subject", "none")
    subjects = []
    for entry in entries:
        _expect_keys(entry, {"name", "digest"}, thing)
        _expect_keys(entry["digest"], {"sha256"}, thing)
        digest = f"sha256:{entry['digest']['sha256']}"
        if not isinstance(entry["name"], str) or not _DIGEST.fullmatch(digest):
            raise _invalid(thing, "subjects with a name and a SHA-256", "something else")
        subjects.append(Subject(entry["name"], digest))
    return tuple(subjects)


def _parse(data: bytes, thing: str) -> dict[str, Any]:
    try:
        value = parse_canonical(data, thing)
    except RecordNotCanonical as error:
        raise _invalid(thing, error.expected, error.found) from error
    if not isinstance(value, dict):
        raise _invalid(thing, "a JSON object", type(value).__name__)
    return value


def _expect_keys(value: Any, keys: set[str], thing: str, *, absent: Iterable[str] = ()) -> None:
    if not isinstance(value, dict) or not keys - set(absent) <= set(value) <= keys:
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise _invalid(thing, f"exactly the keys {sorted(keys)}", str(found))


def _decode(text: Any) -> bytes | None:
    """Decode standard base64 that has exactly this text as its encoding."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def _invalid(thing: str, expected: str, found: str) -> PlatformError:
    return CertificateInvalid(thing, expected=expected, found=found, remedy=_RESTORE)
