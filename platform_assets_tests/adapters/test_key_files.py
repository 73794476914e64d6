"""Keys in files: made once, marked, kept private; only usable public keys are trusted."""

from __future__ import annotations

import base64
import hashlib
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from platform_assets.adapters.key_files import (
    FileTrust,
    KeyTrust,
    keyid_of,
    signer_from_environment,
    signer_from_file,
    trust_key,
)
from platform_assets.errors import SettingsInvalid, SignerUntrusted

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.adapters.signatures import PrivateKey


def private_pem(key: PrivateKey | rsa.RSAPrivateKey, password: bytes | None = None) -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def test_a_development_key_is_made_once_private_and_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.pem"
    made = signer_from_file(path)
    assert made.development
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert b"BEGIN PUBLIC KEY" in made.public_key_pem
    loaded = serialization.load_pem_public_key(made.public_key_pem)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    assert isinstance(loaded.curve, ec.SECP256R1)
    again = signer_from_file(path)
    assert (again.keyid, again.development) == (made.keyid, True)
    assert [p.name for p in path.parent.iterdir()] == ["signing.pem"]


def test_a_development_key_can_be_of_the_other_kind(tmp_path: Path) -> None:
    made = signer_from_file(tmp_path / "log.pem", ed25519=True)
    loaded = serialization.load_pem_public_key(made.public_key_pem)
    assert isinstance(loaded, ed25519.Ed25519PublicKey)
    assert made.development


def test_the_key_that_a_remedy_tells_to_make_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        signer_from_file(tmp_path / "signing.pem", make=False)
    make, chmod = refused.value.remedy.removeprefix("Make a key: ").removesuffix(".").split("; ")
    for command in (make, chmod, "openssl pkey -in signing.pem -pubout -out trusted.pem"):
        subprocess.run(shlex.split(command), cwd=tmp_path, check=True, timeout=60)
    signer = signer_from_file(tmp_path / "signing.pem")
    assert not signer.development
    assert keyid_of((tmp_path / "trusted.pem").read_bytes()) == signer.keyid


def test_processes_that_start_together_end_with_one_development_key(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    with ThreadPoolExecutor(8) as pool:
        keyids = {s.keyid for s in pool.map(lambda _: signer_from_file(path), range(8))}
    assert len(keyids) == 1


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())]
)
def test_a_key_of_ones_own_is_no_development_key_and_its_signature_verifies(
    tmp_path: Path, key: PrivateKey
) -> None:
    path = tmp_path / "signing.pem"
    path.write_bytes(private_pem(key))
    path.chmod(0o600)
    signer = signer_from_file(path)
    assert not signer.development
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert signer.keyid == hashlib.sha256(der).hexdigest()
    trust = KeyTrust([("own", signer.public_key_pem)])
    assert trust.verify(signer.keyid, b"data", signer.sign(b"data"))
    assert not trust.verify(signer.keyid, b"other", signer.sign(b"data"))
    assert not trust.verify(signer.keyid, b"data", b"")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o601])
def test_a_private_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "signing.pem"
    signer_from_file(path)
    path.chmod(mode)
    with pytest.raises(SettingsInvalid, match="chmod 600"):
        signer_from_file(path)


def test_keys_of_other_kinds_encrypted_or_broken_are_refused(tmp_path: Path) -> None:
    pems = [
        private_pem(rsa.generate_private_key(65537, 2048)),
        private_pem(ec.generate_private_key(ec.SECP384R1())),
        private_pem(ed25519.Ed25519PrivateKey.generate(), password=b"secret"),
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ]
    path = tmp_path / "signing.pem"
    for pem in pems:
        path.write_bytes(pem)
        path.chmod(0o600)
        with pytest.raises(SettingsInvalid):
            signer_from_file(path)
    path.unlink()
    with pytest.raises(SettingsInvalid):
        signer_from_file(path, make=False)
    assert not path.exists()


def test_a_key_from_the_environment_is_read_and_an_absent_one_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    monkeypatch.setenv("SIGNING_KEY", private_pem(key).decode())
    assert not signer_from_environment("SIGNING_KEY").development
    monkeypatch.delenv("SIGNING_KEY")
    with pytest.raises(SettingsInvalid, match="SIGNING_KEY"):
        signer_from_environment("SIGNING_KEY")


def test_a_refused_key_is_never_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY", "not-a-key-but-secret")
    with pytest.raises(SettingsInvalid) as refused:
        signer_from_environment("SIGNING_KEY")
    assert "not-a-key-but-secret" not in str(refused.value)


def test_the_directory_of_trusted_keys_is_all_that_is_trusted(tmp_path: Path) -> None:
    signer = signer_from_file(tmp_path / "signing.pem")
    assert FileTrust(tmp_path / "nowhere").keyids() == frozenset()
    trusted = tmp_path / "trusted"
    assert trust_key(signer.public_key_pem, trusted) == trust_key(signer.public_key_pem, trusted)
    assert FileTrust(trusted).keyids() == {signer.keyid}
    assert keyid_of(FileTrust(trusted).public_key_pem(signer.keyid)) == signer.keyid
    with pytest.raises(SignerUntrusted):
        FileTrust(trusted).verify("0" * 64, b"", b"")
    with pytest.raises(SignerUntrusted):
        KeyTrust([]).verify(signer.keyid, b"", signer.sign(b""))


def test_a_public_key_of_an_algorithm_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    made = signer_from_file(tmp_path / "signing.pem")
    der = serialization.load_pem_public_key(made.public_key_pem).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    other = der.replace(bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0271"))
    assert other != der
    text = base64.b64encode(other).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n".encode()
    with pytest.raises(SettingsInvalid):
        KeyTrust([("x", pem)])


def test_a_private_key_among_the_trusted_ones_is_refused(tmp_path: Path) -> None:
    signer_from_file(tmp_path / "signing.pem")
    with pytest.raises(SettingsInvalid, match="a private key"):
        FileTrust(tmp_path)
