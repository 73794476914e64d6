"""Signing keys and trusted keys as PEM files.

ECDSA P-256 and Ed25519 keys are accepted; the `cryptography` library does the cryptography. A key's id
is the SHA-256 (hex) of its public key's DER encoding. A private key that others may read is refused. A
key that was made on first use carries a marker line and is a development key: it proves that nothing
changed since the run, not who ran it, and every report says so.

The directory of trusted keys is read once; a trust without any key trusts nobody.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from platform_assets.adapters.local_folders import sync_folder
from platform_assets.adapters.signatures import (
    is_private,
    is_public,
    new_private_key,
    sign,
    verifies,
)
from platform_assets.errors import SettingsInvalid, SignerUntrusted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platform_assets.adapters.signatures import PrivateKey, PublicKey

_MARKER = b"platform-assets development key: made on first use, not for production\n"
_PEM = serialization.Encoding.PEM
_ACCEPTED = "an ECDSA P-256 or Ed25519 key in PEM"
_REMEDY = (
    "Make a key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out signing.pem; "
    "chmod 600 signing.pem."
)


class KeySigner:
    """Signs with one private key that is held in memory."""

    def __init__(self, key: PrivateKey, *, development: bool) -> None:
        self._key = key
        self._development = development
        self._pem = _public_pem(key.public_key())
        self._keyid = keyid_of(self._pem)

    @classmethod
    def from_pem(cls, pem: bytes, thing: str) -> KeySigner:
        """Read a private key; ``thing`` names where it came from.

        Raises:
            SettingsInvalid: it is no usable private key.
        """
        begin = pem.find(b"-----BEGIN")
        try:
            key = serialization.load_pem_private_key(pem[max(begin, 0) :], password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it is encrypted
            raise _unusable(thing, str(error)) from error
        if not is_private(key):
            raise _unusable(thing, _kind(key))
        return cls(key, development=pem.startswith(_MARKER))

    @property
    def keyid(self) -> str:
        """The SHA-256 (hex) of the public key's DER encoding."""
        return self._keyid

    @property
    def public_key_pem(self) -> bytes:
        """The public key, PEM (SubjectPublicKeyInfo)."""
        return self._pem

    @property
    def development(self) -> bool:
        """True for a key that was made on first use."""
        return self._development

    def sign(self, data: bytes) -> bytes:
        """Return the signature: 64 bytes for Ed25519, DER for ECDSA over SHA-256."""
        return sign(self._key, data)


class KeyTrust:
    """Trusts the given public keys and no other."""

    def __init__(self, public_keys: Iterable[tuple[str, bytes]]) -> None:
        """Take pairs of where a key came from and its PEM.

        Raises:
            SettingsInvalid: one of them is no usable public key.
        """
        keys = [_load_public(pem, thing) for thing, pem in public_keys]
        self._keys = {keyid_of(_public_pem(key)): key for key in keys}

    def keyids(self) -> frozenset[str]:
        """Return the ids of all trusted keys."""
        return frozenset(self._keys)

    def public_key_pem(self, keyid: str) -> bytes:
        """Return a trusted key, PEM.

        Raises:
            SignerUntrusted: the key is not trusted.
        """
        return _public_pem(self._key(keyid))

    def verify(self, keyid: str, data: bytes, signature: bytes) -> bool:
        """Tell whether the signature over the bytes was made by that trusted key.

        Raises:
            SignerUntrusted: the key is not trusted.
        """
        return verifies(self._key(keyid), data, signature)

    def _key(self, keyid: str) -> PublicKey:
        key = self._keys.get(keyid)
        if key is None:
            raise SignerUntrusted(
                f"key {keyid}",
                expected=f"one of the {len(self._keys)} trusted keys",
                found="a key that is not trusted here",
                remedy="If you know the signer, put its public key into keys/trusted.",
            )
        return key


class FileTrust(KeyTrust):
    """Trusts the public keys ``*.pem`` of one directory."""

    def __init__(self, directory: Path) -> None:
        """Read the directory; one that does not exist trusts nobody.

        Raises:
            SettingsInvalid: a file is no usable public key, or cannot be read.
        """
        super().__init__((str(path), _read(path)) for path in sorted(directory.glob("*.pem")))


def signer_from_file(path: Path, *, make: bool = True, ed25519: bool = False) -> KeySigner:
    """Read the signing key; where there is none, make a development key, ECDSA P-256 or Ed25519.

    Raises:
        SettingsInvalid: the file is unusable, others may read it, or it is absent and not to be made.
    """
    if not path.exists():
        if not make:
            raise _unusable(str(path), "no file")
        with suppress(FileExistsError):  # another process made one at the same moment
            _make_development_key(path, new_private_key(ed25519=ed25519))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsInvalid(
            str(path),
            expected="a private key that only its owner may read (mode 0600)",
            found=f"mode {mode:04o}",
            remedy=f"If nobody else read it: chmod 600 {path}. Otherwise make a new key.",
        )
    return KeySigner.from_pem(_read(path), str(path))


def signer_from_environment(variable: str) -> KeySigner:
    """Read the signing key from an environment variable that holds its PEM.

    Raises:
        SettingsInvalid: the variable is not set or holds no usable private key.
    """
    pem = os.environ.get(variable, "")
    if not pem:
        raise _unusable(f"environment variable {variable}", "nothing")
    return KeySigner.from_pem(pem.encode(), f"environment variable {variable}")


def trust_key(public_key_pem: bytes, directory: Path) -> Path:
    """Put a public key among the trusted ones, as ``<keyid>.pem``; it may be there already."""
    path = directory / f"{keyid_of(public_key_pem)}.pem"
    directory.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        create_key_file(path, public_key_pem, 0o644)
    return path


def keyid_of(public_key_pem: bytes) -> str:
    """Return the id of a public key: the SHA-256 (hex) of its DER SubjectPublicKeyInfo.

    Raises:
        SettingsInvalid: it is no usable public key.
    """
    key = _load_public(public_key_pem, "public key")
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def _make_development_key(path: Path, key: PrivateKey) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    create_key_file(path, _MARKER + pem, 0o600)


def create_key_file(path: Path, data: bytes, mode: int) -> None:
    """Create a whole file or none, durable; FileExistsError where another one stands."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(temporary, path)
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(str(path), error.strerror or str(error)) from error


def _load_public(pem: bytes, thing: str) -> PublicKey:
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsInvalid(
            thing,
            expected=_ACCEPTED.replace("key", "public key"),
            found="a private key" if b"PRIVATE KEY" in pem else str(error),
            remedy="Write the public key only: openssl pkey -in signing.pem -pubout -out trusted.pem.",
        ) from error
    if not is_public(key):
        raise _unusable(thing, _kind(key))
    return key


def _kind(key: object) -> str:
    curve = getattr(key, "curve", None)
    return f"a {type(key).__name__}" + (f" of the curve {curve.name}" if curve else "")


def _public_pem(key: PublicKey) -> bytes:
    return key.public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _unusable(thing: str, found: str) -> SettingsInvalid:
    return SettingsInvalid(thing, expected=_ACCEPTED, found=found, remedy=_REMEDY)
