"""Tests that share a server share a worker, so that the server is started once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_TESTS = """
import os
import time
import pytest


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("group", ["one", "two"])
def test_runs(group, number, request):
    time.sleep(0.02)
    with open(os.environ["RAN"], "a") as ran:
        ran.write(f"{group} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""
_CONFTEST = """
import pytest

pytest_plugins = ["platform_assets_tests.servers.worker_groups"]

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.callspec.params["group"]))
"""


def test_tests_of_a_group_run_on_one_worker(tmp_path: Path) -> None:
    (tmp_path / "test_groups.py").write_text(_TESTS)
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist=loadgroup", str(tmp_path)]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    done = subprocess.run(
        command,
        env={**environment, "RAN": str(tmp_path / "ran"), "PYTHONPATH": str(_ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    workers = defaultdict(list)
    for line in (tmp_path / "ran").read_text().splitlines():
        group, worker = line.split()
        workers[group].append(worker)
    assert {group: (len(ran), len(set(ran))) for group, ran in workers.items()} == {
        "one": (10, 1),
        "two": (10, 1),
    }
