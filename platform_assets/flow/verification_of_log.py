"""The part of verification that judges a run's place in the log of closures.

1. The entry and the proof of its inclusion are there, each in the one form that an export writes.
2. The entry names exactly this run and this evidence, and came after the evidence was written.
3. The checkpoint is signed by the log's key. The signed evidence names that key; one that the verifier
   was given besides serves where the home's key was changed.
4. The proof leads from the entry to the root in the checkpoint, in the tree that ends with the entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.errors import PlatformError
from platform_assets.flow.checkpoint import (
    LogKey,
    open_checkpoint,
    read_given,
    write_inclusion,
)
from platform_assets.flow.evidence import LOG_ENTRY_FILE, LOG_PROOF_FILE
from platform_assets.flow.log_entries import read_entry
from platform_assets.flow.merkle import verify_inclusion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platform_assets.flow.checkpoint import Checkpoint
    from platform_assets.flow.log_entries import Entry

Found = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PlaceInLog:
    """A run's place in the log: what is wrong with it, or the checkpoint that it is proved by."""

    problems: tuple[Found, ...]
    index: int = 0
    checkpoint: Checkpoint | None = None
    keys: tuple[LogKey, ...] = ()

    def facts(self) -> dict[str, Any] | None:
        """Return what a verification says of it."""
        if self.checkpoint is None:
            return None
        return {
            "origin": self.checkpoint.origin,
            "index": self.index,
            "root": "sha256:" + self.checkpoint.root.hex(),
            "keys": [str(key) for key in self.keys],
        }


def place_in_log(
    files: Mapping[str, bytes],
    evidence: Mapping[str, Any],
    bundle_digest: str,
    log_keys: Sequence[LogKey] = (),
) -> PlaceInLog:
    """Judge a run's place in the log.

    Args:
        files: the two files at the root of the bundle, as far as they are there.
        evidence: the opened evidence.
        bundle_digest: the digest of its bytes.
        log_keys: keys of the log that count besides the one that the evidence names.
    """
    absent = [path for path in (LOG_ENTRY_FILE, LOG_PROOF_FILE) if path not in files]
    if absent:  # 1
        return PlaceInLog(tuple((path, "absent") for path in absent))
    path = LOG_ENTRY_FILE
    try:
        entry = read_entry(files[LOG_ENTRY_FILE])
        problems = list(_entry_problems(entry, evidence, bundle_digest))  # 2
        path = "bundle.json"
        named = LogKey.parse(evidence["log"]["key"])
        path = LOG_PROOF_FILE
        keys = (named, *(key for key in log_keys if key != named))
        checkpoint = _proved(files[LOG_PROOF_FILE], entry, keys)
    except PlatformError as error:
        return PlaceInLog(((path, f"expected {error.expected}, found {error.found}"),))
    if isinstance(checkpoint, str):
        problems.append((LOG_PROOF_FILE, checkpoint))
        return PlaceInLog(tuple(problems))
    if {named.origin, checkpoint.origin} != {evidence["log"]["origin"]}:
        problems.append(
            (LOG_PROOF_FILE, f"is of the log {checkpoint.origin}, not {evidence['log']['origin']}")
        )
    return PlaceInLog(tuple(problems), entry.index, checkpoint, keys)


def _entry_problems(
    entry: Entry, evidence: Mapping[str, Any], bundle_digest: str
) -> Iterable[Found]:
    for key, stated, expected in (
        ("run_id", entry.run_id, evidence["run_id"]),
        ("config_digest", entry.config_digest, evidence["config_digest"]),
        ("bundle_digest", entry.bundle_digest, bundle_digest),
    ):
        if stated != expected:
            yield LOG_ENTRY_FILE, f"{key} {stated}, the bundle has {expected}"
    if entry.index <= evidence["log"]["size"]:
        yield (
            LOG_ENTRY_FILE,
            f"is entry {entry.index}; the log had {evidence['log']['size']} entries before",
        )


def _proved(data: bytes, entry: Entry, keys: Sequence[LogKey]) -> Checkpoint | str:
    """Return the checkpoint that the proof leads to, or what is wrong with the proof."""
    given = read_given(data, LOG_PROOF_FILE)
    if given.index is None or write_inclusion(given.index, given.hashes, given.note) != data:
        return "is not a proof of inclusion as an export writes it"
    checkpoint = open_checkpoint(given.note, keys, LOG_PROOF_FILE, alone=True)  # 3
    if (given.index, checkpoint.size) != (entry.index - 1, entry.index):
        return f"is of entry {given.index + 1} of {checkpoint.size}, not of {entry.index}"
    if not verify_inclusion(  # 4
        given.index, checkpoint.size, entry.leaf, given.hashes, checkpoint.root
    ):
        return "does not lead from the entry to the checkpoint"
    return checkpoint
