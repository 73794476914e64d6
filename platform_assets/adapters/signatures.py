"""What a signature is, by the kind of its key: ECDSA P-256 over SHA-256, or Ed25519.

The same key and the same bytes give the same signature, so that a step that is done again writes the
same file: Ed25519 signs so by its nature, ECDSA as RFC 6979 says. Of the two forms that every ECDSA
signature has, (r, s) and (r, n - s), only the one with the lower s is made and accepted; otherwise
anyone could change a signed file into another one that verifies as well.
"""

from __future__ import annotations

from typing import TypeGuard

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey

_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_P256_ORDER = (
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # SP 800-186, 3.2.1.3
)


def new_private_key(*, ed25519: bool = False) -> PrivateKey:
    """Return a fresh key: ECDSA P-256, which the tools of others and key services know best."""
    return Ed25519PrivateKey.generate() if ed25519 else ec.generate_private_key(ec.SECP256R1())


def is_private(key: object) -> TypeGuard[PrivateKey]:
    """Tell whether it is a private key of an accepted kind."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return isinstance(key.curve, ec.SECP256R1)
    return isinstance(key, Ed25519PrivateKey)


def is_public(key: object) -> TypeGuard[PublicKey]:
    """Tell whether it is a public key of an accepted kind."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, ec.SECP256R1)
    return isinstance(key, Ed25519PublicKey)


def sign(key: PrivateKey, data: bytes) -> bytes:
    """Return the signature: 64 bytes for Ed25519, DER for ECDSA."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    r, s = decode_dss_signature(key.sign(data, _ECDSA))
    return encode_dss_signature(r, min(s, _P256_ORDER - s))


def verifies(key: PublicKey, data: bytes, signature: bytes) -> bool:
    """Tell whether the signature over the bytes is by that key, and of the one form."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
            return True
        key.verify(signature, data, _ECDSA)
        return decode_dss_signature(signature)[1] <= _P256_ORDER // 2
    except (InvalidSignature, ValueError):
        return False
