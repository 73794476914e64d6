"""Cores: those that the process is bound to, or its container's share, wherever threads are started."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.budget import usable_cores

if TYPE_CHECKING:
    from pathlib import Path

#: Notes the threads of each pool that the platform makes; it is bound to one core before it imports.
BOUND_TO_ONE = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from concurrent import futures
made = []
class Counted(futures.ThreadPoolExecutor):
    def __init__(self, max_workers=None, *rest, **named):
        if sys._getframe(1).f_globals["__name__"].startswith("platform_assets"):
            made.append(max_workers)
        super().__init__(max_workers, *rest, **named)
futures.ThreadPoolExecutor = Counted
from pathlib import Path
import polars as pl
from platform_assets.adapters.file_hashes import sha256_files
from platform_assets.adapters.landing_parts import WRITERS
from platform_assets.adapters.parts import write_parts
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.columns import Column, Scalar
columns = [Column("a", Scalar.INT64, nullable=False)]
frame = pl.DataFrame({"a": [1, 2]})
content_digest(frame, columns)
parts = write_parts(frame, columns, Path(sys.argv[1]), part_rows=1).parts
sha256_files([part.path for part in parts])
assert WRITERS == 1
assert set(made) == {1}, made
"""

needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores"
)


@needs_affinity
def test_a_process_that_is_bound_to_one_core_starts_one_thread_of_each_kind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOUND_TO_ONE, str(tmp_path / "parts")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("told", "cores"),
    [
        ("50000 100000\n", 1),
        ("100000 100000\n", 1),
        ("99999999 100000\n", None),
        ("max 100000\n", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_the_share_of_a_container_counts_where_it_is_less(
    told: str | None, cores: int | None, tmp_path: Path
) -> None:
    quota = tmp_path / "cpu.max"
    if told is not None:
        quota.write_text(told)
    bound = usable_cores(tmp_path / "none")
    assert usable_cores(quota) == (cores or bound)
