"""The tools of others that verify evidence in the tests: sigstore-js, model_signing and cosign.

Each is called as a user calls it, as a program of its own; the answer is whether it accepted, and what
it said. None of them asks a network for anything.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets_tests.servers.leashed import node_packages

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
VERIFY_JS = HERE / "node" / "verify.js"
_SECONDS = 120
#: model_signing takes seconds to start, so one process answers many calls, each as a program would.
_MODEL_SIGNING = """
import json, sys
from click.testing import CliRunner
from model_signing._cli import main
answers = []
for words in json.load(sys.stdin):
    done = CliRunner().invoke(main, words)
    failed = done.exception is not None and not isinstance(done.exception, SystemExit)
    answers.append([done.exit_code == 0, done.output + (repr(done.exception) if failed else "")])
json.dump(answers, sys.stdout)
"""


@dataclass(frozen=True)
class Answer:
    """What a tool said."""

    accepted: bool
    text: str


def sigstore_js(words: Sequence[str | Path], cwd: Path) -> Answer:
    """Call ``node verify.js WORDS``.

    Raises:
        ServerUnavailableError: node or its packages cannot be had.
    """
    packages = node_packages(HERE / "node", "sigstore")
    node = shutil.which("node") or "node"
    return _call([node, VERIFY_JS, *words], cwd, NODE_PATH=str(packages / "node_modules"))


def model_signing(calls: Sequence[Sequence[str]], cwd: Path) -> list[Answer]:
    """Call ``model_signing WORDS`` for each list of words."""
    done = _call([sys.executable, "-c", _MODEL_SIGNING], cwd, given=json.dumps(calls))
    assert done.accepted, done.text
    return [Answer(accepted, text) for accepted, text in json.loads(done.text)]


def cosign_program() -> str | None:
    """Return the cosign that ``PLATFORM_TESTS_COSIGN`` names or the path has, None without one."""
    return os.environ.get("PLATFORM_TESTS_COSIGN") or shutil.which("cosign")


def cosign(words: Sequence[str | Path], cwd: Path) -> Answer:
    """Call ``cosign WORDS``; there has to be one."""
    program = cosign_program()
    assert program is not None
    return _call([program, *words], cwd)


def _call(
    command: Sequence[str | Path], cwd: Path, *, given: str = "", **environment: str
) -> Answer:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        input=given,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    accepted = done.returncode == 0
    return Answer(accepted, done.stdout if accepted else done.stdout + done.stderr)
