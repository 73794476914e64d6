"""The tree against the words of the RFC, written down as they stand there; every alteration fails."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.flow import merkle
from platform_assets.flow.merkle import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST = 200
LEAVES = [merkle.leaf_hash(f"leaf {number}".encode()) for number in range(LARGEST)]


# --- RFC 9162, 2.1.1, 2.1.3.1 and 2.1.4.1, word by word ------------------------------------------


def mth(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], known: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if known else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], known), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], known=False), mth(leaves[:k])]


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


# --- making --------------------------------------------------------------------------------------


def subtree(each: merkle.Range) -> bytes:
    """The hash of a perfect subtree as the log finds it: by the tree before its last leaf."""
    start, end = each
    return TREES[end - 1].last_subtree(LEAVES[end - 1], (end - start).bit_length() - 1)


def grown() -> Iterator[Tree]:
    tree = Tree()
    yield tree
    for leaf in LEAVES:
        tree = tree.with_leaf(leaf)
        yield tree


TREES = list(grown())
ROOTS = [mth(LEAVES[:size]) for size in range(LARGEST + 1)]


def inclusion(index: int, size: int) -> list[bytes]:
    return merkle.proof(merkle.inclusion_ranges(index, size), subtree)


def consistency(old: int, size: int) -> list[bytes]:
    return merkle.proof(merkle.consistency_ranges(old, size), subtree)


def test_a_tree_that_grows_leaf_by_leaf_has_the_root_of_the_rfc_at_every_size() -> None:
    assert [tree.root for tree in TREES] == ROOTS
    assert TREES[0].root == bytes.fromhex(  # RFC 6962 and 9162: the hash of the empty string
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_known_roots_of_the_reference_implementation() -> None:
    """The roots of certificate-transparency's test vectors, sizes 1 to 8."""
    data = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    data.append("606162636465666768696a6b6c6d6e6f")
    known = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    tree, roots = Tree(), []
    for leaf in data:
        tree = tree.with_leaf(merkle.leaf_hash(bytes.fromhex(leaf)))
        roots.append(tree.root.hex())
    assert roots == known


def test_every_inclusion_proof_up_to_200_leaves_is_that_of_the_rfc_and_verifies() -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            made = inclusion(index, size)
            assert merkle.verify_inclusion(index, size, LEAVES[index], made, ROOTS[size])
        for index in {0, size // 3, size // 2, size - 1}:
            assert inclusion(index, size) == path(index, LEAVES[:size])


def test_every_consistency_proof_up_to_200_leaves_is_that_of_the_rfc_and_verifies() -> None:
    for size in range(LARGEST + 1):
        for old in range(size + 1):
            made = consistency(old, size)
            assert merkle.verify_consistency(old, size, ROOTS[old], ROOTS[size], made)
        for old in {1, size // 3, size // 2, size - 1} & set(range(1, size)):
            assert consistency(old, size) == subproof(old, LEAVES[:size], known=True)


def test_the_frontier_read_backwards_proves_the_next_leaf() -> None:
    for size in range(LARGEST):
        assert TREES[size].proof_of_next() == inclusion(size, size + 1)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 4), (4, 4)])
def test_a_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_ranges(index, size)
    assert not merkle.verify_inclusion(index, size, LEAVES[0], [], ROOTS[size])


@pytest.mark.parametrize(("old", "size"), [(5, 4), (-1, 4)])
def test_a_larger_tree_is_not_continued_by_a_smaller_one(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="does not continue"):
        merkle.consistency_ranges(old, size)
    assert not merkle.verify_consistency(old, size, ROOTS[old], ROOTS[size], [])


def test_a_frontier_of_another_size_is_no_tree() -> None:
    with pytest.raises(ValueError, match="no frontier"):
        Tree(3, (LEAVES[0],))
    with pytest.raises(ValueError, match="completes no subtree"):
        TREES[4].last_subtree(LEAVES[4], 1)


# --- every alteration fails ----------------------------------------------------------------------


