"""I15 and A3: killing the job at any durable write and starting again gives the same records.

A store is in the same state just after one write and just before the next. So by default each write of
the job on local disk is killed before, and some are killed after; ``PLATFORM_TESTS_KILLS=1`` kills both
at each. In a bucket some are, unless ``PLATFORM_TESTS_S3_KILLS=1`` says each; at 2 every second one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_assets.flow.log_entries import CHECKPOINTS_FOLDER, ORIGIN_PATH
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, layout, runs, verify_run
from platform_assets_tests.crashes.job import open_home, run_job
from platform_assets_tests.forking import fork_server, forked
from platform_assets_tests.servers.s3 import REGION, new_bucket
from platform_assets_tests.shop import append, cancelled, make_shop, order, redeclare, refunded

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets_tests.servers.s3 import S3Server

pytestmark = pytest.mark.crash

JOB = "platform_assets_tests.crashes.job"
#: Closers differ by their nonce, so claims, seals and what is signed over them differ as well.
_PER_CLOSER = ("closure", "evidence")
KILLS_AFTER = int(os.environ.get("PLATFORM_TESTS_KILLS", "8"))
S3_KILLS = int(os.environ.get("PLATFORM_TESTS_S3_KILLS", "60"))


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two windows with a duplicate, a mismatch and quarantined records, across and within windows."""
    home = make_shop(tmp_path_factory.mktemp("crash") / "home", orders=20)
    append(home, "orders", 0, [order(0), order(2, cents=7), b"{", order(40, cents=-1), b""])
    append(home, "changes", 0, [cancelled(0), refunded(5), refunded(15, cents="many")])
    redeclare(home, _two_windows)
    Platform.open(home).signer  # noqa: B018 - the keys are made before the first crash
    Platform.open(home).log_key  # noqa: B018
    return home


def _two_windows(feed: dict[str, Any]) -> None:
    feed["window"]["max_records"] = 20
    feed["products"]["orders"]["checks"][-1]["min"] = -9
    feed["products"]["refunds"]["checks"][-1]["max_fraction_missing"] = 1


@pytest.fixture(scope="session")
def undisturbed(
    fresh_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(fresh_home, home)
    return home, run_job(home)


@pytest.fixture(scope="session")
def forks() -> Iterator[subprocess.Popen[str]]:
    with fork_server(JOB) as process:
        yield process


def test_i15_every_write_of_the_job_goes_through_the_port(
    undisturbed: tuple[Path, list[str]],
) -> None:
    home, writes = undisturbed
    stored = [path for path in (home / "store").rglob("*") if path.is_file()]
    assert {path.relative_to(home / "store").as_posix() for path in stored} == set(writes)
    assert len(runs(Platform.open(home), "shop")) > 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("shard", range(8))
def test_i15_killed_at_each_durable_write_and_started_again(
    shard: int,
    moment: str,
    fresh_home: Path,
    undisturbed: tuple[Path, list[str]],
    forks: subprocess.Popen[str],
    tmp_path: Path,
) -> None:
    expected_home, writes = undisturbed
    expected = _records(expected_home)
    step = 8 if moment == "before" else 8 * KILLS_AFTER
    for write in range(1 + shard, len(writes) + 1, step):
        home = tmp_path / f"{write}-{moment}"
        shutil.copytree(fresh_home, home)
        _killed_and_started_again(forks, home, write, moment, expected)
        shutil.rmtree(home)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_i15_killed_at_durable_writes_to_a_bucket_and_started_again(
    moment: str,
    fresh_home: Path,
    undisturbed: tuple[Path, list[str]],
    s3_server: S3Server,
    s3_credentials: None,
    tmp_path: Path,
) -> None:
    expected_home, writes = undisturbed
    expected, bucket = _records(expected_home), new_bucket(s3_server)
    first = 1 + S3_KILLS // 3 if moment == "before" else 1 + S3_KILLS * 2 // 3
    with fork_server(JOB) as forks:
        for write in range(first, len(writes) + 1, S3_KILLS):
            home = tmp_path / f"{write}-{moment}"
            shutil.copytree(fresh_home, home)
            at = {"endpoint": s3_server.endpoint, "region": REGION, "allow_http": True}
            settings = {"store": f"s3://{bucket}/{home.name}", "object_store": at}
            with (home / "platform.yaml").open("a") as file:
                file.write(yaml.safe_dump(settings))
            _killed_and_started_again(forks, home, write, moment, expected)
            shutil.rmtree(home)


def _killed_and_started_again(
    forks: subprocess.Popen[str], home: Path, write: int, moment: str, expected: dict[str, bytes]
) -> None:
    assert forked(forks, home, write, moment) == -signal.SIGKILL
    assert forked(forks, home, 0, moment) == 0, f"write {write}"
    assert _records(home) == expected, f"write {write}"
    _closed_once(home)


def _records(home: Path) -> dict[str, bytes]:
    """Every object by its path, but for what differs by closer."""
    store = open_home(home).store
    paths = [path for path in store.list("") if not _per_closer(path.split("/"))]
    found = store.read_all(paths)
    assert set(found) == set(paths)
    return {p: _of_log(p, found[p]) if p.startswith("log/") else found[p] for p in paths}


def _per_closer(parts: list[str]) -> bool:
    return parts[0] == "runs" and parts[2] in _PER_CLOSER


def _of_log(name: str, data: bytes) -> bytes:
    """What does not differ by closer: the log's name, where each run is, which sizes are signed."""
    if name.startswith(CHECKPOINTS_FOLDER):
        return b""
    record = json.loads(data)
    return data if name == ORIGIN_PATH else json.dumps([record["index"], record["run_id"]]).encode()


def _closed_once(home: Path) -> None:
    platform = open_home(home)
    for run in runs(platform, "shop"):
        closure = platform.store.list(layout.closure_folder(run))
        seals = [platform.store.read(path) for path in closure if path.endswith(".seal")]
        assert sum(b'"void"' not in seal for seal in seals) == 1
        assert verify_run(platform, run).ok
    assert runs(platform, "shop")[0] == RunId("shop", 1)
