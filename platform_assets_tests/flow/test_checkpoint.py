"""Checkpoints, keys and proofs in the formats of C2SP, and every change of them refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.errors import CheckpointInvalid
from platform_assets.flow.checkpoint import (
    Checkpoint,
    Given,
    LogKey,
    LogSigner,
    open_checkpoint,
    read_given,
    unverified_checkpoint,
    write_consistency,
    write_inclusion,
)
from platform_assets.flow.merkle import Tree, leaf_hash
from platform_assets_tests.simulators.log_key import log_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = log_in_memory()
OTHER = log_in_memory(2)
TREE = Tree().with_leaf(leaf_hash(b"one")).with_leaf(leaf_hash(b"two"))
NOTE = LOG.checkpoint(TREE)
HASHES = (b"\1" * 32, b"\2" * 32)


def refused(note: bytes, *keys: LogKey, alone: bool = False) -> str:
    with pytest.raises(CheckpointInvalid) as found:
        open_checkpoint(note, keys or [LOG.key], "the checkpoint", alone=alone)
    return found.value.found


def test_a_checkpoint_is_the_three_lines_of_the_specification_and_a_signature() -> None:
    origin, size, root, blank, signature, end = NOTE.decode().split("\n")
    assert (origin, size, blank, end) == ("log.test/closures", "2", "", "")
    assert signature.startswith("— log.test/closures ")
    assert open_checkpoint(NOTE, [LOG.key], "it") == Checkpoint(origin, 2, TREE.root)
    assert len(root) == 44


def test_a_key_of_the_reference_implementation_is_read_with_its_id() -> None:
    """The key of the Go checksum database, and of the package's own example."""
    for text in (
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ):
        key = LogKey.parse(text)
        assert str(key) == text
        assert key.keyid.hex() in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sum.golang.org",
        "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",  # another id
        "sum.golang.com+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",  # another name
        "sum.golang.org+033de0ae+As4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",  # another kind
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuA==",  # too short
        "sum golang+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ],
)
def test_what_is_no_key_of_a_log_is_refused(text: str) -> None:
    with pytest.raises(CheckpointInvalid):
        LogKey.parse(text)


def test_the_same_tree_gives_the_same_bytes_whoever_signs() -> None:
    assert log_in_memory().checkpoint(TREE) == NOTE
    assert OTHER.checkpoint(TREE) != NOTE


def test_a_checkpoint_signed_by_no_known_key_is_refused_and_says_by_whom() -> None:
    assert OTHER.key.keyid.hex() in refused(OTHER.checkpoint(TREE))
    assert refused(NOTE, OTHER.key)
    with pytest.raises(CheckpointInvalid):
        open_checkpoint(NOTE, [], "it")


def test_signatures_of_witnesses_are_passed_over_but_not_where_the_log_alone_may_sign() -> None:
    witness = OTHER.checkpoint(TREE).decode().rpartition("\n\n")[2].replace("log.test", "w.test")
    both = NOTE + witness.encode()
    assert open_checkpoint(both, [LOG.key], "it").size == 2
    assert refused(both, alone=True) == "2"
    only = NOTE.decode().rpartition("\n\n")[0] + "\n\n" + witness
    assert refused(only.encode())


def test_a_known_key_whose_signature_does_not_fit_is_refused_though_another_fits() -> None:
    of_another_tree = LOG.checkpoint(Tree()).decode().rpartition("\n\n")[2]
    assert "does not fit" in refused(NOTE + of_another_tree.encode())


def test_a_key_of_another_origin_does_not_speak_for_this_log() -> None:
    other_name = LogSigner("log.test/another", LOG.signer)
    text = Checkpoint("log.test/closures", 2, TREE.root).text()
    line = other_name.checkpoint(TREE).decode().rpartition("\n\n")[2]
    assert refused(f"{text}\n{line}".encode(), other_name.key)  # the signature is over other text
    assert refused(other_name.checkpoint(TREE))


def changes(note: bytes) -> Iterator[bytes]:
    text, _, signature = note.decode().rpartition("\n\n")
    origin, size, root = text.split("\n")
    yield note.replace(b"\n2\n", b"\n02\n")
    yield note.replace(b"\n2\n", b"\n-2\n")
    yield note.replace(b"\n", b"\r\n")
    yield note[:-1]
    yield note + b"\n"
    yield note + b"x"
    yield b"\n" + note
    yield note.replace(b"\xe2\x80\x94", b"-")
    yield f"{origin}\n{size}\n{root}\nmore\n\n{signature}".encode()
    yield f"{origin}\n{size}\n\n{signature}".encode()
    yield f"{origin}\n{size}\n{root}\n\n".encode()
    yield b"\xff" + note
    yield b""


@pytest.mark.parametrize("changed", list(changes(NOTE)), ids=range(13))
def test_another_form_is_no_checkpoint(changed: bytes) -> None:
    refused(changed)
    with pytest.raises(CheckpointInvalid):
        unverified_checkpoint(changed, "it")


def test_every_changed_bit_of_a_checkpoint_is_refused() -> None:
    for place in range(len(NOTE)):
        for bit in range(8):
            changed = bytearray(NOTE)
            changed[place] ^= 1 << bit
            refused(bytes(changed), alone=True)


# --- proofs --------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_proofs_are_read_as_they_were_written(number: int, hashes: list[bytes]) -> None:
    inclusion = write_inclusion(number, hashes, NOTE)
    assert read_given(inclusion, "it") == Given(NOTE, index=number, hashes=tuple(hashes))
    consistency = write_consistency(number, hashes, NOTE)
    assert read_given(consistency, "it") == Given(NOTE, old=number, hashes=tuple(hashes))
    assert read_given(NOTE, "it") == Given(NOTE)


def test_proofs_are_the_lines_of_their_specifications() -> None:
    assert write_inclusion(7, HASHES[:1], NOTE).decode().split("\n")[:5] == [
        "c2sp.org/tlog-proof@v1",
        "index 7",
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "",
        "log.test/closures",
    ]
    assert write_consistency(0, [], NOTE) == b"old 0\n\n" + NOTE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"old 3\n",
        b"old 3\n\n",
        b"old 03\n\n" + NOTE,
        b"old -3\n\n" + NOTE,
        b"old 3\nAQEB\n\n" + NOTE,
        b"old 3\nnot base64\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex x\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nextra AQEB\nindex 3\n\n" + NOTE,  # an export writes none
        b"c2sp.org/tlog-proof@v2\nindex 3\n\n" + NOTE,
        write_consistency(3, [b"\1" * 32] * 64, NOTE),
        write_inclusion(3, HASHES, NOTE[:-9]),
    ],
)
def test_what_is_neither_a_checkpoint_nor_a_proof_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointInvalid):
        read_given(data, "it")
