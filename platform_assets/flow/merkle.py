"""The Merkle tree of RFC 9162 (section 2.1) over leaves that are only ever appended.

A leaf is hashed as SHA-256(0x00 | data), an inner node as SHA-256(0x01 | left | right), so that neither
can be taken for the other. A tree of any size is a row of perfect subtrees, the largest first, with one
for each bit of its size: its frontier. The frontier alone gives the root, takes the next leaf, and is,
read backwards, the inclusion proof of that leaf.

Proofs are hashes of ranges of leaves ``[start, end)``. Which ranges a proof needs follows from sizes
alone; so a proof can be made from anything that knows the hashes of perfect subtrees. Proofs are made
after sections 2.1.3.1 and 2.1.4.1 of the RFC and verified after 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
#: Leaves from the first number up to, not including, the second.
Range = tuple[int, int]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\1" + left + right).digest()


def row_hash(subtrees: Sequence[bytes]) -> bytes:
    """Return the hash of a row of perfect subtrees, each smaller than the one before."""
    if not subtrees:
        return EMPTY_ROOT
    found = subtrees[-1]
    for subtree in reversed(subtrees[:-1]):
        found = node_hash(subtree, found)
    return found


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree by its size and its frontier: the hashes of its perfect subtrees, the largest first."""

    size: int = 0
    frontier: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.frontier) != self.size.bit_count():
            raise ValueError(f"{len(self.frontier)} hashes are no frontier of {self.size} leaves")

    @property
    def root(self) -> bytes:
        """The hash of the whole tree."""
        return row_hash(self.frontier)

    def with_leaf(self, leaf: bytes) -> Tree:
        """Return the tree with one more leaf, given by its hash."""
        ones = (self.size ^ (self.size + 1)).bit_length() - 1
        kept = self.frontier[: len(self.frontier) - ones]
        return Tree(self.size + 1, (*kept, self.last_subtree(leaf, ones)))

    def last_subtree(self, leaf: bytes, height: int) -> bytes:
        """Return the hash of the perfect subtree of 2**height leaves that the next leaf completes.

        Raises:
            ValueError: the next leaf completes no such subtree.
        """
        if (self.size + 1) % (1 << height):
            raise ValueError(f"leaf {self.size} completes no subtree of {1 << height}")
        found = leaf
        for place in range(1, height + 1):
            found = node_hash(self.frontier[-place], found)
        return found

    def proof_of_next(self) -> list[bytes]:
        """Return the inclusion proof of the next leaf, in the tree that ends with it."""
        return list(reversed(self.frontier))


def perfect_subtrees(start: int, end: int) -> list[Range]:
    """Return the perfect subtrees that make up a range which occurs in a tree, the largest first."""
    found = []
    while start < end:
        size = 1 << ((end - start).bit_length() - 1)
        found.append((start, start + size))
        start += size
    return found


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges whose hashes prove that a leaf is in a tree, from the leaf upwards.

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    start, end, found = 0, size, []
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            found.append((split, end))
            end = split
        else:
            found.append((start, split))
            start = split
    return found[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """Return the ranges whose hashes prove that a tree continues an older one.

    Raises:
        ValueError: the older tree is larger, or its size is negative.
    """
    if not 0 <= old <= size:
        raise ValueError(f"a tree of {size} leaves does not continue one of {old}")
    if old == 0:
        return []  # whatever there is continues nothing
    start, end, found = 0, size, []
    while end != old:
        split = start + _split(end - start)
        if old <= split:
            found.append((split, end))
            end = split
        else:
            found.append((start, split))
            start = split
    if start:
        found.append((start, end))
    return found[::-1]


def proof(ranges: Sequence[Range], subtree: Callable[[Range], bytes]) -> list[bytes]:
    """Return the hashes of ranges, given the hash of each perfect subtree."""
    return [row_hash([subtree(each) for each in perfect_subtrees(*whole)]) for whole in ranges]


def verify_inclusion(
    index: int, size: int, leaf: bytes, hashes: Sequence[bytes], root: bytes
) -> bool:
    """Tell whether the hashes prove a leaf at an index (from 0) of the tree of that size and root."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in hashes:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old: int, size: int, old_root: bytes, root: bytes, hashes: Sequence[bytes]
) -> bool:
    """Tell whether the hashes prove that a tree of that size and root continues the older one."""
    if not 0 <= old <= size:
        return False
    if old in (0, size):
        return not hashes and old_root == (EMPTY_ROOT if old == 0 else root)
    path = [old_root, *hashes] if old.bit_count() == 1 else list(hashes)
    if not path:
        return False
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and older == old_root and newer == root


def _split(size: int) -> int:
    """Return the largest power of two below a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)
