"""What an export says of the run's place in the log, and whether the home's own log bears it out.

A run that its closer could not bring into the log any more is brought there first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.errors import OUTAGES, ObjectMissing, PlatformError
from platform_assets.flow.checkpoint import LogKey, write_inclusion
from platform_assets.flow.closure_log import Damaged
from platform_assets.flow.evidence import LOG_ENTRY_FILE, LOG_PROOF_FILE
from platform_assets.flow.log_entries import checkpoint_path, log_path, read_entry
from platform_assets.flow.log_proofs import check_membership
from platform_assets.flow.steps import Unclear, perform
from platform_assets.pipeline import layout
from platform_assets.pipeline.closure_log import enter, is_logged, own_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.flow.log_entries import Entry
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.state import SealedRun

Found = tuple[str, str]


@dataclass(frozen=True)
class LogFiles:
    """The files at the root of a run's export that prove its place in the log, as far as they exist."""

    files: Mapping[str, bytes]
    problems: Sequence[Found]
    entry: Entry | None = None


def log_files(platform: Platform, run: RunId, sealed: SealedRun) -> LogFiles:
    """Return the run's log entry and the proof of its inclusion, or what is missing of them."""
    copy = f"{layout.closure_folder(run)}/log.json"
    if not is_logged(platform, run):
        problem = _mended(platform, run, sealed)
        if problem:
            return LogFiles({}, [(copy, problem)])
    path = copy
    try:
        copied = platform.store.read(copy)
        path = log_path(read_entry(copied).index)
        data = platform.store.read(path)
        entry = read_entry(data, read_entry(copied).index)
    except ObjectMissing:
        return LogFiles({}, [(path, "absent: the log was cut, or an entry was removed from it")])
    except OUTAGES:
        raise
    except PlatformError as error:
        return LogFiles({}, [(path, f"expected {error.expected}, found {error.found}")])
    problems = [] if data == copied else [(copy, f"is not the entry that stands at {path}")]
    files = {LOG_ENTRY_FILE: data}
    note = _checkpoint(platform, entry, sealed)
    if isinstance(note, bytes):
        files[LOG_PROOF_FILE] = write_inclusion(entry.index - 1, entry.before.proof_of_next(), note)
    else:
        problems.append(note)
    return LogFiles(files, problems, entry)


def membership_problems(platform: Platform, entry: Entry) -> Iterator[Found]:
    """Say where the log, as it ends now, does not hold an entry of it."""
    found = perform(check_membership(entry), platform.store, platform.clock)
    if isinstance(found, Unclear):
        yield log_path(entry.index), "the store does not say whether the log holds it"
    elif isinstance(found, Damaged):
        yield log_path(entry.index), found.problem


def present_log_keys(platform: Platform) -> list[LogKey]:
    """Return the log key of this home, if it has one that this process may read; none is made.

    Who only reads needs no private key: evidence names the key that its closer had.
    """
    keys = platform.settings.keys
    if keys.log_env or os.access(platform.home / keys.log, os.R_OK, effective_ids=True):
        return [own_log(platform).key]
    return []


def _mended(platform: Platform, run: RunId, sealed: SealedRun) -> str:
    try:
        entered = enter(platform, run, sealed)
    except OUTAGES:
        raise
    except PlatformError as error:
        return f"the run is not in the log: expected {error.expected}, found {error.found}"
    if isinstance(entered, Damaged):
        return f"the run is not in the log: {entered.problem}"
    if isinstance(entered, Unclear):
        return "the run is not in the log, and could not be entered now"
    return ""


def _checkpoint(platform: Platform, entry: Entry, sealed: SealedRun) -> bytes | Found:
    """Return the signed checkpoint of the tree that ends with the entry.

    It is signed by the key that the evidence names; by the home's present one where the key was changed
    between the seal and the log.
    """
    try:
        keys = [LogKey.parse(sealed.bundle["log"]["key"]), *present_log_keys(platform)]
    except OUTAGES:
        raise
    except PlatformError as error:
        return "bundle.json", f"expected {error.expected}, found {error.found}"
    for key in keys:
        try:
            return platform.store.read(checkpoint_path(entry.index, key))
        except ObjectMissing:
            continue
    return checkpoint_path(entry.index, keys[0]), "absent: the log has no checkpoint of that size"
