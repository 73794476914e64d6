"""The whole log, judged: every entry, every checkpoint, every closed run.

1. The entries stand at the indices from 1 on, without a hole; each is canonical and carries the tree of
   exactly those before it; no run is in it twice.
2. Every checkpoint is signed by a key of the log, over the root of the entries as they stand; none is
   beyond the last entry.
3. Every entry names the evidence that the seal of its run names, and the run's copy is the entry.
4. Every closed run is in the log. One that its closer could not bring there is brought there, if all
   else is well.

What was cut off together with its checkpoints and runs, or signed anew by who holds the key, shows only
against a checkpoint that somebody else kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platform_assets.errors import OUTAGES, ObjectMissing, PlatformError
from platform_assets.flow.checkpoint import LogKey, open_checkpoint
from platform_assets.flow.closure_log import log_problems
from platform_assets.flow.log_entries import CHECKPOINTS_FOLDER, LOG_FOLDER, log_path, read_entry
from platform_assets.flow.merkle import Range, Tree, leaf_hash
from platform_assets.flow.places import place_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.closure_log import own_log
from platform_assets.pipeline.state import SealedRun, sealed_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platform_assets.flow.checkpoint import LogSigner
    from platform_assets.pipeline.platform import Platform

_ENTRY = re.compile(rf"{LOG_FOLDER}/([0-9]{{10}})\.json")
_CHECKPOINT = re.compile(rf"{CHECKPOINTS_FOLDER}/([0-9]{{10}})\.[0-9a-f]{{8}}")


@dataclass
class WholeLog:
    """The log as it stands, with everything that is wrong with it."""

    log: LogSigner
    #: Every key that signed checkpoints of it: the home's, and those that evidence names.
    keys: list[LogKey]
    entries: list[bytes] = field(default_factory=list)
    #: By size: the tree of so many entries.
    trees: list[Tree] = field(default_factory=lambda: [Tree()])
    problems: list[str] = field(default_factory=list)
    #: Closed runs that are still to be brought into the log, or whose copy is still to be left.
    unentered: list[SealedRun] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of entries."""
        return len(self.entries)

    def subtree(self, leaves: Range) -> bytes:
        """Return the hash of a perfect subtree of the entries."""
        start, end = leaves
        height = (end - start).bit_length() - 1
        return self.trees[end - 1].last_subtree(leaf_hash(self.entries[end - 1]), height)


def examine(platform: Platform) -> WholeLog:
    """Judge the whole log; every flaw is reported, not the first.

    Raises:
        SettingsInvalid, ClosureUnknown: the log's name or key cannot be had.
    """
    log = own_log(platform)
    whole = WholeLog(log, [log.key])
    closed = dict(_closed_runs(platform, whole))
    stored = platform.store.list(LOG_FOLDER)
    _read_entries(platform, whole, stored)  # 1
    _judge_checkpoints(platform, whole, stored)  # 2
    entered = set(_judge_runs(platform, whole, closed))  # 3
    for run_id, sealed in closed.items():  # 4
        copy = f"{layout.closure_folder(RunId.parse(run_id))}/log.json"
        if run_id in entered and platform.store.exists(copy):
            continue
        if platform.store.exists(copy):
            whole.problems.append(
                f"{run_id} is closed and was in the log, and is not there any more"
            )
        else:
            whole.unentered.append(sealed)
    return whole


def _closed_runs(platform: Platform, whole: WholeLog) -> Iterable[tuple[str, SealedRun]]:
    for path in platform.store.list("feeds"):
        place = place_of(path)
        if place is None:
            continue
        try:
            sealed = sealed_run(platform, RunId(place.name, place.number))
            if sealed is None:
                continue
            key = LogKey.parse(sealed.bundle["log"]["key"])
        except OUTAGES:
            raise
        except PlatformError as error:
            whole.problems.append(f"{error.thing}: expected {error.expected}, found {error.found}")
            continue
        if key not in whole.keys:
            whole.keys.append(key)
        yield sealed.bundle["run_id"], sealed


def _read_entries(platform: Platform, whole: WholeLog, stored: Sequence[str]) -> None:
    indices = sorted(int(match[1]) for path in stored if (match := _ENTRY.fullmatch(path)))
    missing = sorted(set(range(1, max(indices, default=0) + 1)) - set(indices))
    for index in range(1, max(indices, default=0) + 1):
        if index not in missing:
            whole.entries.append(platform.store.read(log_path(index)))
        else:
            whole.problems.append(f"entry {index} is not there, and entry {indices[-1]} is")
            return  # what follows has no known place in the tree
    whole.problems += log_problems(whole.entries)
    for data in whole.entries:
        whole.trees.append(whole.trees[-1].with_leaf(leaf_hash(data)))


def _judge_checkpoints(platform: Platform, whole: WholeLog, stored: Sequence[str]) -> None:
    for path in stored:
        match = _CHECKPOINT.fullmatch(path)
        if match is None:
            continue
        size = int(match[1])
        try:
            checkpoint = open_checkpoint(platform.store.read(path), whole.keys, path)
        except OUTAGES:
            raise
        except PlatformError as error:
            whole.problems.append(f"{path}: expected {error.expected}, found {error.found}")
            continue
        if (checkpoint.origin, checkpoint.size) != (whole.log.origin, size):
            said = f"{checkpoint.size} entries of {checkpoint.origin}"
            whole.problems.append(f"{path} is the checkpoint of {said}")
        elif size < len(whole.trees):
            if checkpoint.root != whole.trees[size].root:
                whole.problems.append(f"{path} is not of the first {size} entries as they stand")
        elif not platform.store.exists(log_path(size)):  # else it came to stand meanwhile
            whole.problems.append(f"{path} stands, and entry {size} is not there")


def _judge_runs(platform: Platform, whole: WholeLog, closed: dict[str, SealedRun]) -> Iterable[str]:
    for index, data in enumerate(whole.entries, start=1):
        try:
            entry = read_entry(data, index)
            run = RunId.parse(entry.run_id)
            sealed = closed.get(entry.run_id) or sealed_run(platform, run)
        except OUTAGES:
            raise
        except PlatformError:
            continue  # reported as an entry, or as a seal
        yield entry.run_id
        if sealed is None:
            whole.problems.append(f"entry {index} names {run}, which is not closed")
        elif sealed.bundle_digest != entry.bundle_digest:
            said = f"{entry.bundle_digest}, its seal {sealed.bundle_digest}"
            whole.problems.append(f"entry {index} names for {run} the evidence {said}")
        try:
            copy = platform.store.read(f"{layout.closure_folder(run)}/log.json")
        except ObjectMissing:
            continue  # still to be left
        if copy != data:
            whole.problems.append(f"entry {index} is not the copy that {run} has of it")
