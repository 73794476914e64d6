"""Signatures: the same bytes give the same signature, and a signature has one form."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from platform_assets.adapters.signatures import new_private_key, sign, verifies

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# RFC 6979, A.2.5: the private key, and (r, s) for two messages under SHA-256
RFC_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
RFC_SIGNATURES = {
    b"sample": (
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    b"test": (
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
}


@pytest.mark.parametrize("message", list(RFC_SIGNATURES))
def test_an_ecdsa_signature_is_that_of_rfc_6979_in_its_lower_form(message: bytes) -> None:
    r, s = RFC_SIGNATURES[message]
    key = ec.derive_private_key(RFC_KEY, ec.SECP256R1())
    assert decode_dss_signature(sign(key, message)) == (r, min(s, P256_ORDER - s))


@pytest.mark.parametrize("ed25519", [False, True])
def test_the_same_bytes_give_the_same_signature_and_others_another(*, ed25519: bool) -> None:
    key = new_private_key(ed25519=ed25519)
    for number in range(50):
        data = b"%d" % number
        assert sign(key, data) == sign(key, data)
        assert verifies(key.public_key(), data, sign(key, data))
        assert not verifies(key.public_key(), data + b"!", sign(key, data))


def test_the_other_form_of_an_ecdsa_signature_is_refused() -> None:
    key = new_private_key()
    for number in range(50):
        data = b"%d" % number
        r, s = decode_dss_signature(sign(key, data))
        other = encode_dss_signature(r, P256_ORDER - s)
        key.public_key().verify(other, data, ec.ECDSA(hashes.SHA256()))  # it is a signature
        assert not verifies(key.public_key(), data, other)


@pytest.mark.parametrize("ed25519", [False, True])
def test_every_changed_bit_of_a_signature_and_every_other_length_is_refused(
    *, ed25519: bool
) -> None:
    key = new_private_key(ed25519=ed25519)
    signature = sign(key, b"data")
    for place in range(len(signature)):
        for bit in range(8):
            flipped = bytearray(signature)
            flipped[place] ^= 1 << bit
            assert not verifies(key.public_key(), b"data", bytes(flipped))
        assert not verifies(key.public_key(), b"data", signature[:place])
    assert not verifies(key.public_key(), b"data", signature + b"\0")
