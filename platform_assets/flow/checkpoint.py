"""Signed checkpoints of the closure log, in the formats of C2SP that others read.

A checkpoint (c2sp.org/tlog-checkpoint) is a signed note (c2sp.org/signed-note) of three lines: origin
of the log, number of its entries, root of their tree. The log signs it with Ed25519; the same tree
under the same key gives the same bytes, whoever signs. Signatures by keys that are not known are passed
over, as the specification asks, so that witnesses may add theirs; at least one by a known key has to be
there, and each of those has to verify. Lines beyond the three are refused: this log writes none.

A proof of inclusion is written as c2sp.org/tlog-proof, a proof of consistency as the body that
c2sp.org/tlog-witness takes: ``old`` and a size, the hashes, an empty line, the newer checkpoint.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from platform_assets.errors import CheckpointInvalid
from platform_assets.flow.merkle import HASH_SIZE, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platform_assets.ports.signer import NoteSigner

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
#: A name of a log: no space, no plus sign, nothing that is not printable ASCII.
ORIGIN_PATTERN = r"[!-*,-~]+"
_ED25519 = b"\1"
_PUBLIC_SIZE = 32
_KEYID_SIZE = 4
_SIZE = r"(?:0|[1-9][0-9]{0,15})"
_TEXT = re.compile(rf"({ORIGIN_PATTERN})\n({_SIZE})\n([^\n]+)\n")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([^\s]+)\n")
_MOST_HASHES = 63
_MOST_BYTES = 1 << 20
_REMEDY = (
    "Get it again from whoever keeps it. The log's home writes one: platform-assets checkpoint"
)


@dataclass(frozen=True, slots=True)
class LogKey:
    """A log's public key (32 bytes) under the log's name: what a signature line refers to."""

    origin: str
    public_key: bytes

    @property
    def keyid(self) -> bytes:
        """The four bytes by which a signature names the key."""
        named = self.origin.encode() + b"\n" + _ED25519 + self.public_key
        return sha256(named).digest()[:_KEYID_SIZE]

    def __str__(self) -> str:
        """Write the key as one line, as verifiers of notes take it: ``name+id+key``."""
        return f"{self.origin}+{self.keyid.hex()}+{_encode(_ED25519 + self.public_key)}"

    @classmethod
    def parse(cls, text: str) -> LogKey:
        """Read a key as `__str__` writes it.

        Raises:
            CheckpointInvalid: it is no Ed25519 key of a log in that form.
        """
        origin, _, rest = text.partition("+")
        key = _decode(rest.partition("+")[2]) or b""
        found = cls(origin, key[1:])
        if (
            not re.fullmatch(ORIGIN_PATTERN, origin)
            or len(key) != 1 + _PUBLIC_SIZE
            or str(found) != text
        ):
            raise CheckpointInvalid(
                f"log key {text[:200]!r}",
                expected="an Ed25519 key of a log: NAME+ID+KEY in one line (C2SP signed-note)",
                found="something else",
                remedy="Print it in the log's home: platform-assets checkpoint --json",
            )
        return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its name, how many entries it has, and the root of their tree."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note's text: what is signed."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n"


@dataclass(frozen=True, slots=True)
class LogSigner:
    """A log under its name and with its private key."""

    origin: str
    signer: NoteSigner

    @property
    def key(self) -> LogKey:
        """The public key, under the log's name."""
        return LogKey(self.origin, self.signer.public_key)

    def checkpoint(self, tree: Tree) -> bytes:
        """Return the signed checkpoint of a tree; the same bytes for the same tree."""
        text = Checkpoint(self.origin, tree.size, tree.root).text()
        signature = self.key.keyid + self.signer.sign(text.encode())
        return f"{text}\n— {self.origin} {_encode(signature)}\n".encode()


@dataclass(frozen=True, slots=True)
class Given:
    """A file with a checkpoint in it, read and not verified.

    ``index`` and ``hashes`` are a proof of inclusion where there was one; ``old`` and ``hashes`` are
    one of consistency.
    """

    note: bytes
    index: int | None = None
    old: int | None = None
    hashes: tuple[bytes, ...] = ()


