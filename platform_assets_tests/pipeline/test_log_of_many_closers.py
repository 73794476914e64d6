"""One log and many closers: real processes on a disk at the same time, and a log in a bucket."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import LogInconsistent
from platform_assets.flow.checkpoint import open_checkpoint
from platform_assets.flow.closure_log import log_problems
from platform_assets.flow.log_entries import checkpoint_path, log_path, read_entry
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, next_run
from platform_assets.pipeline.checkpoints import new_checkpoint
from platform_assets_tests.object_stores import keep_in_s3
from platform_assets_tests.servers.s3 import s3_client
from platform_assets_tests.shop import append, make_shop, order
from platform_assets_tests.simulators.log_key import log_in_memory

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.s3 import S3Server

PROCESSES, RUNS_EACH = 4, 25
PROGRAM = """
import sys
from pathlib import Path
from platform_assets.adapters.local_store import LocalStore
from platform_assets.flow.closure_log import Logged, append
from platform_assets.flow.log_entries import Closed
from platform_assets.flow.steps import perform
from platform_assets.ports.clock import SystemClock
from platform_assets_tests.simulators.log_key import log_in_memory

store, first, count, twice = LocalStore(Path(sys.argv[1])), *map(int, sys.argv[2:])
for number in range(first, first + count):
    run_id = f"payments-{number:08d}"
    closed = Closed(run_id, "sha256:" + "c" * 64, f"sha256:{number:064x}", f"runs/{run_id}/closure")
    for _ in range(1 + twice):
        logged = perform(append(closed, log_in_memory()), store, SystemClock())
        assert isinstance(logged, Logged), logged
"""


def test_processes_at_once_leave_one_entry_a_run_without_a_hole(tmp_path: Path) -> None:
    """Every run is entered by two processes, and by one of them twice."""
    store = tmp_path / "store"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, store, str(1 + half * RUNS_EACH), str(RUNS_EACH), "1"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for half in range(PROCESSES // 2)
        for _ in range(2)
    ]
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    log, kept = log_in_memory(), LocalStore(store)
    runs = RUNS_EACH * PROCESSES // 2
    entries = [kept.read(log_path(index)) for index in range(1, runs + 1)]
    assert not kept.exists(log_path(runs + 1))
    assert log_problems(entries) == []
    assert {read_entry(data).run_id for data in entries} == {
        f"payments-{number:08d}" for number in range(1, runs + 1)
    }
    for index, data in enumerate(entries, start=1):
        entry = read_entry(data, index)
        note = kept.read(checkpoint_path(index, log.key))
        assert open_checkpoint(note, [log.key], "it", alone=True).root == entry.tree.root
        assert kept.read(f"runs/{entry.run_id}/closure/log.json") == data


def test_in_a_bucket_too_the_log_is_judged_and_a_removed_entry_is_found(
    tmp_path: Path, s3_server: S3Server, s3_bucket: str, s3_credentials: None
) -> None:
    home = make_shop(tmp_path / "home", orders=20)
    keep_in_s3(home, s3_server, s3_bucket)
    platform, kept = Platform.open(home), tmp_path / "kept"
    for number in (1, 2):
        assert next_run(platform, "shop") == RunId("shop", number)
        assert finish(platform, RunId("shop", number))["log_index"] == number
        if number == 1:
            kept.write_text(new_checkpoint(platform)["text"])
            append(home, "orders", 0, [order(900)])
    found = new_checkpoint(platform, kept)
    assert (found["size"], found["since"]) == (2, 1)
    client = s3_client(s3_server)
    [stored] = [
        each["Key"]
        for each in client.list_objects_v2(Bucket=s3_bucket)["Contents"]
        if each["Key"].endswith(log_path(1))
    ]
    client.delete_object(Bucket=s3_bucket, Key=stored)
    with pytest.raises(LogInconsistent, match="entry 1 is not there, and entry 2 is"):
        new_checkpoint(Platform.open(home))
