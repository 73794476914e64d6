"""Signing what the log is now, and showing that it continues what it was.

A checkpoint is given out only over a log that was judged as a whole. Given an older one, the answer
holds the proof that the log continues it; where it does not, nothing is given out.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.archive import open_bundle
from platform_assets.errors import (
    OUTAGES,
    BundleUnreadable,
    LogInconsistent,
    PlatformError,
    RecordMissing,
)
from platform_assets.flow.checkpoint import (
    LogKey,
    open_checkpoint,
    read_given,
    unverified_checkpoint,
    write_consistency,
)
from platform_assets.flow.closure_log import Damaged, entry_at, sign_tree
from platform_assets.flow.evidence import LOG_PROOF_FILE
from platform_assets.flow.log_entries import Entry
from platform_assets.flow.log_proofs import check_continuation
from platform_assets.flow.merkle import consistency_ranges, proof, verify_consistency
from platform_assets.flow.steps import Unclear, perform
from platform_assets.identifiers import RunId
from platform_assets.pipeline.closure_log import enter, unclear
from platform_assets.pipeline.log_check import examine
from platform_assets.pipeline.log_files import present_log_keys
from platform_assets.pipeline.state import sealed_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from platform_assets.flow.checkpoint import Checkpoint, Given
    from platform_assets.pipeline.log_check import WholeLog
    from platform_assets.pipeline.platform import Platform

_WRITABLE = "to read and write it"
_REMEDY = (
    "Delete nothing. Restore the log from a copy of the store, or from exported evidence: each export "
    "holds its entry and a signed checkpoint. Then look again: platform-assets checkpoint"
)


def new_checkpoint(platform: Platform, since: Path | None = None) -> dict[str, Any]:
    """Return the newest signed checkpoint, with the proof that the log continues an older one.

    Args:
        platform: the home.
        since: a file with the older checkpoint, or exported evidence, which holds one.

    Returns:
        ``origin``, ``size``, ``root``, ``key``, ``development`` (the key was made on first use),
        ``since`` (the older size or None), ``proof`` (base64), ``text`` (what a file of it holds).

    Raises:
        LogInconsistent: the log was cut, rewritten or forked, or has a hole; all flaws are named.
        CheckpointInvalid: the older checkpoint is none of this log.
        RecordMissing: nothing was closed yet.
    """
    whole = _examined_and_mended(platform)
    older, problems = None, list(whole.problems)
    if since is not None:
        older = open_checkpoint(given_in(since).note, whole.keys, str(since))
        problems += _since_problems(older, whole, str(since))
    if problems:
        raise LogInconsistent(
            f"log {whole.log.origin}",
            expected="the log as it was signed, with nothing removed and nothing changed",
            found=problems,
            remedy=_REMEDY,
        )
    if not whole.size:
        raise RecordMissing(
            f"log {whole.log.origin}",
            expected="at least one closed run",
            found="none",
            remedy="Close a run first: platform-assets run FEED",
        )
    return _signed(platform, whole, older)


def given_in(path: Path) -> Given:
    """Read the checkpoint in a file: a checkpoint, a proof, or exported evidence.

    Raises:
        CheckpointInvalid: there is none in it.
        BundleUnreadable: there is no such file, or it is evidence without a checkpoint.
    """
    try:
        bundle = open_bundle(path)
    except BundleUnreadable:
        if not path.is_file():
            raise BundleUnreadable(
                str(path),
                expected="a checkpoint, or exported evidence",
                found="no such file",
                remedy="Write one: platform-assets checkpoint --out FILE",
            ) from None
        return read_given(path.read_bytes(), str(path))
    if LOG_PROOF_FILE not in bundle.paths():
        raise BundleUnreadable(
            str(path),
            expected=f"evidence with {LOG_PROOF_FILE}",
            found="none in it",
            remedy="Export the run again: platform-assets export RUN --out FILE.tar",
        )
    return read_given(bundle.read(LOG_PROOF_FILE), f"{path}: {LOG_PROOF_FILE}")


def continuation_problems(
    platform: Platform, given: Sequence[tuple[str, Given]], keys: Sequence[LogKey] = ()
) -> Iterator[tuple[str, str]]:
    """Say what in the home's own log contradicts checkpoints from elsewhere.

    Raises:
        CheckpointInvalid: no key of the log signed one of them.
    """
    for name, each in given:
        stated = unverified_checkpoint(each.note, name)
        named = [*keys, *present_log_keys(platform), *_key_of_entry(platform, stated.size)]
        checkpoint = open_checkpoint(each.note, named, name)
        found = perform(check_continuation(checkpoint), platform.store, platform.clock)
        if isinstance(found, Unclear):
            yield name, "the store does not say whether the log continues it"
        elif isinstance(found, Damaged):
            yield name, found.problem
        elif each.old:
            older = perform(entry_at(each.old), platform.store, platform.clock)
            root = older.tree.root if isinstance(older, Entry) else b""
            if not verify_consistency(
                each.old, checkpoint.size, root, checkpoint.root, each.hashes
            ):
                yield name, f"its proof does not begin at the log's first {each.old} entries"


def _examined_and_mended(platform: Platform) -> WholeLog:
    whole = examine(platform)
    if whole.problems or not whole.unentered:
        return whole
    for sealed in whole.unentered:
        run = RunId.parse(sealed.bundle["run_id"])
        entered = enter(platform, run, sealed)
        if isinstance(entered, Damaged):
            whole.problems.append(f"{run} is closed and not in the log: {entered.problem}")
        elif isinstance(entered, Unclear):
            raise unclear(f"log entry of {run}", _WRITABLE)
    return whole if whole.problems else examine(platform)


def _since_problems(older: Checkpoint, whole: WholeLog, name: str) -> Iterator[str]:
    if older.origin != whole.log.origin:
        yield f"{name} is of the log {older.origin}"
    elif older.size >= len(whole.trees):
        yield f"the log was cut: it had {older.size} entries by {name}, and has {whole.size}"
    elif whole.trees[older.size].root != older.root:
        yield (
            f"the log was rewritten or forked: its first {older.size} entries are not those of {name}"
        )


def _signed(platform: Platform, whole: WholeLog, older: Checkpoint | None) -> dict[str, Any]:
    tree, log = whole.trees[-1], whole.log
    signed = perform(sign_tree(tree, log), platform.store, platform.clock)
    if isinstance(signed, Unclear):
        raise unclear("the newest checkpoint", _WRITABLE)
    assert signed is None  # it was among those that were judged
    note = log.checkpoint(tree)
    hashes = []
    if older is not None:
        hashes = proof(consistency_ranges(older.size, tree.size), whole.subtree)
        if not verify_consistency(older.size, tree.size, older.root, tree.root, hashes):
            raise RuntimeError(f"no proof from {older.size} to {tree.size} entries of a sound log")
    text = note if older is None else write_consistency(older.size, hashes, note)
    return {
        "origin": log.origin,
        "size": tree.size,
        "root": "sha256:" + tree.root.hex(),
        "key": str(log.key),
        "development": log.signer.development,
        "since": None if older is None else older.size,
        "proof": [base64.b64encode(each).decode() for each in hashes],
        "text": text.decode(),
    }


def _key_of_entry(platform: Platform, index: int) -> list[LogKey]:
    """Return the log key that the evidence behind an entry names, if that can be had."""
    entry = perform(entry_at(index), platform.store, platform.clock) if index else None
    if not isinstance(entry, Entry):
        return []
    try:
        sealed = sealed_run(platform, RunId.parse(entry.run_id))
        return [] if sealed is None else [LogKey.parse(sealed.bundle["log"]["key"])]
    except OUTAGES:
        raise
    except PlatformError:
        return []
