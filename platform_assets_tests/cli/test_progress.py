"""Who watches a terminal sees what lasts, and since when; who does not gets nothing on stderr."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.cli.calls import COMMAND, start
from platform_assets_tests.cli.conftest import CLOSED

if TYPE_CHECKING:
    from pathlib import Path

ACTS = [
    (("verify", CLOSED), f"{CLOSED} verify 0:00:0"),
    (("read", "orders", "--run", CLOSED), f"{CLOSED} read orders 0:00:0"),
    (("export", CLOSED, "--out", "evidence.tar", "--with-data"), f"{CLOSED} export 0:00:0"),
    (("replay", CLOSED, "--from", "landing"), f"{CLOSED} verify {CLOSED} 0:00:0"),
    (("teardown", CLOSED, "--dry-run"), f"{CLOSED} teardown 0:00:0"),
    (("close", CLOSED), f"{CLOSED} close 0:00:0"),
]


@pytest.mark.parametrize(("arguments", "shown"), ACTS, ids=lambda each: each[0])
def test_a_terminal_shows_what_lasts(
    shop: Path, tmp_path: Path, arguments: tuple[str, ...], shown: str
) -> None:
    ours, its = pty.openpty()
    command = [str(COMMAND), *arguments, "--home", str(shop)]
    colourless = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "xterm"}
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=its, env=colourless
    ) as process:
        os.close(its)
        said = _until_closed(ours)
        assert process.wait() == 0, said
    assert shown in said


def test_a_file_is_told_nothing(shop: Path) -> None:
    process = start("verify", CLOSED, "--home", shop)
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")


def _until_closed(terminal: int) -> str:
    said = b""
    try:
        while piece := os.read(terminal, 65_536):
            said += piece
    except OSError:  # how Linux says that nobody has the other end any more
        pass
    os.close(terminal)
    return said.decode()