def open_checkpoint(
    note: bytes, keys: Iterable[LogKey], thing: str, *, alone: bool = False
) -> Checkpoint:
    """Return what a checkpoint says, verified under the known keys.

    ``thing`` names it in refusals; ``alone`` says that nobody else may have signed it.

    Raises:
        CheckpointInvalid: it has another form, or no known key signed it, or a signature does not
            verify.
    """
    checkpoint, signatures = _parse(note, thing)
    if alone and len(signatures) > 1:
        raise _invalid(thing, "one signature, by the log", f"{len(signatures)}")
    known = {(key.origin, key.keyid): key for key in keys}
    verified = 0
    for name, signature in signatures:
        key = known.get((name, signature[:_KEYID_SIZE]))
        if key is None:
            continue
        if not _verifies(key.public_key, checkpoint.text().encode(), signature[_KEYID_SIZE:]):
            raise _invalid(thing, f"a signature by {name} over this text", "one that does not fit")
        if name != checkpoint.origin:
            raise _invalid(thing, f"a checkpoint of {name}", f"one of {checkpoint.origin}")
        verified += 1
    if not verified:
        names = ", ".join(
            f"{name}+{signature[:_KEYID_SIZE].hex()}" for name, signature in signatures
        )
        raise CheckpointInvalid(
            thing,
            expected="a signature by a key of the log: "
            + (", ".join(f"{name}+{keyid.hex()}" for name, keyid in sorted(known)) or "none known"),
            found=f"signatures by {names}",
            remedy="If that is the log's key, because it was changed, name it: --log-key KEY. "
            "Otherwise it is another log's checkpoint.",
        )
    return checkpoint


def unverified_checkpoint(note: bytes, thing: str) -> Checkpoint:
    """Return what a checkpoint claims, without any proof; nothing may rely on it.

    Raises:
        CheckpointInvalid: it has another form.
    """
    return _parse(note, thing)[0]


def write_inclusion(index: int, hashes: Sequence[bytes], note: bytes) -> bytes:
    """Return a proof that the entry at an index, counted from 0, is in the checkpoint's tree."""
    lines = [PROOF_HEADER, f"index {index}", *map(_encode, hashes)]
    return "\n".join([*lines, "", ""]).encode() + note


def write_consistency(old: int, hashes: Sequence[bytes], note: bytes) -> bytes:
    """Return a proof that the checkpoint's tree continues the one of the older size."""
    return "\n".join([f"old {old}", *map(_encode, hashes), "", ""]).encode() + note


def read_given(data: bytes, thing: str) -> Given:
    """Read a checkpoint, with a proof of inclusion or of consistency before it or without.

    Raises:
        CheckpointInvalid: it is none of these.
    """
    head, separator, note = data.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    if lines[0] == PROOF_HEADER and len(lines) > 1 and separator:
        given = Given(
            note, index=_number(lines[1], "index", thing), hashes=_hashes(lines[2:], thing)
        )
    elif lines[0].startswith("old ") and separator:
        given = Given(note, old=_number(lines[0], "old", thing), hashes=_hashes(lines[1:], thing))
    else:
        given = Given(data)
    _parse(given.note, thing)
    return given


def _parse(note: bytes, thing: str) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    try:
        text, separator, signatures = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        text, separator, signatures = "", "", ""
    stated = _TEXT.fullmatch(text + "\n")
    lines = [_SIGNATURE.fullmatch(line) for line in signatures.splitlines(keepends=True)]
    if len(note) > _MOST_BYTES or not separator or stated is None or not lines or None in lines:
        raise _invalid(thing, "a checkpoint: origin, size, root and signatures", "something else")
    root = _decode(stated[3])
    if root is None or len(root) != HASH_SIZE:
        raise _invalid(thing, "a root of 32 bytes in base64", stated[3])
    found = []
    for line in lines:
        assert line is not None
        signature = _decode(line[2])
        if signature is None or len(signature) <= _KEYID_SIZE:
            raise _invalid(thing, "signatures in base64", line[2])
        found.append((line[1], signature))
    return Checkpoint(stated[1], int(stated[2]), root), found


def _number(line: str, word: str, thing: str) -> int:
    match = re.fullmatch(rf"{word} ({_SIZE})", line)
    if match is None:
        raise _invalid(thing, f"a line of {word} and a number", line[:100])
    return int(match[1])


def _hashes(lines: Sequence[str], thing: str) -> tuple[bytes, ...]:
    found = [_decode(line) for line in lines]
    if len(found) > _MOST_HASHES or any(each is None or len(each) != HASH_SIZE for each in found):
        raise _invalid(thing, f"at most {_MOST_HASHES} hashes in base64", "something else")
    return tuple(each for each in found if each is not None)


def _verifies(public_key: bytes, data: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes | None:
    """Decode standard base64 that has exactly this text as its encoding."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _encode(data) == text else None


def _invalid(thing: str, expected: str, found: str) -> CheckpointInvalid:
    return CheckpointInvalid(thing, expected=expected, found=found, remedy=_REMEDY)
