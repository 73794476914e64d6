"""Scratch folders go with the step, or are swept after a kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.pipeline.scratch import scratch_folder

if TYPE_CHECKING:
    from pathlib import Path

LEAVE = """
import sys, time
from pathlib import Path
from platform_assets.pipeline.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "part").write_text("left")
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_scratch_folder_is_gone_after_its_step_also_when_it_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), scratch_folder(tmp_path) as folder:
        (folder / "missing" / "part").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_uses_is_not(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEAVE, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with scratch_folder(tmp_path):
            assert len(list(tmp_path.iterdir())) == 2, "the living process keeps its folder"
        os.kill(process.pid, signal.SIGKILL)
    with scratch_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_folders_of_another_machine_are_not_swept(tmp_path: Path) -> None:
    other = tmp_path / f"not-{socket.gethostname()}.999999999.x"
    other.mkdir()
    with scratch_folder(tmp_path):
        assert other.exists()
