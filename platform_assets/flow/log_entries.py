"""Entries of the log of closures: where they stand, what they say, and the tree that each carries.

An entry is one canonical record. It carries the tree (see `merkle`) of all entries before it, so its
place in the log, and every entry before it, follow from its own bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import RecordInvalid
from platform_assets.flow.merkle import Tree, leaf_hash

if TYPE_CHECKING:
    from platform_assets.flow.checkpoint import LogKey

LOG_FOLDER = "log"
ORIGIN_PATH = "log/origin.json"
CHECKPOINTS_FOLDER = "log/checkpoints"
_HASH = "sha256:"


@dataclass(frozen=True, slots=True)
class Closed:
    """A sealed run, as the log names it; ``closure_folder`` is where its seal stands."""

    run_id: str
    config_digest: str
    bundle_digest: str
    closure_folder: str

    @property
    def copy_path(self) -> str:
        """The path of the run's own copy of its log entry."""
        return f"{self.closure_folder}/log.json"

    def entry(self, before: Tree) -> bytes:
        """Return the canonical bytes of the run's entry behind the tree ``before``."""
        return canonical_bytes(
            {
                "record": "closure_log",
                "version": 1,
                "run_id": self.run_id,
                "config_digest": self.config_digest,
                "index": before.size + 1,
                "bundle_digest": self.bundle_digest,
                "tree": {
                    "root": _HASH + before.root.hex(),
                    "frontier": [_HASH + each.hex() for each in before.frontier],
                },
            }
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the log, read; ``before`` is the tree that it continues."""

    data: bytes
    run_id: str
    config_digest: str
    bundle_digest: str
    before: Tree

    @property
    def index(self) -> int:
        """Where it stands, from 1: the size of the tree that ends with it."""
        return self.before.size + 1

    @property
    def leaf(self) -> bytes:
        """The hash of the entry in the tree."""
        return leaf_hash(self.data)

    @property
    def tree(self) -> Tree:
        """The tree that ends with it."""
        return self.before.with_leaf(self.leaf)


def log_path(index: int) -> str:
    """Return the path of an entry; the first index is 1."""
    return f"{LOG_FOLDER}/{index:010d}.json"


def checkpoint_path(size: int, key: LogKey) -> str:
    """Return the path of the checkpoint of a tree, signed by that key."""
    return f"{CHECKPOINTS_FOLDER}/{size:010d}.{key.keyid.hex()}"


def read_entry(data: bytes, index: int | None = None) -> Entry:
    """Read the entry that stands at an index, or the one that these bytes are wherever they stand.

    Raises:
        RecordNotCanonical, RecordInvalid: it is no entry, or one of another index, or its tree is not
            one.
    """
    path = log_path(index) if index else "log entry"
    record = check_record(parse_canonical(data, path), path)
    if record["record"] != "closure_log":
        raise _invalid(path, "an entry of the log", f"a record of kind {record['record']}")
    if index not in (None, record["index"]):
        raise _invalid(path, f"entry {index}", f"entry {record['index']}")
    index = int(record["index"])
    frontier = tuple(bytes.fromhex(each.removeprefix(_HASH)) for each in record["tree"]["frontier"])
    try:
        before = Tree(index - 1, frontier)
    except ValueError as error:
        raise _invalid(path, f"the tree of {index - 1} entries", str(error)) from error
    if record["tree"]["root"] != _HASH + before.root.hex():
        raise _invalid(path, f"root {_HASH}{before.root.hex()}", record["tree"]["root"])
    return Entry(data, record["run_id"], record["config_digest"], record["bundle_digest"], before)


def _invalid(path: str, expected: str, found: str) -> RecordInvalid:
    return RecordInvalid(
        path,
        expected=expected,
        found=found,
        remedy="The log was changed. Restore it from a copy; see platform-assets checkpoint.",
    )
