"""Two processes on one feed whose store is a bucket: nothing is shared between them but that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.pipeline import Platform, admit, runs, verify_run
from platform_assets_tests.object_stores import keep_in_s3
from platform_assets_tests.pipeline.side_by_side import ids_of, land_windows, parallel_shop
from platform_assets_tests.shop import cancelled, refunded

if TYPE_CHECKING:
    from platform_assets_tests.servers.s3 import S3Server

ROOT = Path(__file__).parents[2]
WINDOWS = [[cancelled(n), cancelled(n + 1), refunded(0)] for n in range(3)]
#: What each process does: it finishes the runs in an order, and waits where it has to.
FINISH = """
import sys
from pathlib import Path
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish
from platform_assets.pipeline.waiting import patient

platform = Platform.open(Path(sys.argv[1]))
for run in sys.argv[2:]:
    finish(platform, RunId.parse(run), waits=patient(platform, 60))
"""


def test_i04_two_processes_settle_side_by_side_in_a_bucket(
    tmp_path: Path, s3_server: S3Server, s3_bucket: str, s3_credentials: None
) -> None:
    del s3_credentials
    home = parallel_shop(tmp_path / "home")
    keep_in_s3(home, s3_server, s3_bucket)
    platform = Platform.open(home)
    platform.signer  # noqa: B018 - the keys are made before they race
    platform.log_key  # noqa: B018
    pinned = land_windows(home, WINDOWS)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FINISH, str(home), *map(str, part)],
            cwd=ROOT,
            env={**os.environ, "POLARS_MAX_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for part in (pinned[0::2], pinned[1::2])
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert runs(platform, "shop") == pinned
    bundles = [verify_run(platform, run) for run in pinned]
    assert all(bundle.ok for bundle in bundles), [bundle.findings for bundle in bundles]
    entries = platform.store.list("settlements/shop/changes")
    assert [Path(path).name for path in entries] == [f"{n:08d}.json" for n in range(1, 4)]
    receipts = [admit(platform, run, "changes") for run in pinned]
    assert sorted(receipt["settlement"]["number"] for receipt in receipts) == [1, 2, 3]
    assert sum(receipt["admitted"] for receipt in receipts) == len(ids_of(WINDOWS))
