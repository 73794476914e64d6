"""What says that nothing more may be spilled, and how it is explained.

A step that has spilled as much as it may is refused: the next attempt would need as much. A disk that
is full may have room again at any moment, and is an outage. Where no limit is declared, the engine's
own is what the disk had free, and who meets it has met the disk.

DuckDB names its own setting for the limit of its temporary files; the disk's own refusal is quoted and
found by `full_disks`.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from platform_assets.adapters.full_disks import disk_problem
from platform_assets.errors import DependencyUnreachable, SpillExhausted

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.errors import PlatformError

_FULL = OSError(errno.ENOSPC, "")
_ROOM = "room for what a step cannot hold in memory"
_LIMIT_WORDS = ("max_temp_directory_size", "temp_directory")


class SpillLimit(Exception):
    """A step of ours has spilled as much as it may; whoever gave it the folder explains."""


def spill_problem(error: BaseException) -> str:
    """Return how the limit of the spill was met, nothing where something else is wrong."""
    said = str(error)
    if isinstance(error, SpillLimit) or any(words in said for words in _LIMIT_WORDS):
        return said.splitlines()[0] if said else "the limit of the spill is reached"
    return ""


def no_room(spill_dir: Path, limit: int | None, error: BaseException) -> PlatformError | None:
    """Return the error to raise where a step has no room to spill, None where something else is wrong.

    Args:
        spill_dir: the spill space.
        limit: how many bytes a step may spill, None where that is not declared.
        error: what went wrong.
    """
    if full := disk_problem(error):
        return _disk_full(spill_dir, full)
    if not (problem := spill_problem(error)):
        return None
    if limit is None:
        return _disk_full(spill_dir, f"{disk_problem(_FULL)}: {problem}")
    return spill_exhausted(spill_dir, problem)


def spill_exhausted(spill_dir: Path, problem: str) -> SpillExhausted:
    """Return the refusal of a step that needs more room than it may take."""
    return SpillExhausted(
        f"spill space {spill_dir}",
        expected=_ROOM,
        found=problem,
        remedy="Nothing was published. Raise `spill_limit` or `memory_budget` in platform.yaml, or "
        "name a larger disk as `spill_dir`. Then run the step again.",
    )


def _disk_full(spill_dir: Path, problem: str) -> DependencyUnreachable:
    return DependencyUnreachable(
        f"spill space {spill_dir}",
        expected=_ROOM,
        found=problem,
        remedy="Nothing was published. Free space there, or name a larger disk as `spill_dir` in "
        "platform.yaml. Then run the step again.",
    )
