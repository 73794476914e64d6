"""What says that nothing more may be spilled, and how it is explained.

DuckDB names its own setting for the limit of its temporary files; the disk's own refusal is quoted and
found by `full_disks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.errors import SpillExhausted

if TYPE_CHECKING:
    from pathlib import Path

_LIMIT_WORDS = ("max_temp_directory_size", "temp_directory")


class SpillLimit(Exception):
    """A step of ours has spilled as much as it may; whoever gave it the folder explains."""


def spill_problem(error: BaseException) -> str:
    """Return how the limit of the spill was met, nothing where something else is wrong."""
    said = str(error)
    if isinstance(error, SpillLimit) or any(words in said for words in _LIMIT_WORDS):
        return said.splitlines()[0] if said else "the limit of the spill is reached"
    return ""


def spill_exhausted(spill_dir: Path, problem: str) -> SpillExhausted:
    """Return the refusal of a step that needs more room than it has."""
    return SpillExhausted(
        f"spill space {spill_dir}",
        expected="room for what a step cannot hold in memory",
        found=problem,
        remedy="Nothing was published. Free space there, name a larger disk as `spill_dir` or raise "
        "`spill_limit` or `memory_budget` in platform.yaml. Then run the step again.",
    )
