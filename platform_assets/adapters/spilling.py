"""What engines say when they may not spill any more.

DuckDB names its own setting for the limit of its temporary files; the disk's own refusal is quoted and
found by `full_disks`.
"""

from __future__ import annotations

_LIMIT_WORDS = ("max_temp_directory_size", "temp_directory")


class SpillLimit(Exception):
    """A step of ours has spilled as much as it may; whoever gave it the folder explains."""


def spill_problem(error: BaseException) -> str:
    """Return how the limit of the spill was met, nothing where something else is wrong."""
    said = str(error)
    if isinstance(error, SpillLimit) or any(words in said for words in _LIMIT_WORDS):
        return said.splitlines()[0] if said else "the limit of the spill is reached"
    return ""
