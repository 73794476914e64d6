"""Calling the command line: in this process, as from a shell, or as a process of its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platform_assets.cli.main import run_command

WIDTH = 80
COMMAND = Path(sys.executable).with_name("platform-assets")


@dataclass(frozen=True)
class Called:
    """What a call printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def call(*arguments: object) -> Called:
    """Call the command line."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run_command([str(argument) for argument in arguments])
    return Called(code, out.getvalue(), err.getvalue())


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start the installed command; its streams are pipes of text unless told otherwise."""
    given = [str(argument) for argument in arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([str(COMMAND), *given], **pipes)


def too_wide(text: str) -> list[str]:
    """Return the lines that a terminal of 80 columns breaks, but for those that are one long word."""
    return [
        line for line in text.splitlines() if len(line) > WIDTH and max(map(len, line.split())) < 40
    ]
