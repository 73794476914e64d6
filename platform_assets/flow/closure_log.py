"""The append-only log of closures, a transparency log: ``log/<index, 10 digits>.json``, from 1.

A sealed run is in the log exactly once. An entry carries the tree (see `merkle`) of all entries before
it, so it commits to every one of them, and appending reads the last entry only. An entry is created at
the first free index: of two appenders one gets it; the other reads what it lost to and goes on. Then
the log's key signs the checkpoint of the tree that ends with the entry, ``log/checkpoints/<size>.<key
id>``, and last a copy beside the run's seal says where the run stands, so that nobody has to search.

The seal, not the log, closes a run: a crash on the way is mended by whoever looks next, with the same
procedure. Indices have no holes, because an entry is created only after the one before was read.

A log that is not what its own checkpoints say is not continued: nothing is signed over damage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import parse_canonical
from platform_assets.errors import RecordInvalid, RecordNotCanonical
from platform_assets.flow.log_entries import Closed, Entry, checkpoint_path, log_path, read_entry
from platform_assets.flow.merkle import Tree, leaf_hash
from platform_assets.flow.steps import UNCLEAR, Unclear, look, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.flow.checkpoint import LogSigner
    from platform_assets.flow.steps import Steps


@dataclass(frozen=True, slots=True)
class Logged:
    """The run stands in the log at this index, as these bytes."""

    index: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """The log cannot be continued; it says what stands there."""

    problem: str


def log_length() -> Steps[int | Unclear]:
    """Return the number of entries, found by doubling and halving."""
    low, high = 0, 1
    while True:
        found = yield from look(log_path(high))
        if isinstance(found, Unclear):
            return UNCLEAR
        if found is None:
            break
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        found = yield from look(log_path(middle))
        if isinstance(found, Unclear):
            return UNCLEAR
        low, high = (low, middle) if found is None else (middle, high)
    return low


def append(closed: Closed, log: LogSigner, *, after: int = 0) -> Steps[Logged | Damaged | Unclear]:
    """Bring a sealed run into the log, once, whoever calls and however often.

    1. The run's own copy says that it is there. 2. Else look through the entries that may hold it:
    those behind ``after``, the log's length when the run's evidence was written. 3. Else append at the
    first free index. 4. Sign the checkpoint. 5. Leave the copy.
    """
    copy = yield from look(closed.copy_path)  # 1
    if isinstance(copy, Unclear):
        return UNCLEAR
    if copy is not None:
        return Logged(_index_of(copy), copy)
    entry = yield from _find(closed, after)  # 2
    if isinstance(entry, int):
        entry = yield from _append_behind(closed, log, entry)  # 3
    if not isinstance(entry, Entry):
        return entry
    problem = yield from sign_tree(entry.tree, log)  # 4
    if problem is not None:
        return problem
    standing = yield from settle(closed.copy_path, entry.data)  # 5
    return UNCLEAR if isinstance(standing, Unclear) else Logged(entry.index, entry.data)


def sign_tree(tree: Tree, log: LogSigner) -> Steps[Damaged | Unclear | None]:
    """Leave the signed checkpoint of a tree, unless it stands; None where it then does.

    A checkpoint of that size over another tree is damage: one of the two was rewritten.
    """
    path = checkpoint_path(tree.size, log.key)
    standing = yield from look(path)
    expected = log.checkpoint(tree)
    if standing is None:
        standing = yield from settle(path, expected)
    if isinstance(standing, Unclear):
        return UNCLEAR
    if standing != expected:
        return Damaged(f"the checkpoint {path} is not that of the first {tree.size} entries")
    return None


def log_problems(entries: Sequence[bytes]) -> list[str]:
    """Return what is wrong with the log, given all its entries in order; none if it is sound."""
    problems = []
    seen: dict[str, int] = {}
    tree = Tree()
    for index, data in enumerate(entries, start=1):
        try:
            entry = read_entry(data, index)
        except (RecordInvalid, RecordNotCanonical) as error:
            problems.append(f"entry {index}: expected {error.expected}, found {error.found}")
        else:
            if entry.before != tree:
                problems.append(f"entry {index} continues another log than the entries before it")
            if entry.run_id in seen:
                problems.append(
                    f"entry {index} repeats {entry.run_id} of entry {seen[entry.run_id]}"
                )
            seen.setdefault(entry.run_id, index)
        tree = tree.with_leaf(leaf_hash(data))
    return problems


def _find(closed: Closed, after: int) -> Steps[Entry | int | Damaged | Unclear]:
    """Return the run's entry, or the log's length where it has none."""
    length = yield from log_length()
    if isinstance(length, Unclear):
        return UNCLEAR
    if length < after:
        return Damaged(
            f"the log ends with entry {length}; it had {after} before the run was closed"
        )
    for index in range(length, after, -1):
        entry = yield from entry_at(index)
        if not isinstance(entry, Entry):
            return entry
        if entry.run_id == closed.run_id:
            if entry.bundle_digest == closed.bundle_digest:
                return entry
            return Damaged(f"entry {index} names {closed.run_id} with other evidence")
    return length


def _append_behind(closed: Closed, log: LogSigner, length: int) -> Steps[Entry | Damaged | Unclear]:
    tree = Tree()
    if length:
        last = yield from entry_at(length)
        if not isinstance(last, Entry):
            return last
        tree = last.tree
    while True:
        problem = yield from _problem_at_the_end(tree, log)
        if problem is not None:
            return problem
        index, mine = tree.size + 1, closed.entry(tree)
        standing = yield from settle(log_path(index), mine)
        if isinstance(standing, Unclear):
            return UNCLEAR
        entry = _read(standing, index)
        if not isinstance(entry, Entry):
            return entry
        if entry.before != tree:
            return Damaged(f"entry {index} continues another log than the entries before it")
        if standing == mine:  # by whoever: a run's entry at an index has one form
            return entry
        tree = entry.tree


def _problem_at_the_end(tree: Tree, log: LogSigner) -> Steps[Damaged | Unclear | None]:
    """Say why nothing may be appended behind a tree; None where it may.

    Its checkpoint is signed where the closer of its last entry did not come to it. A checkpoint beyond,
    without an entry, shows that entries were removed.
    """
    if tree.size:
        problem = yield from sign_tree(tree, log)
        if problem is not None:
            return problem
    path = checkpoint_path(tree.size + 1, log.key)
    beyond = yield from look(path)
    if isinstance(beyond, bytes):
        beyond = yield from look(log_path(tree.size + 1))
        if beyond is None:
            return Damaged(f"{path} stands, and entry {tree.size + 1} is not there any more")
    return UNCLEAR if isinstance(beyond, Unclear) else None


def entry_at(index: int) -> Steps[Entry | Damaged | Unclear]:
    """Read the entry at an index that the log has."""
    data = yield from look(log_path(index))
    if isinstance(data, Unclear):
        return UNCLEAR
    return Damaged(f"entry {index} is not there") if data is None else _read(data, index)


def _read(data: bytes, index: int) -> Entry | Damaged:
    try:
        return read_entry(data, index)
    except (RecordInvalid, RecordNotCanonical) as error:
        return Damaged(f"entry {index}: expected {error.expected}, found {error.found}")


def _index_of(copy: bytes) -> int:
    """Return the index that a run's copy names, 0 where it is no entry; who verifies finds that."""
    try:
        record: Any = parse_canonical(copy, "copy of a log entry")
    except RecordNotCanonical:
        return 0
    index = record.get("index") if isinstance(record, dict) else None
    return index if isinstance(index, int) else 0
