"""The outer form of every signed file: one DSSE envelope in a sigstore bundle v0.3.

The bundle carries no certificate and no entry of a public log, only a hint of the public key; the key
itself reaches the verifier by another way. The hint is the one place that names the key: a ``keyid`` in
the signature is left out, because cosign compares it with a form of its own. So the tools of others
read our files as they are (see docs/evidence.md).

A file has exactly one byte form: canonical JSON (RFC 8785), exactly the known keys, base64 that
re-encodes to itself. So every changed byte of it shows, also where the signature would not. It carries
exactly one signature: a second one could not be told from one that somebody added.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.errors import (
    CertificateInvalid,
    PlatformError,
    RecordNotCanonical,
    SignatureMissing,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
RESTORE = "Restore the file from a copy of the evidence, or run the step again that signs it."

_BUNDLE = {"mediaType", "verificationMaterial", "dsseEnvelope"}
_MATERIAL = {"publicKey", "tlogEntries"}
_ENVELOPE = {"payload", "payloadType", "signatures"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a well-formed signed file holds; nothing of it is verified yet.

    Attributes:
        payload: the bytes that are signed.
        hint: names the key that is said to have signed.
        signature: the signature, None where it is no base64 in its one form.
    """

    payload: bytes
    hint: str
    signature: bytes | None


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that DSSE v1 signs: ``DSSEv1 len(type) type len(payload) payload``."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def wrap(envelope: Envelope) -> bytes:
    """Return the one byte form of a signed file.

    Raises:
        RuntimeError: there is no signature.
    """
    if not envelope.signature:
        raise RuntimeError(f"a file to be signed by {envelope.hint} has no signature")
    signature = base64.b64encode(envelope.signature).decode()
    return canonical_bytes(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {
                "publicKey": {"hint": envelope.hint},
                "tlogEntries": [],
            },
            "dsseEnvelope": {
                "payload": base64.b64encode(envelope.payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": signature}],
            },
        }
    )


def unwrap(data: bytes, thing: str) -> Envelope:
    """Return what a signed file holds, if it has its one form. ``thing`` names it in refusals.

    Raises:
        CertificateInvalid: it has another form.
        SignatureMissing: it carries no signature.
    """
    bundle = parse_object(data, thing)
    expect_keys(bundle, _BUNDLE, thing)
    if bundle["mediaType"] != MEDIA_TYPE:
        raise invalid(thing, f"media type {MEDIA_TYPE}", repr(bundle["mediaType"]))
    hint = _hint(bundle["verificationMaterial"], thing)
    inner = bundle["dsseEnvelope"]
    expect_keys(inner, _ENVELOPE, thing, absent={"signatures"})
    if inner["payloadType"] != PAYLOAD_TYPE:
        raise invalid(thing, f"payload type {PAYLOAD_TYPE}", repr(inner["payloadType"]))
    signature = _signature(inner, thing)
    payload = _decode(inner["payload"])
    if payload is None:
        raise invalid(thing, "a base64 payload", "something else")
    return Envelope(payload, hint, _decode(signature))


def unverified_payload(bundle: Any) -> bytes | None:
    """Return the payload of a parsed signed file without any proof, None where there is none."""
    try:
        return base64.b64decode(bundle["dsseEnvelope"]["payload"], validate=True)
    except (ValueError, TypeError, KeyError):
        return None


def unverified_predicate(bundle: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the predicate that a parsed signed file claims, without any proof, or nothing.

    It serves to know what a statement refers to, before it is opened; nothing may rely on it.
    """
    try:
        predicate = json.loads(unverified_payload(bundle) or b"")["predicate"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    return predicate if isinstance(predicate, dict) else {}


def parse_object(data: bytes, thing: str) -> dict[str, Any]:
    """Return a canonical JSON object.

    Raises:
        CertificateInvalid: it is none.
    """
    try:
        value = parse_canonical(data, thing)
    except RecordNotCanonical as error:
        raise invalid(thing, error.expected, error.found) from error
    if not isinstance(value, dict):
        raise invalid(thing, "a JSON object", type(value).__name__)
    return value


def expect_keys(
    value: Any, keys: set[str], thing: str, *, absent: frozenset[str] | set[str] = frozenset()
) -> None:
    """Require an object of exactly these keys; those in ``absent`` may be missing.

    Raises:
        CertificateInvalid: it is something else.
    """
    if not isinstance(value, dict) or not keys - absent <= set(value) <= keys:
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise invalid(thing, f"exactly the keys {sorted(keys)}", str(found))


def invalid(thing: str, expected: str, found: str) -> PlatformError:
    """Return the refusal of a signed file that is not what it has to be."""
    return CertificateInvalid(thing, expected=expected, found=found, remedy=RESTORE)


def _hint(material: Any, thing: str) -> str:
    expect_keys(material, _MATERIAL, thing)
    expect_keys(material["publicKey"], {"hint"}, thing)
    hint = material["publicKey"]["hint"]
    if not isinstance(hint, str) or material["tlogEntries"] != []:
        raise invalid(thing, "the hint of a key, no entry of a public log", "something else")
    return hint


def _signature(envelope: Mapping[str, Any], thing: str) -> str:
    entries = envelope.get("signatures", [])
    if isinstance(entries, list) and all(_unsigned(entry) for entry in entries):
        raise SignatureMissing(thing, expected="one signature", found="none", remedy=RESTORE)
    if not isinstance(entries, list) or len(entries) != 1:
        found = str(len(entries)) if isinstance(entries, list) else type(entries).__name__
        raise invalid(thing, "exactly one signature", found)
    expect_keys(entries[0], {"sig"}, thing)
    signature = entries[0]["sig"]
    if not isinstance(signature, str):
        raise invalid(thing, "a signature that is a text", type(signature).__name__)
    return signature


def _unsigned(entry: Any) -> bool:
    return isinstance(entry, dict) and not entry.get("sig")


def _decode(text: Any) -> bytes | None:
    """Decode standard base64 that has exactly this text as its encoding."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        return None
    return data if base64.b64encode(data).decode() == text else None