def alterations(hashes: list[bytes], draw: st.DrawFn) -> Iterator[list[bytes]]:
    """One of each kind: a bit flipped, one removed, one doubled, one added, two exchanged."""
    extra = draw(st.binary(min_size=32, max_size=32))
    yield [*hashes, extra]
    yield [extra, *hashes]
    if hashes:
        place = draw(st.integers(0, len(hashes) - 1))
        bit = draw(st.integers(0, 255))
        flipped = int.from_bytes(hashes[place], "big") ^ 1 << bit
        yield [*hashes[:place], flipped.to_bytes(32, "big"), *hashes[place + 1 :]]
        yield hashes[:place] + hashes[place + 1 :]
        yield [*hashes[: place + 1], *hashes[place:]]
    if len(hashes) > 1:
        yield [hashes[1], hashes[0], *hashes[2:]]


sizes = st.integers(1, LARGEST)


@given(st.data(), sizes)
def test_no_altered_inclusion_proof_verifies(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaf, root, made = LEAVES[index], ROOTS[size], inclusion(index, size)
    assert merkle.verify_inclusion(index, size, leaf, made, root)
    for altered in data.draw(st.composite(lambda draw: list(alterations(made, draw)))()):
        assert not merkle.verify_inclusion(index, size, leaf, altered, root)
    other = data.draw(st.integers(0, LARGEST - 1).filter(lambda n: n != index))
    assert not merkle.verify_inclusion(index, size, LEAVES[other], made, root)
    assert not merkle.verify_inclusion(other, size, leaf, made, root)
    assert not merkle.verify_inclusion(index, size, leaf, made, ROOTS[size - 1])


@given(st.data(), sizes)
def test_no_altered_consistency_proof_verifies(data: st.DataObject, size: int) -> None:
    old = data.draw(st.integers(1, size))
    old_root, root, made = ROOTS[old], ROOTS[size], consistency(old, size)
    assert merkle.verify_consistency(old, size, old_root, root, made)
    for altered in data.draw(st.composite(lambda draw: list(alterations(made, draw)))()):
        assert not merkle.verify_consistency(old, size, old_root, root, altered)
    other = data.draw(st.integers(0, LARGEST).filter(lambda n: n not in (old, size)))
    assert not merkle.verify_consistency(old, size, ROOTS[other], root, made)
    if old != size:
        assert not merkle.verify_consistency(old, size, old_root, ROOTS[other], made)


@given(st.data(), st.integers(2, LARGEST))
def test_a_tree_with_another_leaf_in_the_past_is_consistent_by_no_proof_of_its_own(
    data: st.DataObject, size: int
) -> None:
    """The log is rewritten: whatever its new tree proves, the old root does not fit."""
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    leaves = [*LEAVES[:changed], merkle.leaf_hash(b"another"), *LEAVES[changed + 1 : size]]
    forged = subproof(old, leaves, known=True)
    assert not merkle.verify_consistency(old, size, ROOTS[old], mth(leaves), forged)
    assert merkle.verify_consistency(old, size, mth(leaves[:old]), mth(leaves), forged)


def test_no_proof_of_another_length_than_the_sizes_need_verifies() -> None:
    """A node inside a tree is no root of a larger one, and no leaf of a smaller one."""
    sizes = range(1, 18)
    places = [(index, size) for size in sizes for index in range(size)]
    for index, size in places:
        made = inclusion(index, size)
        for other, others in places:
            if len(merkle.inclusion_ranges(other, others)) != len(made):
                claimed = (other, others, LEAVES[index], made, ROOTS[size])
                assert not merkle.verify_inclusion(*claimed), claimed[:2]
    pairs = [(old, size) for size in sizes for old in range(1, size + 1)]
    for old, size in pairs:
        made = consistency(old, size)
        for other, others in pairs:
            if len(merkle.consistency_ranges(other, others)) != len(made):
                between = (other, others, ROOTS[old], ROOTS[size], made)
                assert not merkle.verify_consistency(*between), between[:2]
