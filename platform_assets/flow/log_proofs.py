"""Proofs about the log, made from the log itself by reading a few of its entries.

The hash of a perfect subtree follows from one entry, the last one in it: that entry carries the tree
before it. So a proof reads as many entries as it has subtrees, about the square of the logarithm of the
log's length at most, and an entry that was changed makes the proof fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.flow import merkle
from platform_assets.flow.closure_log import Damaged, entry_at, log_length
from platform_assets.flow.log_entries import Entry
from platform_assets.flow.steps import UNCLEAR, Unclear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.flow.checkpoint import Checkpoint
    from platform_assets.flow.steps import Steps


def prove(ranges: Sequence[merkle.Range]) -> Steps[list[bytes] | Damaged | Unclear]:
    """Return the hashes of ranges of the log's entries."""
    hashes: dict[merkle.Range, bytes] = {}
    for start, end in {each for whole in ranges for each in merkle.perfect_subtrees(*whole)}:
        entry = yield from entry_at(end)
        if not isinstance(entry, Entry):
            return entry
        height = (end - start).bit_length() - 1
        hashes[start, end] = entry.before.last_subtree(entry.leaf, height)
    return merkle.proof(ranges, hashes.__getitem__)


def newest_entry() -> Steps[Entry | Damaged | Unclear]:
    """Return the last entry of the log; a log without any is damage to whoever asks."""
    length = yield from log_length()
    if isinstance(length, Unclear):
        return UNCLEAR
    if not length:
        return Damaged("the log has no entry")
    found = yield from entry_at(length)
    return found


def check_membership(entry: Entry) -> Steps[Damaged | Unclear | None]:
    """Prove that an entry is in the log as the log ends now; None where it is."""
    newest = yield from newest_entry()
    if not isinstance(newest, Entry):
        return newest
    size, place = newest.index, entry.index - 1
    if place >= size:
        return Damaged(f"the log ends with entry {size}, before entry {entry.index}")
    hashes = yield from prove(merkle.inclusion_ranges(place, size))
    if not isinstance(hashes, list):
        return hashes
    if not merkle.verify_inclusion(place, size, entry.leaf, hashes, newest.tree.root):
        return Damaged(f"entry {entry.index} is not in the tree that ends with entry {size}")
    return None


def check_continuation(checkpoint: Checkpoint) -> Steps[Damaged | Unclear | None]:
    """Prove that the log continues the tree of a checkpoint; None where it does."""
    newest = yield from newest_entry()
    if not isinstance(newest, Entry):
        return newest
    old, size = checkpoint.size, newest.index
    if old > size:
        return Damaged(f"the log was cut: it ends with entry {size}, and had {old}")
    hashes = yield from prove(merkle.consistency_ranges(old, size))
    if not isinstance(hashes, list):
        return hashes
    root = newest.tree.root
    if not merkle.verify_consistency(old, size, checkpoint.root, root, hashes):
        return Damaged(f"the log was rewritten: its first {old} entries are not those of then")
    return None
